"""Exercises that a learner can check: ``check``, ``hint`` and ``solution``.

A lesson keeps its exercises in one file, ``lesson_NN.py``, as values of :class:`Exercise`::

    from tlcourse.exercises import Exercise, expect_number

    def _outputs(answer):
        number = expect_number(answer, "the number of outputs", whole=True, low=1)
        if number == 1000:
            return "That is the layer you started from. How many animals are there to tell apart?"
        if number != 3:
            return f"With {number} outputs the layer would not have one for each class."

    q1 = Exercise(
        title="How many outputs?",
        question="Set `answer` to the number of outputs that the new layer needs.",
        hints=["One output a class.", "'neither' is a class too."],
        solution="answer = 3",
        wrong=[
            ("the old layer", "answer = 1000"),
            ("forgot 'neither'", "answer = 2"),
            ("a text", "answer = 'three'"),
        ],
        check=_outputs,
        takeaway="The last layer has one output for each class, and 'neither' is one of them.",
    )

A check returns ``None`` when the answer is right. When it is not, it returns the message (or raises
:class:`NotYet` with it) that says what is wrong without giving the answer away. The tests call
:func:`verify` on every exercise: the reference solution must pass, every wrong answer must not.
"""

import html
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tlcourse.exercises.answers import (
    NotYet,
    describe,
    expect_choice,
    expect_number,
    expect_trained,
    expect_type,
    left_blank,
    own_fault,
    randomness_kept,
)

__all__ = [
    "CheckResult",
    "Exercise",
    "NotYet",
    "describe",
    "expect_choice",
    "expect_number",
    "expect_trained",
    "expect_type",
    "verify",
]

_HEADINGS = {True: "Right", False: "Not yet", None: "Not answered yet"}
# JupyterLab's own colours where they are defined, Okabe and Ito's elsewhere. The colour is only an
# edge: the heading says the same in words.
_COLOURS = {
    True: "var(--jp-success-color1, #009e73)",
    False: "var(--jp-warn-color1, #d55e00)",
    None: "var(--jp-info-color1, #0072b2)",
}


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes
    ----------
    passed : bool or None
        True: right; False: not yet; None: not answered yet.
    message : str
        What to think about next or, with a right answer, what to take along.
    title : str
        The title of the exercise.
    tripped : bool
        The check could not cope with the answer: most often it is of a wrong type.
    """

    passed: bool | None
    message: str
    title: str = ""
    tripped: bool = False

    @property
    def heading(self) -> str:
        """``Right``, ``Not yet`` or ``Not answered yet``."""
        return _HEADINGS[self.passed]

    def __str__(self) -> str:
        about = f" ({self.title})" if self.title else ""
        return f"{self.heading}{about}: {self.message}"

    __repr__ = __str__

    def _ipython_display_(self):
        """Show nothing at the end of a cell: ``check`` has shown this result already."""


class Exercise:
    """One exercise of a lesson.

    Parameters
    ----------
    title, question : str
        Text; what stands in backticks is shown as code.
    hints : sequence of str
        From a nudge to nearly there; at least two.
    solution : str
        Source of the reference solution. It defines what `names` lists.
    wrong : sequence of (str, str)
        At least three plausible wrong answers, each a label and its source.
    check : callable
        Takes the answers, in the order of `names`. Returns None when they are right; otherwise
        returns a message, or raises `NotYet` with it.
    names : sequence of str
        What the learner hands to ``check``: the variables or functions that the sources define.
    setup : str
        Source that defines what the lesson has at hand by then, as small as it can be.
    takeaway : str
        Shown with a right answer.
    """

    def __init__(
        self,
        *,
        title: str,
        question: str,
        hints: Sequence[str],
        solution: str,
        wrong: Sequence[tuple[str, str]],
        check: Callable[..., str | None],
        names: Sequence[str] = ("answer",),
        setup: str = "",
        takeaway: str = "",
    ):
        self.title = title
        self.question = question
        self.hints = tuple(hints)
        self.reference = solution.strip()
        self.wrong = tuple(wrong)
        self.names = tuple(names)
        self.setup = setup
        self.takeaway = takeaway
        self._judge = check
        self._hints_shown = 0

    def __repr__(self) -> str:
        return f"{self.title}: {self.question}"

    def _repr_html_(self) -> str:
        return _box(self.title, self.question, _COLOURS[None])

    def check(self, *answers: Any) -> CheckResult:
        """Say whether the answers are right. Never raises.

        Parameters
        ----------
        *answers : object
            One for each of `names`; ``...`` stands for an answer still to be given.

        Returns
        -------
        CheckResult
            Already shown.
        """
        result = self.judge(*answers)
        heading = f"{result.heading}: {self.title}"
        _show(str(result), _box(heading, result.message, _COLOURS[result.passed]))
        return result

    def judge(self, *answers: Any) -> CheckResult:
        """Do what :meth:`check` does, and show nothing."""
        if len(answers) != len(self.names):
            asked = ", ".join(f"`{name}`" for name in self.names)
            return self._result(False, f"`check` takes {asked}; it was given {len(answers)}.")
        blank = [name for name, a in zip(self.names, answers, strict=True) if left_blank(a)]
        if blank:
            where = ", ".join(f"`{name}`" for name in blank)
            return self._result(None, f"Put your answer in place of the `...` in {where}.")
        try:
            with randomness_kept():
                message = self._judge(*answers)
            if message is None:
                return self._result(True, self.takeaway or "That is it.")
            if not isinstance(message, str) or not message:
                raise TypeError(f"the check returned {describe(message)}, not a message")
        except (Exception, SystemExit) as error:  # a learner's function may do anything
            if message := own_fault(error, answers):
                return self._result(False, message)
            if isinstance(error, NotYet):
                return self._result(False, str(error))
            return self._could_not_look(answers, error)
        return self._result(False, message)

    def hint(self) -> None:
        """Show the next hint; after the last one, the last one again."""
        number = min(self._hints_shown + 1, len(self.hints))
        heading = f"Hint {number} of {len(self.hints)}: {self.title}"
        text = self.hints[number - 1]
        if self._hints_shown == len(self.hints):
            text += " (That was the last hint. `solution()` shows one way to do it.)"
        self._hints_shown = number
        _show(f"{heading}. {text}", _box(heading, text, _COLOURS[None]))

    def solution(self) -> None:
        """Show the reference solution: folded in a notebook, in full as plain text."""
        heading = f"Solution: {self.title}"
        code = f"<pre><code>{html.escape(self.reference)}</code></pre>"
        folded = f"<details><summary>{_inline(heading)}</summary>{code}</details>"
        _show(f"{heading}\n\n{self.reference}", folded)

    def self_test(self) -> Iterator[tuple[str, bool | None, CheckResult]]:
        """Run the reference solution, each wrong answer, and answers that no one should give.

        Yields
        ------
        label : str
        expected : bool or None
            What ``passed`` should be.
        result : CheckResult
        """
        yield "unanswered", None, self.judge(*[...] * len(self.names))
        yield "reference solution", True, self.judge(*self.run(self.reference))
        for label, source in self.wrong:
            yield label, False, self.judge(*self.run(source))
        for odd in (None, object(), float("nan"), _EqualsEverything(), _stops):
            label = f"odd answer: {describe(odd)}"
            yield label, False, self.judge(*[odd] * len(self.names))

    def run(self, source: str) -> list[Any]:
        """Run `setup` and then `source`; return the answers that they define, as `names` asks."""
        namespace: dict[str, Any] = {"__name__": "exercise"}
        exec(compile(self.setup, f"<setup of {self.title}>", "exec"), namespace)
        exec(compile(source, f"<answer to {self.title}>", "exec"), namespace)
        return [namespace[name] for name in self.names]

    def _result(self, passed: bool | None, message: str, tripped: bool = False) -> CheckResult:
        return CheckResult(passed, message, self.title, tripped)

    def _could_not_look(self, answers: Sequence[Any], error: BaseException) -> CheckResult:
        got = ", ".join(
            f"`{name}` is {describe(a)}" for name, a in zip(self.names, answers, strict=True)
        )
        message = (
            f"This could not be checked: {got}, and looking at it ended in "
            f"{type(error).__name__}. Is it the kind of object that the question asks for?"
        )
        return self._result(False, message, tripped=True)


class _EqualsEverything:
    """Passes a check that only compares with ``==``."""

    def __eq__(self, other):
        return True

    __hash__ = None


def _stops(*args, **kwargs):
    raise RuntimeError("stopped on purpose")


def verify(exercise: Exercise) -> None:
    """Assert that an exercise is fit for learners; used by the tests of every lesson.

    Raises
    ------
    AssertionError
        Lists all that is wrong: a check that passes a wrong answer, refuses the reference solution,
        trips over a plausible wrong answer or gives the number asked for away; too few hints or
        wrong answers.
    """
    faults = []
    if len(exercise.hints) < 2:
        faults.append("give at least two hints")
    if len({source.strip() for _, source in exercise.wrong}) < 3:
        faults.append("give at least three different wrong answers")
    sources = dict(exercise.wrong)
    # Short numbers turn up in any message by chance; from three digits on it is no accident.
    secrets = [str(a) for a in exercise.run(exercise.reference) if isinstance(a, (int, float))]
    secrets = [text for text in secrets if len(text) >= 3 and text not in exercise.question]
    for label, expected, result in exercise.self_test():
        if result.passed is not expected:
            faults.append(f"{label}: expected passed={expected}, got: {result}")
        elif label in sources and result.tripped:
            faults.append(f"{label}: say what is wrong instead of: {result.message}")
        elif label in sources:
            for secret in secrets:
                if secret in result.message and secret not in sources[label]:
                    faults.append(f"{label}: the message gives {secret} away: {result.message}")
    assert not faults, f"{exercise.title}: " + "; ".join(faults)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _box(heading: str, text: str, colour: str) -> str:
    return (
        f'<div role="status" style="border-left: 4px solid {colour}; padding: 0.3em 0.8em;">'
        f"<strong>{_inline(heading)}</strong><br>{_inline(text)}</div>"
    )


def _show(plain: str, rich: str) -> None:
    """Show HTML in a notebook, and text wherever else this runs."""
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            display({"text/plain": plain, "text/html": rich}, raw=True)
            return
    print(plain)
