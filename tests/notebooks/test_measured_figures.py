"""What the stored lessons say of the measured table is what the table says now.

The cells of a lesson that need nothing but the table are run again, in order and without a kernel;
those that need pictures or a network end in an error, for want of them, and are passed over.
"""

import ast
import contextlib
import io
from types import SimpleNamespace

import pytest
from lesson_form import Notebook, source

import tlcourse as tl
from tlcourse import results
from tlcourse.app.lessons import find_lessons
from tlcourse.base.claims import ClaimFailedError
from tlcourse.networks.zoo import DEFAULT_BACKBONE

TABLE_ALONE = ("IPython.display", "functools", "math", "numpy", "statistics", "tlcourse.results")


def lessons(repository):
    found = find_lessons([], repository / "notebooks")
    return {lesson.path.stem[:2]: lesson.path for lesson in found}


def run_again(path):
    """Yield (cell, what it says now) for each cell that ran and read the table, or built on it."""
    kept = {name: getattr(tl, name) for name in ("claim", "CourseError", "STRATEGIES")}
    backbone = SimpleNamespace(spec=SimpleNamespace(name=DEFAULT_BACKBONE))
    given = {"tl": SimpleNamespace(**kept), "results": results, "backbone": backbone}
    names, spoilt = dict(given), set()
    for _, cell in Notebook.read(path).code:
        said, value, whole = io.StringIO(), None, True
        for node in filter(allowed, ast.parse(source(cell)).body):
            own = set_by(node) | {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
            used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - own
            try:
                if used & spoilt - set(given):
                    raise NameError
                with contextlib.redirect_stdout(said):
                    value = run(node, names)
                spoilt -= set_by(node)
            except ClaimFailedError:
                raise
            except Exception:  # what it builds on is not there; what it half filled is no use
                filled = {n for n in used if isinstance(names.get(n), list | dict | set)}
                spoilt |= set_by(node) | filled
                whole = False
        shown = getattr(value, "data", "") if type(value).__name__ == "Markdown" else ""
        if whole and (said.getvalue() or shown) and "load_results" in names:
            yield cell, said.getvalue() + shown


def run(node, names):
    """Carry out one statement; return the value of an expression."""
    if isinstance(node, ast.Expr):
        return eval(compile(ast.Expression(node.value), "lesson", "eval"), names)
    return exec(compile(ast.Module([node], []), "lesson", "exec"), names)


def set_by(tree):
    """The names that a cell gives a value or defines."""
    nodes = list(ast.walk(tree))
    assigned = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return assigned | {n.name for n in nodes if isinstance(n, ast.FunctionDef)}


def allowed(node):
    """Imports of what the table needs, and everything that is no import."""
    if isinstance(node, ast.ImportFrom):
        return node.module in TABLE_ALONE
    if isinstance(node, ast.Import):
        return all(alias.name in TABLE_ALONE for alias in node.names)
    return True


def stored(cell):
    """The text that a cell printed and the table that it returned."""
    texts = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream" and output["name"] == "stdout":
            texts.append("".join(output["text"]))
        texts.append("".join(output.get("data", {}).get("text/markdown", "")))
    return "".join(texts)


def test_the_lessons_say_what_the_table_says(repository):
    stale, compared = [], {}
    for number, path in lessons(repository).items():
        for cell, now in run_again(path):
            compared[number] = compared.get(number, 0) + 1
            if stored(cell) != now:
                stale.append(f"{path.name}: {source(cell).splitlines()[0]!r}\n{now}")
    assert not stale, (
        "these cells say something else than data/results/sweep.csv; store the lessons again with "
        "tlcourse run NN --store:\n" + "\n".join(stale)
    )
    few = {"05": 5, "06": 1, "07": 5, "08": 5, "09": 3, "10": 5}
    assert set("00 01 02 03 04 05 06 07 08 09 10 11 12".split()) <= set(compared), compared
    assert all(compared[number] >= least for number, least in few.items()), str(compared)


@pytest.mark.parametrize("columns", [("linear_probe", "finetune_all")])
def test_a_table_with_two_strategies_exchanged_is_seen(repository, tmp_path, monkeypatch, columns):
    text = results.results_file().read_text(encoding="utf-8")
    one, other = (f",{name}," for name in columns)
    text = text.replace(one, ",\0,").replace(other, one).replace(",\0,", other)
    (tmp_path / "sweep.csv").write_text(text, encoding="utf-8")
    monkeypatch.setattr("tlcourse.results.table.results_folder", lambda: tmp_path)
    wrong = []
    for number in ("07", "08", "10"):
        try:
            cells = list(run_again(lessons(repository)[number]))
        except (ClaimFailedError, StopIteration):
            wrong.append(number)
            continue
        if any(stored(cell) != now for cell, now in cells):
            wrong.append(number)
    assert wrong == ["07", "08", "10"]
