"""Each statement of the table in the book has a place: the sections that it names are there."""

import re

from lesson_form import Notebook


def test_the_sections_that_the_table_names_are_there(repository):
    text = (repository / "book" / "statements.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 30
    missing = []
    for row in rows:
        places = row.split(" | ")[1]
        for path, sections in re.findall(r"\{doc\}`\d\d <(\S+)>`, ((?:\*[^*]+\*(?:; )?)+)", places):
            lesson = Notebook.read(repository / f"{path}.ipynb")
            headings = "\n".join(text for _, text in lesson.prose)
            missing += [
                f"{path}: {name}"
                for name in re.findall(r"\*([^*]+)\*", sections)
                if not re.search(rf"^#+ {re.escape(name)}$", headings, re.MULTILINE)
            ]
        assert re.search(r"\{doc\}", places), row
    assert not missing
