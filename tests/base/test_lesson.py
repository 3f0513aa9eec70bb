"""The four values of a lesson's first cell, and what becomes of them."""

import pytest
import torch

import tlcourse as tl


@pytest.mark.parametrize(
    ("profile", "dataset", "strict", "seeds"),
    [
        ("smoke", "pets", False, [3]),
        ("lesson", "pets", True, [3, 4]),
        ("full", "pets", True, [3, 4, 5, 6, 7]),
        ("lesson", "digits", False, [3, 4]),
    ],
)
def test_claims_hold_for_the_lessons_own_pictures(profile, dataset, strict, seeds):
    setup = tl.lesson_setup(profile, "cpu", dataset, 3, runs=(1, 2, 5))
    assert setup.strict is strict
    assert list(setup.seeds) == seeds
    assert setup.device == torch.device("cpu")


def test_a_lesson_may_have_other_pictures_of_its_own():
    assert tl.lesson_setup("lesson", "cpu", "digits", 0, own="digits").strict


def test_a_profile_that_is_not_there_is_named():
    with pytest.raises(tl.CourseError, match="'fast' is not one of smoke, lesson, full"):
        tl.lesson_setup("fast", "cpu", "pets", 0)
