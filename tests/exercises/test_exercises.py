"""The exercise framework: calm about open answers, hard to fool, never in the way of Run All."""

import copy
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import nn

from tlcourse import exercises
from tlcourse.base.errors import CourseError
from tlcourse.exercises import (
    Exercise,
    NotYet,
    compare,
    describe,
    expect_choice,
    expect_letter,
    expect_number,
    expect_numbers,
    expect_trained,
    expect_truth,
    expect_type,
    open_question,
    read_number,
    running,
    single_choice,
)
from tlcourse.exercises.summary import summarise


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
        "hints": ["One each.", "Count `classes`.", "What does `len` do?"],
        "setup": "classes = range(128)",
        "solution": "answer = len(classes)",
        "explanation": "As many as there are classes.",
        "check": count_outputs,
        "takeaway": "One output for each <class>.",
    }
    return Exercise(**(settings | changes))


def doubling(**changes):
    """An exercise about a function, whose answers are source."""
    settings = {"names": ("double",), "check": _doubles, "solution": "double = lambda x: 2 * x"}
    return outputs(**(settings | changes))


def _doubles(answer):
    compare(
        answer,
        "double",
        [(1,), (2.5,), (-3,), (0,)],
        lambda x: 2 * x,
        read=read_number,
        slips=[(lambda x: x * x, "That is the square."), (lambda x: x + 1, "That is one more.")],
        say="Twice as much is asked for.",
    )


def judged(source, exercise=None):
    exercise = exercise or doubling()
    return exercise.judge(*exercise.run(source))


def test_reference_and_wrong_answers():
    exercise = outputs()
    assert exercise.judge(*exercise.run(exercise.reference)).passed is True
    assert exercise.judge(1000).message == "1000 outputs are those of the old layer."
    assert exercise.judge(...).passed is None


def test_two_answers_and_the_one_still_open():
    pair = outputs(
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


def test_a_diagnosis_has_to_fit_every_case_that_fails():
    assert judged("double = lambda x: x * x").message == "That is the square."
    # Right for 1 and -3 by one rule, wrong for others by another: no diagnosis fits.
    mixed = "double = lambda x: x * x if x < 2 else x + 1"
    assert judged(mixed).message.endswith("Twice as much is asked for.")


@pytest.mark.parametrize(
    "source",
    [
        "double = lambda x: 2 * x",
        "from functools import partial\nimport operator\ndouble = partial(operator.mul, 2)",
        "class D:\n    def __call__(self, x): return x + x\ndouble = D()",
        "class D:\n    def twice(self, x): return x * 2\ndouble = D().twice",
        "import numpy as np\ndouble = lambda x: np.float64(2 * x)",
        "import torch\ndouble = lambda x: torch.tensor([2.0 * x])",
        "import numpy as np\ndouble = np.frompyfunc(lambda x: 2 * x, 1, 1)",
    ],
)
def test_any_callable_and_any_scalar_will_do(source):
    assert judged(source).passed is True


def test_a_forgotten_return_is_named():
    assert "forget to `return`" in judged("def double(x):\n    y = 2 * x").message


def test_a_wrong_signature_is_told_in_the_errors_own_words():
    message = judged("def double():\n    return 2").message
    assert "double() takes 0 positional arguments but 1 was given" in message
    assert "In line" not in message


def test_a_fault_shows_the_learners_line_and_no_other():
    source = "import json\ndef helper(x):\n    return json.loads(x)\n"
    source += "def double(x):\n    y = x + 1\n    return helper(y)"
    message = judged(source).message
    assert message.startswith("`double` stopped with TypeError: the JSON object must be str")
    assert message.endswith("In line 2 of `helper`: `return json.loads(x)`")


def test_a_fault_of_an_object_is_told_too():
    class Broken(nn.Module):
        def forward(self, x):
            return x.nothing

    exercise = outputs(check=lambda model: None if model(torch.ones(1)) == 1 else "No.")
    namespace = {"nn": nn}
    source = "class Broken(nn.Module):\n    def forward(self, x):\n        return x.nothing\n"
    exec(compile(source, "<cell>", "exec"), namespace)
    message = exercise.judge(namespace["Broken"]()).message
    assert "AttributeError" in message
    assert "In line 2 of `forward`" in message


def test_what_never_ends_is_given_up(monkeypatch):
    monkeypatch.setattr(running, "LIMIT", 0.3)
    started = time.monotonic()
    result = judged("def double(x):\n    while True:\n        pass")
    assert result.passed is False
    assert "still running after 0.3 seconds" in result.message
    assert time.monotonic() - started < 5
    time.sleep(0.2)  # and it does not go on in secret
    assert not any(t.name.endswith("(run)") for t in threading.enumerate())


def test_what_swallows_every_exception_is_given_up_too(monkeypatch):
    monkeypatch.setattr(running, "LIMIT", 0.3)
    source = "import time\ndef double(x):\n    end = time.monotonic() + 3\n"
    source += "    while time.monotonic() < end:\n        try:\n            time.sleep(0.01)\n"
    source += "        except BaseException:\n            pass"
    started = time.monotonic()
    assert "still running" in judged(source).message
    assert time.monotonic() - started < 2.5


def test_the_learners_own_model_is_never_touched():
    def tramples(model, optimizer):
        model.train()(torch.randn(8, 3))
        nn.init.zeros_(model[0].weight)
        return None if optimizer.param_groups[0]["params"][0] is model[0].weight else "Apart."

    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = copy.deepcopy(model.state_dict())
    exercise = outputs(check=tramples, names=("model", "optimizer"))
    assert exercise.judge(model, optimizer).passed is True
    assert not model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def freezing():
    return outputs(check=lambda model: expect_trained(model, ["head"]), names=("model",))


FREEZE = "for name, p in model.named_parameters(): p.requires_grad = "


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ("name.startswith('head')", True),
        ("not name.startswith('head')", False),
        ("False", False),
        ("True", False),
        ("name.startswith(('head', 'norm'))", False),
        ("name == 'head.weight'", False),
        ("name.startswith('head') or name == 'stem.bias'", False),
    ],
)
def test_freezing_check_sees_every_tensor(rule, right):
    """The fault of a well-known lab: the number of frozen tensors is right, the slice is not."""
    model = nn.ModuleDict(
        {
            "stem": nn.Conv2d(3, 4, 3),
            "norm": nn.BatchNorm2d(4),
            "head": nn.Linear(4, 3),
        }
    )
    exec(FREEZE + rule, {"model": model})
    assert freezing().judge(model).passed is right


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


def test_hints_come_one_by_one_and_earlier_ones_again(capsys):
    exercise = outputs()
    for number in (None, None, 1, None, None, 2, 9, "1"):
        exercise.hint(number) if number is not None else exercise.hint()
    lines = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    hints = ["Hint 1 of 3", "Hint 2 of 3", "Hint 1 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert lines == [*hints, "Hint 2 of 3", "There are 3 hints", "There are 3 hints"]
    assert exercise.hints_seen == 3


def test_only_after_the_last_hint_the_solution_is_named(capsys):
    exercise = outputs()
    for _ in range(4):
        exercise.hint()
    lines = capsys.readouterr().out.splitlines()
    assert "`solution()`" not in lines[2]
    assert "`solution()`" in lines[3]


def test_solution_is_shown_in_full_as_text_with_prose(capsys):
    outputs().solution()
    shown = capsys.readouterr().out
    assert "answer = len(classes)" in shown
    assert "As many as there are classes." in shown


def test_single_choice_replies_to_each_letter():
    choice = single_choice(
        title="T",
        question="Q",
        options=[("first", "Not this."), ("second", None), ("third", "Nor this.")],
        hints=["x", "y"],
        explanation="z",
        takeaway="Well.",
    )
    assert choice.judge("b").passed is True
    assert choice.judge("c").message == "Nor this."
    assert (
        "exactly one" in choice.judge("b & a").message or "choose" in choice.judge("b & a").message
    )
    assert "b: second" in repr(choice)
    assert "<li>b: second</li>" in choice._repr_html_()
    assert choice.reference == 'answer = "b"'


def test_an_open_question_shows_its_rubric_and_is_not_called_right():
    asked = open_question(
        title="T", question="Q", hints=["x", "y"], solution="s", rubric=["says why", "says how"]
    )
    text = "Two walks are few sources, so I would take another walk before I train anything at all."
    result = asked.judge(text)
    assert result.heading == "Handed in"
    assert "(2) says how" in result.message
    assert asked.judge("Train it.").passed is False


def test_summary_counts_and_exports_a_line(tmp_path):
    first, second = outputs(), outputs(title="Another, with a comma")
    for answer in (..., 3, 128, 5):
        first.check(answer)
    second.hint()
    second.solution()
    summary = summarise("03", {"q1": first, "q2": second, "other": 7})
    assert summary.csv('Ann "A", B') == '"Ann ""A"", B",03,1,2,1,3,0,0'
    assert summary.columns[:6] == ("learner", "lesson", "solved", "of", "q1", "q1_tries")
    assert "1 of 2 solved" in str(summary)
    assert "solution seen" in str(summary)
    path = tmp_path / "class.csv"
    summary.save(path, "Ann")
    summary.save(path, "Bob")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["learner", "Ann", "Bob"]
    path.write_text("\n".join(lines), encoding="utf-8")  # as some editors leave it
    summary.save(path, "Cem")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["learner", "Ann", "Bob", "Cem"]
    with pytest.raises(CourseError, match="columns of lesson 04"):
        summarise("04", {"q3": first}).save(path, "Ann")


def test_every_lesson_has_a_summary():
    from tlcourse.exercises import lesson_00

    assert [row[0] for row in lesson_00.summary().rows] == ["q1", "q2", "q3", "q4"]


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
        ' explanation="", check=lambda a: None)\')\n'
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


OPTIONS = {"a": "the same rate", "b": "speed and a cut", "c": "no matter", "d": "a or b"}


@pytest.mark.parametrize(
    "given",
    ["b", " B ", "b)", "(b)", "[b]", "b:", "b.", "b: speed", "B) speed and a cut", "b so it is",
     ["b"], ("b",), np.array("b"), np.str_("b")],
)  # fmt: skip
def test_expect_letter_takes_one_letter_with_its_text(given):
    assert expect_letter(given, OPTIONS) == "b"


@pytest.mark.parametrize(
    "given",
    ["", "bc", "b or c", "b, c", "b & a", "b/a", "b + a", "b; a", "b) a)", "b and c", "b a", "a b",
     "b: or c", "b) or rather c", "because", "e)", ")b", "f: x", ["b", "a"], 2, None, "b-", "b?"],
)  # fmt: skip
def test_expect_letter_refuses_what_names_no_letter_or_more(given):
    with pytest.raises(NotYet):
        expect_letter(given, OPTIONS)


def test_a_word_is_not_cut_to_its_first_letter():
    with pytest.raises(NotYet):
        expect_choice("frozen: all of it", ("frozen", "trained"))


@pytest.mark.parametrize(
    "value",
    [[1, 2.5], (1, 2.5), np.array([1, 2.5]), torch.tensor([1, 2.5]), [np.int64(1), 2.5],
     [torch.tensor(1), torch.tensor([2.5])], nn.Parameter(torch.tensor([1, 2.5]))],
)  # fmt: skip
def test_expect_numbers_takes_lists_arrays_and_tensors_alike(value):
    assert expect_numbers(value).tolist() == [1, 2.5]


@pytest.mark.parametrize("value", ["12", [1, "2"], None, {1, 2}, [True], [1, [2]], [float("nan")]])
def test_expect_numbers_refuses_what_is_not(value):
    with pytest.raises(NotYet):
        expect_numbers(value)


def test_expect_truth():
    for value in (True, np.True_, torch.tensor(True), np.array([True])):
        assert expect_truth(value) is True
    for value in (1, "True", None, np.array([True, False])):
        with pytest.raises(NotYet):
            expect_truth(value)


def test_expect_type_names_what_it_asked_for():
    with pytest.raises(NotYet, match="list or tuple"):
        expect_type("ab", (list, tuple), "the sizes")


def test_expect_type_speaks_of_texts_and_dicts():
    with pytest.raises(NotYet, match="should be a text, but it is the number 3"):
        expect_type(3, str)
    with pytest.raises(NotYet, match="should be a dict, but it is a list of 1"):
        expect_type([1], Mapping)
    assert describe({"stem": 1 / 3, "stage1": 2}) == "a dict of 2: {'stem': 0.333, 'stage1': 2}"
    assert describe({"stem": object()}) == "a dict of 1"


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
