"""Every exercise of every lesson: its solution passes its check, its wrong answers do not."""

import importlib
import pkgutil

import pytest

import tlcourse.exercises
from tlcourse.exercises import Exercise, verify


def exercises():
    for module in pkgutil.iter_modules(tlcourse.exercises.__path__):
        if module.name.startswith("lesson_"):
            content = vars(importlib.import_module(f"tlcourse.exercises.{module.name}"))
            for name, value in content.items():
                if isinstance(value, Exercise):
                    yield pytest.param(value, id=f"{module.name}.{name}")


NO_EXERCISE = pytest.param(None, marks=pytest.mark.skip(reason="no lesson has an exercise yet"))


@pytest.mark.parametrize("exercise", list(exercises()) or [NO_EXERCISE])
def test_check_tells_right_from_wrong(exercise):
    verify(exercise)


def test_lesson_asks_its_own_exercises(lesson):
    module = importlib.import_module(f"tlcourse.exercises.lesson_{lesson.number}")
    text = lesson.path.read_text(encoding="utf-8")
    names = [name for name, value in vars(module).items() if isinstance(value, Exercise)]
    assert len(names) >= 3, f"{module.__name__} has {len(names)} exercises; at least three"
    for name in names:
        assert f".{name}.check(" in text, f"{lesson.path.name} never checks {name}"
