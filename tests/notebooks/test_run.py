"""Every lesson runs from its first to its last cell, with parameters from outside."""

import pytest

from tlcourse.app.lessons import find_lessons, run_lesson

papermill = pytest.importorskip("papermill", reason="running lessons needs papermill")


def run(lesson, folder, **parameters):
    result = run_lesson(
        lesson, folder / lesson.path.name, progress=False, profile="smoke", **parameters
    )
    assert result.passed, f"{lesson.path.name}, {parameters}: {result.error}"


@pytest.mark.slow
def test_smoke_on_the_cpu(lesson, tmp_path):
    run(lesson, tmp_path, device="cpu", timeout=120)


@pytest.mark.gpu
@pytest.mark.slow
def test_smoke_on_cuda(lesson, tmp_path):
    run(lesson, tmp_path, device="cuda", timeout=120)


@pytest.mark.slow
def test_first_lesson_on_real_photographs(shared_datasets, repository, tmp_path):
    if not (repository / "notebooks").is_dir():
        pytest.skip("there is no lesson in notebooks/ yet")
    (lesson,) = find_lessons(["00"], repository / "notebooks")
    run(lesson, tmp_path, device="cpu", dataset=str(shared_datasets / "hymenoptera_data"))
