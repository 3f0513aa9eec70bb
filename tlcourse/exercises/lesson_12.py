"""Exercises of lesson 12: your own pictures."""

from tlcourse.exercises import (
    Exercise,
    lesson_summary,
    single_choice,
)
from tlcourse.exercises.checks_12 import (
    comes_back_the_same,
    fools_the_model,
    leaks_are_counted,
    names_are_free,
    split_by_session,
)
from tlcourse.exercises.checks_12_figures import knows_when_not_to_say, margin_is_kept

q1 = Exercise(
    title="A free name",
    question="Write `free_name(name, taken)`: `name` is a file's name, `taken` a set of names. "
    "Return `name` where it is free, else the first free one with `-2`, `-3` and so on before its "
    "suffix, as in `cat-2.jpg`.",
    hints=[
        "`Path(name).stem` and `Path(name).suffix` are the two parts of a name.",
        "Make names with a number that counts up, always from the two parts of the old one, until "
        "one is free.",
    ],
    solution="""
def free_name(name, taken):
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{Path(name).stem}-{number}{Path(name).suffix}"
    return free
""",
    explanation="The loop is not entered where the name is free. Each try is made from the old "
    "name, so that numbers do not pile up, and `suffix` is what follows the last dot.",
    names=("free_name",),
    setup="from pathlib import Path",
    check=names_are_free,
    takeaway='Opening the file with "x" catches what has changed between looking and writing.',
)


q2 = Exercise(
    title="Leaks",
    question="Write `leaked(train_sessions, test_sessions)`: two lists, with the session of each "
    "picture. Return the share of the *test pictures* whose session stands among the training "
    "pictures too.",
    hints=[
        "A `set` of the sessions that were trained on answers quickly whether one is among them.",
        "Go through the test pictures, one by one, and count. What do you divide by?",
    ],
    solution="""
def leaked(train_sessions, test_sessions):
    known = set(train_sessions)
    return sum(session in known for session in test_sessions) / len(test_sessions)
""",
    explanation="True counts as one, so the sum is the number of test pictures that leak; the "
    "share is of the test pictures, since the test accuracy is theirs.",
    names=("leaked",),
    check=leaks_are_counted,
    takeaway="Above zero, the test measures memory as well as recognition.",
)


q3 = Exercise(
    title="How many test pictures?",
    question="Write `pictures_needed(accuracy, margin)`: the smallest whole number n for which "
    "1.96 times the root of accuracy × (1 − accuracy) / n is at most `margin`.",
    hints=[
        "Solve for n: the root has to be at most `margin / 1.96`, so square both sides.",
        "The result is seldom whole. Which way do you round, if it has to be enough?",
    ],
    solution="""
import math

def pictures_needed(accuracy, margin):
    return math.ceil(1.96**2 * accuracy * (1 - accuracy) / margin**2)
""",
    explanation="Squared, 1.96² × accuracy × (1 − accuracy) / n is at most margin², so n is at "
    "least their quotient; the smallest whole number is that one rounded up.",
    names=("pictures_needed",),
    check=margin_is_kept,
    takeaway="Half the margin takes four times the pictures, and they must be independent ones.",
)


q4 = Exercise(
    title="I do not know",
    question="Write `name_or_none(probabilities, classes, threshold)`: the name of the most "
    "probable class where its probability is at least `threshold`, otherwise `None`.",
    hints=[
        "`argmax` gives the position of the largest probability.",
        "The same position has a name in `classes` and a probability to compare.",
    ],
    solution="""
def name_or_none(probabilities, classes, threshold):
    best = int(np.argmax(probabilities))
    return classes[best] if probabilities[best] >= threshold else None
""",
    explanation="Only the most probable class can be said at all, so it is found first. At least "
    "means that exactly the threshold is enough.",
    names=("name_or_none",),
    setup="import numpy as np",
    check=knows_when_not_to_say,
    takeaway="A threshold refuses the unsure; the sure and wrong it lets pass.",
)

q5 = single_choice(
    title="What may be said?",
    question="Five seeds gave test accuracies from 0.84 to 0.91; the model that was fixed "
    "beforehand as the one to hand on has 0.86. Which sentence may stand on its page? Set `answer` "
    "to a letter.",
    options=[
        (
            '"Accuracy 0.91 (best of five runs)."',
            "The best of five was found with the test pictures: they have helped to choose.",
        ),
        (
            '"Accuracy 0.86 on 99 test pictures of 33 sessions; five seeds gave 0.84 to 0.91."',
            None,
        ),
        (
            '"Accuracy 0.86, so 86 of 100 pictures of any pet are recognised."',
            "The test pictures were of these cats, in these places. Any pet was not measured.",
        ),
        (
            '"Accuracy 0.84 to 0.91 with 95 % confidence."',
            "That is a range over seeds, on the same test pictures. Other pictures would vary "
            "more.",
        ),
    ],
    hints=[
        "Which of the models will the reader of the page have?",
        "And what varies between seeds: the training, or the pictures that were asked about?",
    ],
    explanation="The reader has the model with 0.86. How many pictures of how many sessions stand "
    "behind it says how sure the number is; the range over seeds is given as what it is.",
    takeaway="A number on a page needs its pictures: how many, from where, and of which model.",
)


q6 = Exercise(
    title="Split by session",
    question="Write `split(labels, sessions, share, seed)`: arrays with the class and the session "
    "of each picture, the share of pictures to test on, and a seed. Return two arrays of "
    "positions, training first. No session is on both sides, every class is, every picture is on "
    "one of them, and the test side has about the share (12 points more or less will do). Another "
    "seed gives another split.",
    hints=[
        "Draw sessions, not pictures; then take all pictures of the sessions that were drawn.",
        "Go class by class, so that each one is on both sides, the rare ones, too. scikit-learn's "
        "`StratifiedGroupKFold` heeds classes and sessions, `GroupShuffleSplit` sessions alone.",
    ],
    solution="""
def split(labels, sessions, share, seed):
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        wanted = share * np.sum(labels == label)
        taken = 0
        for session in rng.permutation(np.unique(sessions[labels == label])):
            more = np.sum(sessions == session)
            if taken + more / 2 <= wanted:
                chosen.append(session)
                taken += more
    test = np.isin(sessions, chosen)
    return np.flatnonzero(~test), np.flatnonzero(test)
""",
    explanation="Sessions are shuffled within each class and taken while they bring the class "
    "nearer to its share. A picture follows its session, so nothing can be on both sides.",
    names=("split",),
    setup="import numpy as np",
    check=split_by_session,
    takeaway="Use it on your folder: `sources_of(images)` numbers the sessions, and `leaked` must "
    "say 0.",
)


q7 = Exercise(
    title="Save, reload, the same answers",
    question="In plain PyTorch, write `save(model, path)`, and `load(path, build)`, where "
    "`build()` makes a model of the same shape with other weights. What `load` returns is ready to "
    "be asked and gives, to the bit, the answers that the saved model gives in eval mode. Saving "
    "leaves the model as it is.",
    hints=[
        "A state dict holds parameters and running statistics; `parameters()` holds less.",
        "Which mode is a model in that is to be asked, and which one did `build()` leave it in?",
    ],
    solution="""
def save(model, path):
    torch.save(model.state_dict(), path)


def load(path, build):
    model = build()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()
""",
    explanation="The state dict has everything that was learnt, running statistics included. "
    "`eval()` makes batch norm use them. `weights_only=True` runs no code from the file.",
    names=("save", "load"),
    setup="import torch",
    check=comes_back_the_same,
    takeaway="`tl.save_model` and `tl.load_model` also keep names and preprocessing: without them, "
    "the numbers mean nothing.",
)


q8 = Exercise(
    title="Make it fail on purpose",
    question="Write `fool(model, x, y, most)`: `x` are pixels of pictures, which the model (in "
    "eval mode) names `y`. Return changed copies of them, in which no value differs by more than "
    "`most`, and most of which the model names otherwise. The model stays as it is, and no "
    "gradients stay in its parameters.",
    hints=[
        "A gradient can be taken of the loss with respect to the pictures, too: they need "
        "`requires_grad`.",
        "`torch.autograd.grad(loss, x)` returns it and leaves nothing behind. Each value may go by "
        "`most`: which way does the sign of the gradient tell?",
    ],
    solution="""
def fool(model, x, y, most):
    x = x.clone().requires_grad_(True)
    loss = F.cross_entropy(model(x), y)
    (slope,) = torch.autograd.grad(loss, x)
    return (x + most * slope.sign()).detach()
""",
    explanation="Up the slope of the loss, each value goes as far as it may: small changes that "
    "all pull in one direction add up. That is the fast gradient sign method (Goodfellow et al. "
    "2015).",
    names=("fool",),
    setup="import torch\nfrom torch.nn import functional as F",
    check=fools_the_model,
    takeaway="Try it on a picture of your own with a small `most`, and look at both: what fools "
    "the network need not be seen.",
)

summary = lesson_summary(__name__)
