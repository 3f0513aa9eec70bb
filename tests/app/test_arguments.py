"""Text from the command line becomes a value, or a sentence that says what would."""

import argparse

import pytest

from tlcourse.app.arguments import add_layout, duration, share


@pytest.mark.parametrize("text, seconds", [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)])
def test_times(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0", "0s", "-3m", "5 minutes", "5d", "1e3s"])
def test_what_is_no_time(text):
    with pytest.raises(argparse.ArgumentTypeError, match="no time such as"):
        duration(text)


def test_shares():
    assert share("0.6") == 0.6
    for text in ("60", "-0.1", "much", "nan"):
        with pytest.raises(argparse.ArgumentTypeError, match="not a probability"):
            share(text)


def test_split_folders():
    parser = argparse.ArgumentParser()
    add_layout(parser)
    words = ["--split-folders", "part 1=train,b=c=test"]
    assert parser.parse_args(words).split_folders == {"part 1": "train", "b=c": "test"}
    assert parser.parse_args(["--split-folders", "none"]).split_folders == {}
    assert parser.parse_args([]).split_folders is None
    with pytest.raises(SystemExit):
        parser.parse_args(["--split-folders", "part1"])
