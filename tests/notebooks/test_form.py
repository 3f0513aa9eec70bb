"""Every lesson has the form of a lesson; the rules are in ``lesson_form.py``."""

import pytest
from lesson_form import RULES, Notebook

from tlcourse.app.lessons import find_lessons


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_form(lesson, rule):
    there = {other.number: other.path.name for other in find_lessons(folder=lesson.path.parent)}
    following = there.get(f"{int(lesson.number) + 1:02}")
    complaints = list(rule(Notebook.read(lesson.path, following)))
    assert not complaints, f"{lesson.path.name}:\n" + "\n".join(complaints)


def test_numbers_are_used_once(repository):
    numbers = [path.name[:2] for path in (repository / "notebooks").glob("*.ipynb")]
    if not numbers:
        pytest.skip("there is no lesson in notebooks/ yet")
    assert len(set(numbers)) == len(numbers), f"two lessons share a number: {sorted(numbers)}"
    assert all(number.isdigit() for number in numbers), "start the name with NN_, as in 03_freeze"
