"""Every lesson asks its own exercises, and says of a choice what the check asks."""

import importlib

from tlcourse.exercises import Exercise


def exercises_of(lesson):
    module = importlib.import_module(f"tlcourse.exercises.lesson_{lesson.number}")
    return module, {n: value for n, value in vars(module).items() if isinstance(value, Exercise)}


def test_lesson_asks_its_own_exercises(lesson):
    module, exercises = exercises_of(lesson)
    text = lesson.path.read_text(encoding="utf-8")
    assert len(exercises) >= 3, f"{module.__name__} has {len(exercises)} exercises; at least three"
    for name, exercise in exercises.items():
        assert f".{name}.check(" in text, f"{lesson.path.name} never checks {name}"
        assert exercise.title in text, f"{lesson.path.name} does not name {exercise.title!r}"


def test_lesson_lists_the_options_of_the_check(lesson):
    _, exercises = exercises_of(lesson)
    text = " ".join(lesson.path.read_text(encoding="utf-8").replace("\\n", " ").split())
    text = "".join(text.replace('", "', " ").replace('\\"', '"').split())
    for name, exercise in exercises.items():
        for letter, option in exercise.options.items():
            listed = "".join(f"- {letter}: {option}".split())
            assert listed in text, f"{lesson.path.name} lists another {letter} for {name}: {option}"
