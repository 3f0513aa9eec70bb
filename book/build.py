"""Build the site: `python book/build.py`, or `make book`.

Puts the book's pages and the stored lessons together in build/book/src, adds to each lesson the
folded hints and solutions of its exercises, writes the pages that are made from code and from
measured results, and has Jupyter Book turn them into build/book/html. Nothing is executed, and
nothing is fetched but the runtime of 'Teach it here', once, with npm. Files that did not change are
left alone, so that a second build is quick.
"""

import argparse
import ast
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from landing import cards, hero
from measured import results_page, write_poster

BOOK = Path(__file__).resolve().parent
REPOSITORY = BOOK.parent
BUILD = REPOSITORY / "build" / "book"
PAGES = ("*.md", "*.yml", "*.bib", "assets/*", "extension/*.py")


class Staging:
    """The folder that Jupyter Book reads; remembers what belongs there."""

    def __init__(self, folder: Path):
        self.folder, self.written = folder, set()

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        self.written.add(path)
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def text(self, name: str, text: str) -> None:
        self.write(name, text.encode("utf-8"))

    def drop_the_rest(self) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.written:
                path.unlink()


def stage(folder: Path) -> None:
    """Put everything that the site is made from into one folder."""
    staging = Staging(folder)
    for pattern in PAGES:
        for path in BOOK.glob(pattern):
            staging.write(path.relative_to(BOOK).as_posix(), path.read_bytes())
    for path in sorted((REPOSITORY / "docs" / "images").glob("*.png")):
        staging.write(f"images/{path.name}", path.read_bytes())
    favicon = REPOSITORY / "tlcourse" / "app" / "favicon.svg"
    for name, path in (("favicon.svg", favicon), ("logo.svg", BOOK / "assets" / "logo.svg")):
        staging.write(name, path.read_bytes())
    lessons = []
    for path in sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        lessons.append((path.stem, notebook))
        shown = with_folds(with_help(notebook, path.name[:2]))
        staging.text(f"notebooks/{path.name}", json.dumps(shown))
    page = (BOOK / "index.md").read_text(encoding="utf-8")
    for mark, text in (("hero", hero(lessons)), ("cards", cards(lessons, staging.write))):
        # Of its own, so that what the notebooks say is not read as Markdown.
        staging.text(f"{mark}.html", text)
        page = page.replace(f"<!-- {mark} -->", f"```{{raw}} html\n:file: {mark}.html\n```")
    staging.text("index.md", page)
    page = (BOOK / "results.md").read_text(encoding="utf-8")
    staging.text("results.md", results_page(page, staging.write))
    write_poster(staging.write)
    for path in sorted(teach_page(folder.parent / "teach").iterdir()):
        staging.write(f"extra/teach/{path.name}", path.read_bytes())
    staging.drop_the_rest()


def teach_page(folder: Path) -> Path:
    """The page that runs the network in the browser; made again where what makes it has changed."""
    from tlcourse.base.errors import CourseError
    from tlcourse.portable.teach import write_teach_page

    package = REPOSITORY / "tlcourse"
    makers = [*package.glob("portable/*.py"), *package.glob("widgets/**/*.*s*")]
    makers += package.glob("widgets/teach*.py")
    now = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(makers))).hexdigest()
    stamp = folder.with_suffix(".made-from")
    if stamp.is_file() and stamp.read_text() == now:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    try:
        write_teach_page(folder)
    except CourseError as error:
        # The site without it is better than no site: the page says what is missing.
        print(f"Note: the site gets no network that runs in the browser: {error}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(NO_TEACH.format(html.escape(str(error))), "utf-8")
        return folder
    stamp.write_text(now)
    return folder


NO_TEACH = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Teach it here</title></head><body>
<h1>Teach it here</h1><p>This copy of the site was built without the network that runs in the
browser: {}</p><p><a href="../index.html">Back to the course</a></p></body></html>
"""


def with_help(notebook: dict, number: str) -> dict:
    """Put the folded hints and solution of each exercise behind the cell that checks it."""
    exercises = import_module(f"tlcourse.exercises.lesson_{number}")
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        if cell["cell_type"] != "code":
            continue
        for name in re.findall(r"\bex\.(q\d+)\.check\(", "".join(cell["source"])):
            cells.append(
                {
                    "cell_type": "markdown",
                    "id": f"{cell['id']}-{name}",
                    "metadata": {},
                    "source": folded(getattr(exercises, name)),
                }
            )
    return notebook | {"cells": cells}


def with_folds(notebook: dict) -> dict:
    """Fold the code of cells that only set up or only draw; a click shows it, and says what."""
    cells = []
    for cell in notebook["cells"]:
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        if cell["cell_type"] == "code" and _is_aside(source, cell["metadata"]):
            tags = [*tags, "hide-input"]
        if "hide-input" in tags:
            shown = {"code_prompt_show": f"Show the code: {_aside_name(source, tags)}"}
            metadata = cell["metadata"] | {"tags": tags, "mystnb": shown}
            cell = cell | {"metadata": metadata}
        cells.append(cell)
    return notebook | {"cells": cells}


def _aside_name(source: str, tags: list[str]) -> str:
    if "parameters" in tags:
        return "settings"
    if "plots.show(" in source:
        return "the figure"
    if "from tlcourse.widgets import" in source:
        return "the widget"
    defined = re.findall(r"^(?:def|class) (\w+)", source, re.M)
    return ", ".join(defined) or ("imports" if re.search("^import ", source, re.M) else "set-up")


def _is_aside(source: str, metadata: dict) -> bool:
    if "parameters" in metadata.get("tags", []):
        return True
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a command for the notebook, such as %timeit
        return False
    if any(isinstance(one, ast.Import | ast.ImportFrom) for one in statements):
        return not re.search(r"^(class|def) ", source, re.M)
    return "plots.show(" in source and not re.search(r"\btl\.(?!count_parameters)", source)


def folded(exercise) -> str:
    """The hints and the solution of an exercise as drop-downs."""
    hints = "\n".join(f"{i}. {hint}" for i, hint in enumerate(exercise.hints, 1))
    fence = "`" * 3
    return (
        f":::{{dropdown}} Hints: {exercise.title}\n{hints}\n:::\n\n"
        f":::{{dropdown}} One solution: {exercise.title}\n"
        f"{fence}python\n{exercise.reference.strip()}\n{fence}\n\n{exercise.explanation}\n:::"
    )


def build(source: Path, quiet: bool) -> int:
    """Run Jupyter Book; a warning is an error."""
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", source, "--path-output", BUILD, "-W"]
    command += ["--keep-going", *(["-q"] if quiet else [])]
    status = subprocess.run(
        [str(part) for part in command], env=os.environ | {"PYTHONWARNINGS": "ignore"}
    ).returncode
    html = BUILD / "_build" / "html"
    if status == 0:
        shutil.rmtree(html / "_sources" / "extension", ignore_errors=True)
        _drop_icon_script(html)
        shutil.copytree(source / "images", html / "_images", dirs_exist_ok=True)
        print(f"The site is in {html.relative_to(REPOSITORY)}: open index.html, or make serve-book")
    return status


def _drop_icon_script(html: Path) -> None:
    """Take out the theme's 1.5 MB script for signs; `icons.css` draws those that the pages use."""
    tag = re.compile(rb"<script[^>]*fontawesome\.js[^>]*></script>")
    for page in html.rglob("*.html"):
        text = page.read_bytes()
        if tag.search(text):
            page.write_bytes(tag.sub(b"", text))
    for unused in (html / "_static" / "scripts").glob("fontawesome.js*"):
        unused.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site from the pages and the lessons.")
    parser.add_argument("--quiet", action="store_true", help="say only what went wrong")
    chosen = parser.parse_args()
    source = BUILD / "src"
    stage(source)
    return build(source, chosen.quiet)


if __name__ == "__main__":
    sys.exit(main())
