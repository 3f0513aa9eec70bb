"""Right and wrong answers of every exercise, from the text files beside this one.

A file has a section for each exercise (`=== q1`), with answers (`--- wrong: what is wrong with it`,
`--- right: what is different about it`), each of which is source that defines what the exercise
asks for. A single choice needs no section: its answers are made from its letters.
"""

import importlib
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import tlcourse.exercises
from tlcourse.exercises import Exercise


@dataclass(frozen=True)
class Answer:
    """Source of an answer, whether it is right, and what is special about it."""

    right: bool
    label: str
    source: str


def exercises():
    """(lesson, name, exercise) of every lesson."""
    for module in pkgutil.iter_modules(tlcourse.exercises.__path__):
        if module.name.startswith("lesson_"):
            content = vars(importlib.import_module(f"tlcourse.exercises.{module.name}"))
            for name, value in content.items():
                if isinstance(value, Exercise):
                    yield module.name.removeprefix("lesson_"), name, value


def answers(lesson: str, name: str, exercise: Exercise) -> list[Answer]:
    """The answers that were thought of."""
    if exercise.options:
        return _letters(exercise)
    text = (Path(__file__).parent / f"lesson_{lesson}.txt").read_text(encoding="utf-8")
    return parse(text).get(name, [])


def parse(text: str) -> dict[str, list[Answer]]:
    """Read a file of answers, by exercise."""
    found: dict[str, list[Answer]] = {}
    for section in re.split(r"^=== ", text, flags=re.M)[1:]:
        name, _, body = section.partition("\n")
        for entry in re.split(r"^--- ", body, flags=re.M)[1:]:
            head, _, source = entry.partition("\n")
            kind, _, label = head.partition(": ")
            found.setdefault(name.strip(), []).append(
                Answer({"right": True, "wrong": False}[kind], label, source)
            )
    return found


def _letters(exercise: Exercise) -> list[Answer]:
    (right,) = exercise.run(exercise.reference)
    others = [letter for letter in exercise.options if letter != right]
    text = exercise.options[right]
    good = [right, right.upper(), f" {right}) ", f"({right})", f"{right}: {text}", [right]]
    bad = [*others, f"{right} & {others[0]}", f"{right}, {others[1]}", f"{others[0]}{right}"]
    bad += [f"{right} or {others[2]}", f"{right}/{others[0]}", f"{right}) {others[1]})", ""]
    bad += [f"{right} and {others[0]}", [right, others[0]], "z", "because", 0.93, text]
    made = [(True, value) for value in good] + [(False, value) for value in bad]
    return [Answer(ok, repr(value), f"answer = {value!r}") for ok, value in made]
