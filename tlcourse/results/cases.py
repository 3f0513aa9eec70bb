"""The four cases: where their borders lie, and what to try first in each, stated once."""

from typing import NamedTuple

LARGE = 150
"""Training pictures per class from which a data set counts as large."""
SIMILAR = 0.45
"""Similarity from which pictures count as similar to those of ImageNet."""
EARLY_CUT = "cut_<stage>"
"""Strategy of a case that cuts in the middle of a network: which stage that is, a network says."""


class Case(NamedTuple):
    """One case: its two sides, what to try first as a strategy and in a few words, and why."""

    size: str
    kind: str
    strategy: str
    recipe: str
    why: str


CASES = (
    Case(
        "small",
        "similar",
        "linear_probe",
        "freeze everything,\ntrain a new softmax",
        "The features fit and there are too few pictures to improve them: freeze all, "
        "train the new softmax.",
    ),
    Case(
        "large",
        "similar",
        "finetune_all",
        "fine-tune everything,\nif it is not good enough frozen",
        "The features fit and there are pictures enough to adapt them: start from the "
        "pretrained weights and train all, at a low learning rate.",
    ),
    Case(
        "small",
        "different",
        EARLY_CUT,
        "probe a few stages,\nkeep those up to the best one frozen",
        "The late features are about other things, the early ones are about edges and "
        "textures: cut early and train a linear classifier there.",
    ),
    Case(
        "large",
        "different",
        "finetune_all",
        "fine-tune everything\nfrom pretrained weights",
        "There are pictures enough to train everything; pretrained weights are still "
        "the better start, and seldom a worse one than random weights.",
    ),
)
