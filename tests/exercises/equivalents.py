"""Changes to a solution that a check takes, with the reason why it should.

By exercise: a part of what was changed, as `mutants` describes it, and the reason.
"""

_SAYS_SO = "a function that ends returns None anyway"
_FREE = "the question leaves it open"
_STRICT = "the lists have the same length"
_ROUNDING = "any bound between rounding and a change will do"

EQUIVALENT: dict[str, dict[str, str]] = {
    "00.q3": {
        "1 -> 2": "-2 is below every probability, too",
        "1 -> 0": "so is 0 for a largest one",
    },
    "01.q1": {"0 -> -1": "the only axis is the last one as well"},
    "01.q4": {"permute(2, 0, 1).float() -> pixels": "a division makes floats of whole numbers"},
    "04.q1": {
        "return None -> return": _SAYS_SO,
        "once // (ordinary - cached) -> once / ": "int() drops what is behind the point",
    },
    "04.q3": {
        "lr=0.003) -> torch": _FREE,
        "0.003 -> ": _FREE,
        "32 -> 33": _FREE,
        "32 -> 31": _FREE,
    },
    "04.q4": {"10000 -> ": "one percent of rounding is allowed", "112 -> ": "so it is here"},
    "04.q5": {"atol=0.0001) -> ": _ROUNDING, "0.0001 -> ": _ROUNDING},
    "05.q1": {"batch_norm='frozen') -> ": "it is the default"},
    "05.q4": {"zip(a, b, strict=True) -> ": _STRICT, "True -> False": _STRICT},
    "06.q1": {
        "prefix(stage).eval() -> ": "the network is handed over in eval mode",
        "mean((2, 3)).numpy() -> ": "scikit-learn takes tensors",
    },
    "07.q1": {
        "mean().item() -> ": "tensors are compared like numbers",
        "mean -> (head(A)": "of as many pictures, counts are ordered as shares are",
    },
    "07.q2": {"zip(accuracies, losses, strict=True) -> ": _STRICT, "True -> False": _STRICT},
    "03.q5": {"0 -> -1": "there is one group"},
    "08.q1": {
        "> math.log(3) -> ": "no loss is exactly ln 3",
        "3 -> 4": "the loss that breaks is above both",
        "1 -> 2": "the last epoch but one is broken at the same rate",
    },
    "09.q1": {
        "progress=False) -> ": "a bar to look at",
        "False -> True": "a bar to look at",
        "known.numpy() -> ": "scikit-learn reads them row by row",
        "asked.numpy() -> ": "scikit-learn reads them row by row",
    },
    "10.q1": {"return None -> return": _SAYS_SO, "return epoch\n    pass": _SAYS_SO},
    "10.q2": {
        "return None -> return": _SAYS_SO,
        "1 -> 2": "a difference is the same wherever one begins to count",
        "1 -> 0": "a difference is the same wherever one begins to count",
    },
    "11.q1": {
        "max_iter=500) -> ": "it has converged by then",
        "500 -> ": "it has converged by then",
    },
    "12.q6": {
        "0 -> ": "one picture more or less",
        "<= wanted -> ": "one session more or less",
        "np.unique -> np.sort": "sessions are drawn by their pictures, and still as a whole",
        "taken + more / 2 -> ": "one session more or less",
        "labels == label -> labels != label": "the other classes' sessions fill the share as well",
        "more / 2 -> ": "one session more or less",
        "2 -> ": "one session more or less",
    },
    "12.q7": {
        "weights_only=True) -> ": "PyTorch's default today",
        "True -> False": "it reads what was just written, though it would run code",
    },
    "12.q8": {
        ".detach() -> ": "who looks at pictures detaches them",
        "F.cross_entropy -> ": "another loss that rises with mistakes",
        "x.clone() -> ": "the caller's pictures are a copy already",
        "most * slope.sign() -> most / ": "a sign is its own inverse",
    },
    "13.q3": {
        "500 -> ": _FREE,
        "max_iter=500) -> ": _FREE,
        "mean((2, 3)).numpy() -> ": "scikit-learn takes tensors",
        "mean -> maps.sum": "features on another scale, ordered as before",
    },
    "14.q2": {"1 -> 2": "the step after the lowest point is a rise"},
    "14.q4": {
        ".numpy() -> ": "scikit-learn reads them row by row",
        "LogisticRegression(C=0.01, max_iter=500) -> ": "another strength finds them, too",
        "method='predict_proba') -> ": "five parts are the default",
        "progress=False) -> ": "a bar to look at",
        "0.01 -> ": "another strength finds them, too",
        "500 -> ": "it has converged by then",
        "5 -> ": "four or six parts do as well",
        "False -> True": "a bar to look at",
    },
    "15.q2": {
        "128 -> ": "another grey covers as well",
        "top // side -> top / side": "both are whole numbers",
        "left // side -> left / side": "both are whole numbers",
    },
}
