"""Exercises of lesson 12: your own pictures."""

import numpy as np

from tlcourse.exercises import Exercise, NotYet, describe, expect_choice, expect_number


def _expect_function(answer, name: str) -> None:
    if not callable(answer) or isinstance(answer, type):
        raise NotYet(f"`{name}` should be a function, but it is {describe(answer)}.")


# name, names that are taken, the right answer
_NAMES = (
    ("cat.jpg", {"dog.jpg"}, "cat.jpg"),
    ("cat.jpg", {"cat.jpg"}, "cat-2.jpg"),
    ("cat.jpg", {"cat.jpg", "cat-2.jpg", "cat-3.jpg"}, "cat-4.jpg"),
    ("cat.jpg", {"cat.jpg", "cat-3.jpg"}, "cat-2.jpg"),
    ("my.old.cat.png", {"my.old.cat.png"}, "my.old.cat-2.png"),
)


def _free_name(answer):
    _expect_function(answer, "free_name")
    for name, taken, right in _NAMES:
        found = answer(name, set(taken))
        case = f"For {name!r}, with {', '.join(sorted(taken))} taken,"
        if found == right:
            continue
        if not isinstance(found, str):
            return f"{case} it gives {describe(found)}; return a name."
        if found in taken:
            return f"{case} it gives {found!r}: that file would be written over."
        if not found.endswith(name[name.rindex(".") :]):
            return f"{case} it gives {found!r}, whose suffix does not tell the kind of file."
        if right == name:
            return f"{case} it gives {found!r}, but the name itself is free."
        return (
            f"{case} it gives {found!r}. Before the suffix, the first of -2, -3, ... that is free."
        )
    return None


q1 = Exercise(
    title="A free name",
    question="Write `free_name(name, taken)`: `name` is a file's name, `taken` a set of names. "
    "Return `name` where it is free, else the first free one with `-2`, `-3` and so on before its "
    "suffix, as in `cat-2.jpg`.",
    hints=[
        "`Path(name).stem` and `Path(name).suffix` are the two parts of a name.",
        "Count up from 2 in a `while` loop, as long as the name that you have made is in `taken`.",
    ],
    solution="""
def free_name(name, taken):
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{Path(name).stem}-{number}{Path(name).suffix}"
    return free
""",
    wrong=[
        ("writes over", "def free_name(name, taken):\n    return name"),
        (
            "tries once",
            "def free_name(name, taken):\n"
            "    path = Path(name)\n"
            '    return f"{path.stem}-2{path.suffix}" if name in taken else name',
        ),
        (
            "after the suffix",
            "def free_name(name, taken):\n"
            "    free, number = name, 1\n"
            "    while free in taken:\n"
            "        number += 1\n"
            '        free = f"{name}-{number}"\n'
            "    return free",
        ),
        (
            "cut at the first dot",
            "def free_name(name, taken):\n"
            "    free, number = name, 1\n"
            '    stem, suffix = name.split(".")[0], name.split(".")[-1]\n'
            "    while free in taken:\n"
            "        number += 1\n"
            '        free = f"{stem}-{number}.{suffix}"\n'
            "    return free",
        ),
        (
            "counts what is taken",
            "def free_name(name, taken):\n"
            "    path = Path(name)\n"
            "    if name not in taken:\n"
            "        return name\n"
            '    return f"{path.stem}-{len(taken) + 1}{path.suffix}"',
        ),
    ],
    names=("free_name",),
    setup="from pathlib import Path",
    check=_free_name,
    takeaway='Opening the file with "x" catches what has changed between looking and writing.',
)

# sessions of the training pictures, of the test pictures, the share that leaks
_SIDES = (
    (["a", "a", "b"], ["c", "d"], 0.0),
    (["a", "b", "c"], ["a", "a", "a", "d"], 0.75),
    (["a", "a", "a", "a", "b"], ["a", "c"], 0.5),
    (["a", "b"], ["a", "a", "b", "b"], 1.0),
)


def _leaked(answer):
    _expect_function(answer, "leaked")
    for train, test, right in _SIDES:
        case = f"for training sessions {train} and test sessions {test}"
        number = expect_number(answer(list(train), list(test)), f"what it gives {case}", low=0)
        if abs(number - right) < 1e-9:
            continue
        both = set(train) & set(test)
        if abs(number - len(both) / len(set(test))) < 1e-9:
            return f"{case.capitalize()} it gives the share of sessions. Count pictures."
        if number == sum(session in both for session in test):
            return f"{case.capitalize()} it gives a number of pictures, not a share."
        if abs(number - sum(session in both for session in train) / len(train)) < 1e-9:
            return f"{case.capitalize()} it gives a share of the training pictures."
        return f"{case.capitalize()} it gives {number:.3g}. Go through the test pictures."
    return None


q2 = Exercise(
    title="Leaks",
    question="Write `leaked(train_sessions, test_sessions)`: two lists, with the session of each "
    "picture. Return the share of the *test pictures* whose session stands among the training "
    "pictures too.",
    hints=[
        "`known = set(train_sessions)` are the sessions that were trained on.",
        "`sum(session in known for session in test_sessions)` counts; divide by their number.",
    ],
    solution="""
def leaked(train_sessions, test_sessions):
    known = set(train_sessions)
    return sum(session in known for session in test_sessions) / len(test_sessions)
""",
    wrong=[
        (
            "share of sessions",
            "def leaked(train_sessions, test_sessions):\n"
            "    known, asked = set(train_sessions), set(test_sessions)\n"
            "    return len(known & asked) / len(asked)",
        ),
        (
            "of the training pictures",
            "def leaked(train_sessions, test_sessions):\n"
            "    asked = set(test_sessions)\n"
            "    return sum(s in asked for s in train_sessions) / len(train_sessions)",
        ),
        (
            "a number",
            "def leaked(train_sessions, test_sessions):\n"
            "    return sum(s in train_sessions for s in test_sessions)",
        ),
        (
            "whether, not how many",
            "def leaked(train_sessions, test_sessions):\n"
            "    return float(bool(set(train_sessions) & set(test_sessions)))",
        ),
    ],
    names=("leaked",),
    check=_leaked,
    takeaway="Above zero, the test measures memory as well as recognition.",
)

# accuracy, margin, the least number of pictures
_MARGINS = ((0.9, 0.05, 139), (0.8, 0.05, 246), (0.9, 0.01, 3458), (0.5, 0.1, 97))


def _pictures_needed(answer):
    _expect_function(answer, "pictures_needed")
    for accuracy, margin, right in _MARGINS:
        case = f"for an accuracy of {accuracy} and a margin of {margin}"
        found = expect_number(answer(accuracy, margin), f"what it gives {case}", low=0)
        if found == right:
            continue
        text = f"{case.capitalize()} it gives {found:.5g}"
        if right - 1 < found < right:
            return f"{text}: that many pictures there cannot be. Which whole number is enough?"
        if found == right - 1:
            return f"{text}: with so many, the interval is still a little too wide."
        if abs(found - right / 1.96**2) <= 1:
            return f"{text}: the 1.96 is missing."
        if abs(found - right / 4) <= 1:
            return f"{text}: the margin is one half of the interval, not all of it."
        return f"{text}. Set the part after ± equal to the margin, and solve for n."
    return None


q3 = Exercise(
    title="How many test pictures?",
    question="Write `pictures_needed(accuracy, margin)`: the smallest whole number n for which "
    "1.96 times the root of accuracy × (1 − accuracy) / n is at most `margin`.",
    hints=[
        "Solve for n: the root has to be at most `margin / 1.96`, so square both sides.",
        "`1.96**2 * accuracy * (1 - accuracy) / margin**2`, rounded up with `math.ceil`.",
    ],
    solution="""
import math

def pictures_needed(accuracy, margin):
    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / margin**2)
""",
    wrong=[
        (
            "not rounded",
            "def pictures_needed(accuracy, margin):\n"
            "    return 1.96**2 * accuracy * (1 - accuracy) / margin**2",
        ),
        (
            "rounded down",
            "def pictures_needed(accuracy, margin):\n"
            "    return int(1.96**2 * accuracy * (1 - accuracy) / margin**2)",
        ),
        (
            "one standard error",
            "import math\n"
            "def pictures_needed(accuracy, margin):\n"
            "    return math.ceil(accuracy * (1 - accuracy) / margin**2)",
        ),
        (
            "margin not squared",
            "import math\n"
            "def pictures_needed(accuracy, margin):\n"
            "    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / margin)",
        ),
        (
            "the whole interval",
            "import math\n"
            "def pictures_needed(accuracy, margin):\n"
            "    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / (2 * margin) ** 2)",
        ),
    ],
    names=("pictures_needed",),
    check=_pictures_needed,
    takeaway="Half the margin takes four times the pictures, and they must be independent ones.",
)

# probabilities, threshold, the right answer; always of the same three classes
_THREE = ("misty", "neither", "tigger")
_ANSWERS = (
    ((0.1, 0.2, 0.7), 0.6, "tigger"),
    ((0.4, 0.25, 0.35), 0.6, None),
    ((0.6, 0.3, 0.1), 0.6, "misty"),  # just as sure as was asked for
    ((0.05, 0.9, 0.05), 0.6, "neither"),
    ((0.4, 0.25, 0.35), 0.3, "misty"),
)


def _name_or_none(answer):
    _expect_function(answer, "name_or_none")
    for probabilities, threshold, right in _ANSWERS:
        found = answer(np.array(probabilities), _THREE, threshold)
        case = f"For probabilities {list(probabilities)} and a threshold of {threshold}"
        if found is None and right is None:
            continue
        if isinstance(found, str) and found == right:
            continue
        if right is None:
            return f"{case} it gives {describe(found)}. Is any class as probable as was asked for?"
        if found is None:
            return f"{case} it gives None, but the largest is at least the threshold."
        if not isinstance(found, str):
            return f"{case} it gives {describe(found)}; return the name of a class, or None."
        return f"{case} it gives {found!r}. Which class is the most probable?"
    return None


q4 = Exercise(
    title="I do not know",
    question="Write `name_or_none(probabilities, classes, threshold)`: the name of the most "
    "probable class where its probability is at least `threshold`, otherwise `None`.",
    hints=[
        "`best = int(np.argmax(probabilities))` is the position of the largest.",
        "Return `classes[best]` if `probabilities[best] >= threshold`, else `None`.",
    ],
    solution="""
def name_or_none(probabilities, classes, threshold):
    best = int(np.argmax(probabilities))
    return classes[best] if probabilities[best] >= threshold else None
""",
    wrong=[
        (
            "always a name",
            "def name_or_none(probabilities, classes, threshold):\n"
            "    return classes[int(np.argmax(probabilities))]",
        ),
        (
            "a position",
            "def name_or_none(probabilities, classes, threshold):\n"
            "    best = int(np.argmax(probabilities))\n"
            "    return best if probabilities[best] >= threshold else None",
        ),
        (
            "the first above it",
            "def name_or_none(probabilities, classes, threshold):\n"
            "    for name, p in zip(reversed(classes), reversed(probabilities)):\n"
            "        if p >= threshold:\n"
            "            return name",
        ),
        (
            "more than, not at least",
            "def name_or_none(probabilities, classes, threshold):\n"
            "    best = int(np.argmax(probabilities))\n"
            "    return classes[best] if probabilities[best] > threshold else None",
        ),
    ],
    names=("name_or_none",),
    setup="import numpy as np",
    check=_name_or_none,
    takeaway="A threshold refuses the unsure; the sure and wrong it lets pass.",
)

_SENTENCES = {
    "a": "The best of five was found with the test pictures: they have helped to choose.",
    "c": "The test pictures were of these cats, in these places. Any pet was not measured.",
    "d": "That is a range over seeds, on the same test pictures. Other pictures would vary more.",
}


def _sentence(answer):
    return _SENTENCES.get(expect_choice(answer, ("a", "b", "c", "d")))


q5 = Exercise(
    title="What may be said?",
    question="Five seeds gave test accuracies from 0.84 to 0.91; the model that was fixed "
    "beforehand as the one to hand on has 0.86. Which sentence may stand on its page? "
    "a: accuracy 0.91, the best of five runs. "
    "b: accuracy 0.86 on 99 test pictures of 33 sessions; five seeds gave 0.84 to 0.91. "
    "c: accuracy 0.86, so 86 of 100 pictures of any pet are recognised. "
    "d: accuracy 0.84 to 0.91 with 95 % confidence.",
    hints=[
        "Which of the models will the reader of the page have?",
        "And what varies between seeds: the training, or the pictures that were asked about?",
    ],
    solution='answer = "b"',
    wrong=[
        ("the luckiest", 'answer = "a"'),
        ("any pet", 'answer = "c"'),
        ("a range as an interval", 'answer = "d"'),
    ],
    check=_sentence,
    takeaway="A number on a page needs its pictures: how many, from where, and of which model.",
)
