from tlcourse.app.cli import main


def test_wall_writes_poster_and_page_for_print_and_for_screens(tmp_path, capsys):
    assert main(["wall", str(tmp_path / "new")]) == 0
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["four_cases.pdf", "four_cases.png", "poster.pdf", "poster.svg"]
    assert (tmp_path / "new" / "four_cases.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (tmp_path / "new" / "poster.svg").read_bytes()[:2000]
    said = capsys.readouterr().out
    assert all(name in said for name in names)
