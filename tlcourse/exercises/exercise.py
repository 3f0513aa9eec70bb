"""An exercise: what it asks, how it is checked, and what it says to the learner."""

import html
import linecache
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlcourse.exercises import running
from tlcourse.exercises.answers import NotYet, describe, expect_letter, expect_type, left_blank

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
    handed_in : bool
        An open question, which has a rubric and no right answer.
    """

    passed: bool | None
    message: str
    title: str = ""
    tripped: bool = False
    handed_in: bool = False

    @property
    def heading(self) -> str:
        """``Right``, ``Not yet``, ``Not answered yet`` or ``Handed in``."""
        return "Handed in" if self.handed_in else _HEADINGS[self.passed]

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
        From a nudge to nearly there; at least two, and none of them the solution.
    solution : str
        Source of the reference solution. It defines what `names` lists.
    explanation : str
        Shown with the solution: why it is right.
    check : callable
        Takes the answers, in the order of `names`. Returns None when they are right; otherwise
        returns a message, or raises `NotYet` with it. It gets deep copies.
    names : sequence of str
        What the learner hands to ``check``: the variables or functions that the sources define.
    setup : str
        Source that defines what the lesson has at hand by then, as small as it can be.
    takeaway : str
        Shown with a right answer.
    options : mapping of str to str
        Of a single choice: the text of each option, by its letter.
    is_open : bool
        There is no right answer: `takeaway` is a rubric.

    Attributes
    ----------
    solved : bool
        Whether a check has passed.
    tries, hints_seen : int
    solution_seen : bool
    """

    def __init__(
        self,
        *,
        title: str,
        question: str,
        hints: Sequence[str],
        solution: str,
        explanation: str,
        check: Callable[..., str | None],
        names: Sequence[str] = ("answer",),
        setup: str = "",
        takeaway: str = "",
        options: Mapping[str, str] | None = None,
        is_open: bool = False,
    ):
        self.title = title
        self.question = question
        self.hints = tuple(hints)
        self.reference = solution.strip()
        self.explanation = explanation
        self.names = tuple(names)
        self.setup = setup
        self.takeaway = takeaway
        self.options = dict(options or {})
        self.is_open = is_open
        self.solved = self.solution_seen = False
        self.tries = self.hints_seen = 0
        self._judge = check

    def __repr__(self) -> str:
        return "\n".join([f"{self.title}: {self.question}", *_listed(self.options)])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_inline(line)}</li>" for line in _listed(self.options))
        return _box(self.title, self.question, _COLOURS[None], f"<ul>{items}</ul>" * bool(items))

    def check(self, *answers: Any) -> CheckResult:
        """Say whether the answers are right. Never raises, and gives up after ten seconds of work.

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
        self.tries += result.passed is not None
        self.solved = self.solved or result.passed is True
        heading = f"{result.heading}: {self.title}"
        _show(str(result), _box(heading, result.message, _COLOURS[result.passed]))
        return result

    def judge(self, *answers: Any) -> CheckResult:
        """Do what :meth:`check` does, and neither show nor count it."""
        if len(answers) != len(self.names):
            asked = ", ".join(f"`{name}`" for name in self.names)
            return self._result(False, f"`check` takes {asked}; it was given {len(answers)}.")
        blank = [name for name, a in zip(self.names, answers, strict=True) if left_blank(a)]
        if blank:
            where = ", ".join(f"`{name}`" for name in blank)
            return self._result(None, f"Put your answer in place of the `...` in {where}.")
        try:
            with running.randomness_kept():
                message = running.within(
                    running.LIMIT, lambda: self._judge(*running.apart(answers))
                )
            if message is None:
                return self._result(True, self.takeaway or "That is it.")
            if not isinstance(message, str) or not message:
                raise TypeError(f"the check returned {describe(message)}, not a message")
        except NotYet as error:
            return self._result(False, str(error))
        except running.TookTooLong:
            message = (
                f"This was still running after {running.LIMIT:g} seconds, so it was given up. Is "
                "there a loop that never ends, or more work than is asked for?"
            )
        except (Exception, SystemExit) as error:  # an object of the learner's may do anything
            own = getattr(self._judge, "__code__", None)
            file = own.co_filename if own else ""
            if running.learners_line(error, file) is not None:
                return self._result(False, running.fault(error, self.names[0], file))
            text = running.could_not_look(self.names, answers, error)
            return self._result(False, text, tripped=True)
        return self._result(False, message)

    def hint(self, number: int | None = None) -> None:
        """Show the next hint, or the one with this number, counted from 1.

        After the last one the last one again; ``hint(1)`` shows the first again.
        """
        most = len(self.hints)
        if number is None:
            again = self.hints_seen == most
            number = min(self.hints_seen + 1, most)
        else:
            again = False
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            text = f"There are {most} hints: `hint(1)` to `hint({most})`."
            _show(text, _box(f"Hints: {self.title}", text, _COLOURS[None]))
            return
        heading = f"Hint {number} of {most}: {self.title}"
        text = self.hints[number - 1]
        if again:
            text += " (That was the last hint. `solution()` shows one way to do it.)"
        self.hints_seen = max(self.hints_seen, number)
        _show(f"{heading}. {text}", _box(heading, text, _COLOURS[None]))

    def solution(self) -> None:
        """Show a solution and why it is one: folded in a notebook, in full as plain text."""
        self.solution_seen = True
        heading = f"Solution: {self.title}"
        code = f"<pre><code>{html.escape(self.reference)}</code></pre>"
        prose = f"<p>{_inline(self.explanation)}</p>"
        folded = f"<details><summary>{_inline(heading)}</summary>{code}{prose}</details>"
        _show(f"{heading}\n\n{self.reference}\n\n{self.explanation}", folded)

    def run(self, source: str) -> list[Any]:
        """Run `setup` and then `source`; return the answers that they define, as `names` asks."""
        namespace: dict[str, Any] = {"__name__": "exercise"}
        exec(compile(self.setup, f"<setup of {self.title}>", "exec"), namespace)
        file = f"<answer to {self.title}>"
        # As in a kernel, a message about a fault can quote the line.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), namespace)
        return [namespace[name] for name in self.names]

    def _result(self, passed: bool | None, message: str, tripped: bool = False) -> CheckResult:
        handed_in = self.is_open and passed is True
        return CheckResult(passed, message, self.title, tripped, handed_in)


def single_choice(
    *,
    title: str,
    question: str,
    options: Sequence[tuple[str, str | None]],
    hints: Sequence[str],
    explanation: str,
    takeaway: str,
) -> Exercise:
    """Make a question with exactly one right letter.

    Parameters
    ----------
    title, question, hints, explanation, takeaway
        As of :class:`Exercise`.
    options : sequence of (str, str or None)
        The text of each option, from 'a' on, and what to say to someone who chooses it; None marks
        the one that is right. Put it at another place each time.
    """
    texts = dict(zip("abcdefgh", (text for text, _ in options), strict=False))
    replies = dict(zip(texts, (reply for _, reply in options), strict=True))
    (right,) = (letter for letter, reply in replies.items() if reply is None)

    def check(answer: Any) -> str | None:
        return replies[expect_letter(answer, texts)]

    return Exercise(
        title=title,
        question=question,
        hints=hints,
        solution=f'answer = "{right}"',
        explanation=explanation,
        check=check,
        takeaway=takeaway,
        options=texts,
    )


def open_question(
    *, title: str, question: str, hints: Sequence[str], solution: str, rubric: Sequence[str]
) -> Exercise:
    """Make a question that is answered in a few sentences, and judged by oneself or a teacher.

    Parameters
    ----------
    solution : str
        A text that meets the rubric.
    rubric : sequence of str
        What a good answer says; a point each.
    """

    def check(answer: Any) -> str | None:
        text = expect_type(answer, str, "the answer")
        words = {word.casefold() for word in re.findall(r"[^\W\d_]{2,}", text)}
        if len(words) < 12:
            return f"That is {len(words)} different words. Say it in two or three whole sentences."
        return None

    points = " ".join(f"({number}) {point}" for number, point in enumerate(rubric, 1))
    return Exercise(
        title=title,
        question=question,
        hints=hints,
        solution=f'answer = """{solution}"""',
        explanation=f"A point for each of these: {points}",
        check=check,
        takeaway=f"No program can check this. Give yourself a point for each of these: {points}",
        is_open=True,
    )


def _listed(options: Mapping[str, str]) -> list[str]:
    return [f"{letter}: {text}" for letter, text in options.items()]


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _box(heading: str, text: str, colour: str, more: str = "") -> str:
    return (
        f'<div role="status" style="border-left: 4px solid {colour}; padding: 0.3em 0.8em;">'
        f"<strong>{_inline(heading)}</strong><br>{_inline(text)}{more}</div>"
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
