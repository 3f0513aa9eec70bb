import pytest

import tlcourse as tl
from tlcourse.base.claims import ClaimFailedError


def test_a_claim_that_does_not_hold_turns_red(capsys):
    assert tl.claim("1 < 2", 1 < 2) is True
    assert capsys.readouterr().out == "Holds: 1 < 2\n"
    with pytest.raises(ClaimFailedError, match="does not hold here: 2 < 1"):
        tl.claim("2 < 1", 2 < 1)


def test_a_run_that_is_too_small_only_reports(capsys):
    assert tl.claim("2 < 1", 2 < 1, strict=False) is False
    assert "Does not hold in this run" in capsys.readouterr().out


def test_no_number_bears_nothing_out():
    assert not tl.claim("it gains", float("nan"), strict=False)
