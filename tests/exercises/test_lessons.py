"""Every exercise: its check takes what is right in any clothes, and cannot be fooled."""

import copy
import difflib
import functools
import time
from collections import Counter

import pytest
from equivalents import EQUIVALENT
from exercise_answers import answers, exercises
from mutants import mutants

import tlcourse as tl
from tlcourse.exercises import running

ALL = [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in exercises()]
SLOWEST = 3.0  # seconds of processor time that a check may need


@pytest.fixture(autouse=True, scope="module")
def kept_backbones():
    """Networks are read or drawn once, and copied for each answer."""
    load, kept = tl.load_backbone, functools.cache(tl.load_backbone)
    tl.load_backbone = lambda *args, **options: copy.deepcopy(kept(*args, **options))
    yield
    tl.load_backbone = load


def judged(exercise, answers, expected):
    """What a check says. What is wrong may never end: that is found out sooner."""
    running.LIMIT, limit = (60.0 if expected else 3.0), running.LIMIT
    try:
        return exercise.judge(*answers)
    finally:
        running.LIMIT = limit


class _EqualsEverything:
    """Passes a check that only compares with ``==``."""

    def __eq__(self, other):
        return True

    __hash__ = None


def _stops(*args, **kwargs):
    raise RuntimeError("stopped on purpose")


@pytest.mark.parametrize(("number", "name", "exercise"), ALL)
def test_hints_help_and_the_solution_explains(number, name, exercise):
    assert len(exercise.hints) >= 2
    code = exercise.reference.splitlines()
    lines = [line.strip() for line in code if len(line.strip()) > 12 and "def " not in line]
    for hint in exercise.hints:
        assert len(hint.split()) >= 5, f"too short a hint: {hint}"
        for line in lines:
            assert line.removeprefix("return ") not in hint, f"the hint gives it away: {hint}"
    assert len(exercise.explanation.split()) >= 10, "say why the solution is one"
    assert exercise.takeaway


@pytest.mark.parametrize(("number", "name", "exercise"), ALL)
def test_right_answers_pass_and_wrong_ones_do_not(number, name, exercise):
    given = answers(number, name, exercise)
    right, wrong = ([a for a in given if a.right is kind] for kind in (True, False))
    assert len({a.source for a in wrong}) >= 8, f"{len(wrong)} wrong answers; eight at least"
    assert len({a.source for a in right}) >= 4, f"{len(right)} right answers; four at least"
    faults = []
    blank = exercise.judge(*[...] * len(exercise.names))
    if blank.passed is not None:
        faults.append(f"unanswered: {blank}")
    reference_answers = exercise.run(exercise.reference)
    judged(exercise, reference_answers, True)  # what is loaded once is not timed
    started = time.process_time()
    reference = judged(exercise, reference_answers, True)
    took = time.process_time() - started
    if reference.passed is not True:
        faults.append(f"reference: {reference}")
    if took > SLOWEST:
        faults.append(f"the check takes {took:.1f} s")
    for answer in given:
        result = judged(exercise, exercise.run(answer.source), answer.right)
        if result.passed is not answer.right:
            faults.append(f"{answer.label}: passed={result.passed}: {result.message}")
        elif result.tripped:
            faults.append(f"{answer.label}: say what is wrong instead of: {result.message}")
    for odd in (None, object(), float("nan"), _EqualsEverything(), _stops):
        result = judged(exercise, [odd] * len(exercise.names), False)
        if result.passed is not False or "0x" in str(result):
            faults.append(f"{odd}: {result}")
    faults += _given_away(exercise, wrong)
    assert not faults, "\n" + "\n".join(faults)


def _given_away(exercise, wrong):
    # Short numbers turn up in any message by chance; from three digits on it is no accident.
    secrets = [str(a) for a in exercise.run(exercise.reference) if isinstance(a, (int, float))]
    secrets = [text for text in secrets if len(text) >= 4 and text not in exercise.question]
    for answer in wrong if secrets else ():
        given = exercise.run(answer.source)
        message = judged(exercise, given, False).message
        for secret in secrets:  # a message may quote what the learner gave
            if secret in message and secret not in f"{answer.source} {given}":
                yield f"{answer.label}: the message gives {secret} away: {message}"


@pytest.mark.parametrize(
    ("number", "name", "exercise"), [p for p in ALL if not p.values[2].options]
)
def test_small_changes_to_the_solution_are_refused(number, name, exercise):
    if exercise.is_open:
        pytest.skip("an open question has a rubric: no program can refuse a text")
    excused = EQUIVALENT.get(f"{number}.{name}", {})
    survived, made = [], list(mutants(exercise.reference))
    for what, source in made:
        try:
            given = exercise.run(source)
        except Exception:  # the learner would see this error before the check
            continue
        if judged(exercise, given, False).passed and not any(part in what for part in excused):
            survived.append(what)
    assert not survived, "these changes pass:\n" + "\n".join(survived)
    for part in excused:
        assert any(part in what for what, _ in made), f"no change is called {part!r} any more"


def test_right_letters_are_spread():
    letters = Counter(
        exercise.run(exercise.reference)[0] for _, _, exercise in exercises() if exercise.options
    )
    assert len(letters) == 4
    assert max(letters.values()) <= 0.4 * letters.total(), letters


def test_no_two_exercises_are_twins():
    """Solutions that differ in little but names are one exercise."""
    sources = {f"{lesson}.{name}": e.reference for lesson, name, e in exercises() if not e.options}
    named = list(sources.items())
    for i, (one, first) in enumerate(named):
        for other, second in named[i + 1 :]:
            if min(len(first), len(second)) > 60:
                alike = difflib.SequenceMatcher(None, first, second).ratio()
                assert alike < 0.85, f"{one} and {other} are twins ({alike:.2f})"
