"""The exercise framework: calm about open answers, hard to fool, never in the way of Run All."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from tlcourse import exercises
from tlcourse.exercises import (
    Exercise,
    NotYet,
    describe,
    expect_choice,
    expect_number,
    expect_trained,
    expect_type,
    verify,
)


def count_outputs(answer):
    number = expect_number(answer, "the number of outputs", whole=True, low=1)
    if number > 128:
        return f"{number} outputs are those of the old layer."
    if number != 128:
        return f"{number} outputs do not give each class one."


def outputs(**changes):
    settings = {
        "title": "How many outputs?",
        "question": "Set `answer` to the number of outputs.",
        "hints": ["One each.", "Count `classes`.", "`len(classes)`"],
        "setup": "classes = range(128)",
        "solution": "answer = len(classes)",
        "wrong": [
            ("old layer", "answer = 1000"),
            ("one short", "answer = len(classes) - 1"),
            ("text", "answer = 'one each'"),
        ],
        "check": count_outputs,
        "takeaway": "One output for each <class>.",
    }
    return Exercise(**(settings | changes))


NETWORK = """
from torch import nn
def network():
    return nn.ModuleDict({"stem": nn.Conv2d(3, 4, 3), "body": nn.Conv2d(4, 4, 3),
                          "norm": nn.BatchNorm2d(4), "head": nn.Linear(4, 3)})
model = network()
"""
FREEZE = "for name, p in model.named_parameters(): p.requires_grad = "


def freezing(check):
    return Exercise(
        title="Freeze all but the head",
        question="Freeze `model`, but for its head.",
        hints=["Only the head learns.", "Look at `requires_grad`."],
        setup=NETWORK,
        solution=FREEZE + "name.startswith('head')",
        wrong=[
            ("the wrong slice is left free", FREEZE + "not name.startswith('head')"),
            ("everything is frozen", FREEZE + "False"),
            ("nothing is frozen", "pass"),
            ("batch norm forgotten", FREEZE + "name.startswith(('head', 'norm'))"),
            ("head's bias forgotten", FREEZE + "name == 'head.weight'"),
            (
                "one tensor of the stem left",
                FREEZE + "name.startswith('head') or name=='stem.bias'",
            ),
            ("the list of parameters, not the network", "model = list(model.parameters())"),
        ],
        names=("model",),
        check=check,
    )


def test_reference_passes_and_wrong_answers_do_not():
    verify(outputs())
    results = {label: result for label, _, result in outputs().self_test()}
    assert results["unanswered"].passed is None
    assert results["reference solution"].passed is True
    assert results["old layer"].message == "1000 outputs are those of the old layer."


def test_freezing_check_sees_the_wrong_slice():
    verify(freezing(lambda model: expect_trained(model, ["head"])))


def test_verify_catches_a_check_that_only_counts():
    """The fault of a well-known lab: the number of frozen tensors is right, the slice is not."""

    def count_only(model):
        if not isinstance(model, nn.Module):
            return "That is no network."
        if not 0 < sum(p.requires_grad for p in model.parameters()) < 8:
            return "Some parameters should be frozen, not all."

    with pytest.raises(AssertionError, match="the wrong slice is left free"):
        verify(freezing(count_only))


def test_verify_catches_a_check_that_believes_an_equal_sign():
    def believes(answer):
        if answer != 128 and not answer == 128:
            return "No."

    with pytest.raises(AssertionError, match="_EqualsEverything"):
        verify(outputs(check=believes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hints": ["One."]}, "two hints"),
        ({"wrong": [("a", "answer = 1"), ("b", "answer = 1 "), ("c", "answer = 2")]}, "three"),
        ({"solution": "answer = 7"}, "reference solution"),
        ({"check": lambda answer: None}, "old layer"),
        ({"check": lambda answer: "" if answer != 128 else None}, "say what is wrong"),
        ({"check": lambda answer: None if answer == 128 else "It is 128."}, "gives 128 away"),
        ({"check": lambda answer: answer == 128}, "reference solution"),
    ],
)
def test_verify_names_what_an_exercise_lacks(changes, complaint):
    with pytest.raises(AssertionError, match=complaint):
        verify(outputs(**changes))


def test_two_answers_and_the_one_still_open():
    pair = Exercise(
        title="Two",
        question="Trained and frozen?",
        hints=["a", "b"],
        solution="trained, frozen = 1, 2",
        wrong=[],
        names=("trained", "frozen"),
        check=lambda a, b: None if (a, b) == (1, 2) else "One of them is off.",
    )
    assert pair.judge(1, 2).passed is True
    assert pair.judge(2, 1).passed is False
    open_one = pair.judge(1, ...)
    assert open_one.passed is None
    assert "`frozen`" in open_one.message
    assert "`trained`" not in open_one.message
    assert "was given 1" in pair.judge(1).message


def empty_function(model):
    """Freeze the model."""
    ...


@pytest.mark.parametrize(
    "blank", [..., [1, ...], (..., 2), {"a": ...}, empty_function, lambda model: None]
)
def test_blank_answers(blank):
    assert outputs().judge(blank).passed is None


def answers_nothing():
    print("side effect")


def answers_one(x):
    return x


@pytest.mark.parametrize("given", [[], (), {}, [1], 0, answers_nothing, answers_one])
def test_wrong_answers_are_not_taken_for_blank_ones(given):
    assert outputs().judge(given).passed is False


class Hostile:
    """An object on which every question stops."""

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")

    def __eq__(self, other):
        raise RuntimeError("no comparing")

    __hash__ = None


@pytest.mark.parametrize(
    "given",
    [
        None,
        "text",
        [1, 2],
        {"a": 1},
        object(),
        Hostile(),
        np.zeros((2, 2)),
        torch.zeros(3),
        nn.LazyLinear(3).weight,
        nn.Linear(2, 2),
        nn.Linear,
        float("nan"),
        10**400,
        True,
        lambda x: x.nothing,
        sys.exit,
    ],
    ids=lambda given: type(given).__name__,
)
@pytest.mark.parametrize(
    "check",
    [
        count_outputs,
        lambda answer: expect_trained(answer, ["head"]),
        lambda answer: None if answer(1).shape[0] + answer.weight.sum() > 0 else "No.",
        lambda answer: None if answer == 128 and answer > 3 else f"Got {describe(answer)}.",
    ],
)
def test_check_never_raises_and_says_something_that_repeats(given, check, capsys):
    exercise = outputs(check=check)
    result = exercise.check(given)
    assert result.passed is False
    assert len(result.message) > 3
    assert "0x" not in str(result)
    assert str(exercise.judge(given)) == str(result)
    assert capsys.readouterr().out.startswith("Not yet (How many outputs?): ")


def test_a_fault_in_the_learners_function_is_named_with_its_line():
    def doubled(x):
        y = x + 1
        return y.wrong

    exercise = outputs(check=lambda f: None if f(1) == 2 else "No.", names=("doubled",))
    message = exercise.judge(doubled).message
    assert "`doubled` stopped with AttributeError" in message
    assert "2 lines below its `def`" in message


def test_a_learners_function_that_exits_does_not_end_the_notebook():
    def leaves(x):
        sys.exit(3)

    result = outputs(check=lambda f: f(1), names=("leaves",)).judge(leaves)
    assert result.passed is False
    assert "SystemExit" in result.message


def test_an_interrupt_still_interrupts():
    def interrupted(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outputs(check=interrupted).judge(128)


def test_checking_leaves_the_random_generators_alone():
    def noisy(answer):
        torch.manual_seed(answer)
        random.seed(answer)

    def draw():
        return torch.rand(1).item(), random.random()

    for seed in (torch.manual_seed, random.seed):
        seed(5)
    expected = draw()
    for seed in (torch.manual_seed, random.seed):
        seed(5)
    outputs(check=noisy).judge(128)
    assert draw() == expected


def test_hints_come_one_by_one(capsys):
    exercise = outputs()
    for _ in range(4):
        exercise.hint()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Hint 1 of 3",
        "Hint 2 of 3",
        "Hint 3 of 3",
        "Hint 3 of 3",
    ]
    assert "`solution()`" not in lines[2]
    assert "`solution()`" in lines[3]


def test_solution_is_shown_in_full_as_text(capsys):
    outputs().solution()
    assert "answer = len(classes)" in capsys.readouterr().out


@pytest.fixture
def shown(monkeypatch):
    """What would reach a notebook, as a list of MIME bundles."""
    import IPython
    import IPython.display

    bundles = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(
        IPython.display, "display", lambda bundle, raw: bundles.append(bundle) if raw else None
    )
    return bundles


def test_notebook_output_says_it_in_words_and_escapes(shown):
    exercise = outputs()
    exercise.check(...)
    exercise.check(3)
    exercise.check(128)
    exercise.solution()
    blank, wrong, right, solution = shown
    assert "Not answered yet" in blank["text/html"]
    assert "Not yet" in wrong["text/html"]
    assert "Right" in right["text/html"]
    assert "&lt;class&gt;" in right["text/html"]
    assert "<class>" not in right["text/html"]
    assert "<details><summary>" in solution["text/html"]
    assert all("0x" not in bundle["text/plain"] for bundle in shown)


def test_result_is_shown_once_in_a_real_shell():
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('from tlcourse.exercises import Exercise')\n"
        'shell.run_cell(\'q = Exercise(title="T", question="Q", hints=[], solution="",'
        " wrong=[], check=lambda a: None)')\n"
        "shell.run_cell('q.check(1)')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("That is it.") == 1


def test_importing_the_framework_does_not_import_torch():
    code = "import sys, tlcourse.exercises; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (3.0, 3),
        (np.int64(3), 3),
        (np.float32(3), 3),
        (torch.tensor(3), 3),
        (np.array([3]), 3),
    ],
)
def test_expect_number_takes_what_is_a_number(value, expected):
    got = expect_number(value, whole=True)
    assert got == expected
    assert type(got) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, "3", None, [3], float("inf"), 2.5, torch.zeros(2), 1 + 2j, -1, 11]
)
def test_expect_number_refuses_what_is_not(value):
    with pytest.raises(NotYet):
        expect_number(value, whole=True, low=0, high=10)


def test_expect_choice_and_type():
    assert expect_choice(" Frozen ", ("frozen", "trained")) == "frozen"
    for wrong in ("cold", 3, None):
        with pytest.raises(NotYet):
            expect_choice(wrong, ("frozen", "trained"))
    assert expect_type([1], list) == [1]


@pytest.mark.parametrize("given", ["b", " B ", "b)", "b:", "b.", "b: speed", "B) speed", "b so"])
def test_expect_choice_takes_a_letter_with_its_text(given):
    assert expect_choice(given, "abcd") == "b"


@pytest.mark.parametrize("given", ["", "bc", "b or c", "b, c", "because", "e)", ")b", "f: x"])
def test_expect_choice_refuses_what_names_no_letter(given):
    with pytest.raises(NotYet, match="choose one of"):
        expect_choice(given, "abcd")


def test_a_word_is_not_cut_to_its_first_letter():
    with pytest.raises(NotYet):
        expect_choice("frozen: all of it", ("frozen", "trained"))


def test_expect_type_names_what_it_asked_for():
    with pytest.raises(NotYet, match="list or tuple"):
        expect_type("ab", (list, tuple), "the sizes")


def test_expect_trained_says_when_a_part_is_gone():
    with pytest.raises(NotYet, match="no part called 'head'"):
        expect_trained(nn.Linear(2, 2), ["head"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None"),
        (3, "the number 3"),
        (True, "the truth value True"),
        ("x" * 100, "..."),
        ([1, 2], "a list of 2: [1, 2]"),
        ([object()], "a list of 1"),
        ({"a"}, "a set of 1"),
        (torch.zeros(2, 3), "a tensor of shape (2, 3)"),
        (np.zeros(4), "an array of shape (4,)"),
        (nn.Linear, "the class Linear"),
        (describe, "the function describe"),
        (nn.Linear(1, 1), "an object of type Linear"),
    ],
)
def test_describe(value, words):
    text = describe(value)
    assert words in text
    assert len(text) < 100


def test_all_public_names_exist():
    assert all(hasattr(exercises, name) for name in exercises.__all__)
