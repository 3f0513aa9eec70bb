"""Exercises that a learner can check: ``check``, ``hint`` and ``solution``.

A lesson keeps its exercises in one file, ``lesson_NN.py``, as values of :class:`Exercise`::

    from tlcourse.exercises import Exercise, expect_number, lesson_summary

    def _outputs(answer):
        number = expect_number(answer, "the number of outputs", whole=True, low=1)
        if number == 1000:
            return "That is the layer you started from. How many animals are there to tell apart?"
        if number != 3:
            return f"With {number} outputs the layer would not have one for each class."

    q1 = Exercise(
        title="How many outputs?",
        question="Set `answer` to the number of outputs that the new layer needs.",
        hints=["What is there one output of?", "'neither' is a class too."],
        solution="answer = 3",
        explanation="One output per class: Tigger, Misty, and neither of them.",
        check=_outputs,
        takeaway="The last layer has one output for each class, and 'neither' is one of them.",
    )

    summary = lesson_summary(__name__)

A check returns ``None`` when the answer is right. When it is not, it returns the message (or raises
:class:`NotYet` with it) that says what is wrong without giving the answer away. A function is
judged by :func:`compare`: against a reference, on random cases. Right and wrong answers of every
exercise stand in the tests, which also change the reference solution in small ways: the check has
to take the first and refuse the rest.
"""

from tlcourse.exercises.answers import (
    NotYet,
    describe,
    expect_choice,
    expect_function,
    expect_letter,
    expect_number,
    expect_numbers,
    expect_trained,
    expect_truth,
    expect_type,
    read_number,
    read_text,
    read_whole,
)
from tlcourse.exercises.comparing import compare, same, untouched
from tlcourse.exercises.exercise import CheckResult, Exercise, open_question, single_choice
from tlcourse.exercises.running import call
from tlcourse.exercises.summary import Summary, lesson_summary

__all__ = [
    "CheckResult",
    "Exercise",
    "NotYet",
    "Summary",
    "call",
    "compare",
    "describe",
    "expect_choice",
    "expect_function",
    "expect_letter",
    "expect_number",
    "expect_numbers",
    "expect_trained",
    "expect_truth",
    "expect_type",
    "lesson_summary",
    "open_question",
    "read_number",
    "read_text",
    "read_whole",
    "same",
    "single_choice",
    "untouched",
]
