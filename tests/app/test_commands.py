import pytest
from matplotlib.figure import Figure

from tlcourse.app.cli import main
from tlcourse.base.files import WriteError


def test_wall_writes_poster_and_page_for_print_and_for_screens(tmp_path, capsys):
    assert main(["wall", str(tmp_path / "new")]) == 0
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["four_cases.pdf", "four_cases.png", "poster.pdf", "poster.svg"]
    assert (tmp_path / "new" / "four_cases.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (tmp_path / "new" / "poster.svg").read_bytes()[:2000]
    said = capsys.readouterr().out
    assert all(name in said for name in names)


@pytest.fixture
def quick_figures(monkeypatch):
    for name in ("poster", "wall_page"):
        monkeypatch.setattr(f"tlcourse.plots.{name}", lambda: Figure(figsize=(1, 1)))


def test_wall_replaces_nothing_unasked_and_writes_through_no_link(tmp_path, capsys, quick_figures):
    (tmp_path / "four_cases.pdf").write_text("mine")
    assert main(["wall", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "four_cases.pdf already, and nothing was done" in said and "--force" in said
    assert [path.name for path in tmp_path.iterdir()] == ["four_cases.pdf"]
    assert (tmp_path / "four_cases.pdf").read_text() == "mine"
    assert main(["wall", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "four_cases.pdf").read_bytes().startswith(b"%PDF")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "poster.svg").symlink_to(tmp_path / "elsewhere.svg")
    assert main(["wall", str(linked)]) == 2
    assert not (tmp_path / "elsewhere.svg").exists()


def test_a_page_that_cannot_be_drawn_leaves_the_one_of_before(tmp_path, monkeypatch, quick_figures):
    def half_way(self, place, **options):
        with open(place, "wb") if not hasattr(place, "write") else place as file:
            file.write(b"%PDF-half")
            raise WriteError("no space left")

    monkeypatch.setattr(Figure, "savefig", half_way)
    (tmp_path / "poster.pdf").write_text("of before")
    assert main(["wall", str(tmp_path), "--force"]) == 2
    assert (tmp_path / "poster.pdf").read_text() == "of before"
