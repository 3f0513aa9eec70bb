"""The first lesson begins with a photograph that is named, not with settings."""

from lesson_form import Notebook, source

from tlcourse.app.lessons import find_lessons


def test_a_photograph_is_named_by_the_second_code_cell(repository):
    (lesson,) = find_lessons(["00"], repository / "notebooks")
    (_, settings), (_, first), *_ = Notebook.read(lesson.path).code
    assert settings["metadata"]["jupyter"]["source_hidden"], "the settings are folded away"
    assert "tl.predict(" in source(first)
    kinds = [kind for output in first["outputs"] for kind in output.get("data", {})]
    assert "image/png" in kinds
