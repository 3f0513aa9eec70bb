"""The rules accept a good lesson, and each of them notices a lesson that breaks it."""

import copy

import lesson_form
import pytest
from lesson_example import SENTENCE, code, example_cells, markdown, write_notebook
from lesson_form import RULES, Notebook, source


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example lesson, stored as if it had been run."""
    path = write_notebook(tmp_path_factory.mktemp("form") / "00_example.ipynb", example_cells())
    notebook = Notebook.read(path, next_name="01_more.ipynb")
    for count, (_, cell) in enumerate(notebook.code, 1):
        cell["execution_count"] = count
    return notebook


def complaints(notebook):
    return {rule.__name__: found for rule in RULES if (found := list(rule(notebook)))}


def test_a_good_lesson_is_accepted(example):
    assert complaints(example) == {}


def cell_with(notebook, text):
    return next(cell for _, cell in notebook.cells if text in source(cell))


def replace(old, new):
    def change(notebook):
        found = [cell for _, cell in notebook.cells if old in source(cell)]
        assert found, f"the example has no {old!r}"
        for cell in found:
            cell["source"] = source(cell).replace(old, new)

    return change


def append(cell):
    return lambda notebook: notebook.content["cells"].insert(-1, copy.deepcopy(cell))


def output(**fields):
    def change(notebook):
        cell_with(notebook, "print(1 + 1").setdefault("outputs", []).append(fields)

    return change


def show(kind, data, metadata=None):
    return output(output_type="display_data", data={kind: data}, metadata=metadata or {})


def untag(notebook):
    for _, cell in notebook.cells:
        cell["metadata"].pop("tags", None)


def without_code(notebook):
    notebook.content["cells"] = [cell for _, cell in notebook.cells if cell["cell_type"] != "code"]


def needs_an_optional_part(notebook):
    replace("It needs", "- *More*: for a rainy day.\n\nIt needs")(notebook)
    for cell in (
        ASIDE,
        code("import math\n\nhalf = 1 / 2"),
        markdown("## On with it"),
        code("half"),
    ):
        append(cell)(notebook)


ASIDE = markdown("## More (optional)\n\nNot today.")
LONG = "\n".join(f"x{i} = {i}" for i in range(21))
BROKEN = {
    "no title": ("title", replace("# An example", "An example")),
    "two titles": ("title", replace("## Recap", "# Recap")),
    "no aims": ("opening", replace("What you will be able to do", "Welcome")),
    "one aim": ("opening", replace("- say it\n- do it", "- say it")),
    "five aims": ("opening", replace("- say it\n", "- say it\n- a\n- b\n- c\n")),
    "no needs": ("opening", replace("It needs nothing and", "It")),
    "no duration": ("duration", replace("15 minutes", "a while")),
    "another duration": ("duration", replace("15 minutes", "25 minutes")),
    "too long": ("duration", append(markdown(SENTENCE * 500))),
    "too short": ("duration", replace(SENTENCE * 14, SENTENCE)),
    "an optional part that is not listed": ("optional_parts", append(ASIDE)),
    "a part that needs an optional one": ("optional_parts", needs_an_optional_part),
    "no parameters tag": ("parameters", untag),
    "a parameter missing": ("parameters", replace("\nseed = 0", "")),
    "a parameter computed": ("parameters", replace("seed = 0", "seed = int('0')")),
    "another profile": ("parameters", replace('profile = "lesson"', 'profile = "smoke"')),
    "no code at all": ("parameters", without_code),
    "injected": ("stored_in_own_profile", append(code("seed = 1", "injected-parameters"))),
    "a cell of 21 lines": ("cell_lengths", append(code(LONG))),
    "all cells of 6 lines": ("cell_lengths", replace("ex.q", "a = 1\n" * 5 + "ex.q")),
    "too many cells of 13 lines": ("cell_lengths", replace("ex = Sim", "b = 1\nc = 2\nex = Sim")),
    "hardly a word": (
        "prose_share",
        replace(SENTENCE, ""),
    ),
    "not run": ("executed", append(code("1 + 1"))),
    "a bar": ("executed", show("text/plain", "training:  25%|##5       | 1/4 [00:01<00:05]")),
    "an error": ("executed", output(output_type="error", ename="ValueError")),
    "a home folder": ("no_machine_paths", show("text/plain", "/Users/ada/course/pets")),
    "a Windows folder": ("no_machine_paths", show("text/plain", "C:\\Users\\ada\\pets")),
    "an address": ("no_machine_paths", show("text/plain", "<Head object at 0x7f3a5c2d10>")),
    "a folder after a newline": ("no_machine_paths", show("text/plain", ["a\n", "/mnt/x9"])),
    "a folder in a widget": (
        "no_machine_paths",
        lambda nb: nb.content["metadata"].update(widgets={"state": "/mnt/pets"}),
    ),
    "a picture without words": ("alternative_text", show("image/png", "iVBORw0KGgo=")),
    "a picture with empty words": (
        "alternative_text",
        show("image/png", "iVBORw0KGgo=", {"image/png": {"alt": ""}}),
    ),
    "markdown's picture": ("alternative_text", append(markdown("![](cat.png)"))),
    "HTML's picture": ("alternative_text", append(markdown('<img src="cat.png" alt="">'))),
    "a picture in HTML output": ("alternative_text", show("text/html", '<img src="a.png">')),
    "two exercises": ("exercises", replace("ex.q3.", "ex.q2.")),
    "no hint": ("exercises", replace("ex.q3.hint()", "a hint")),
    "no solution": ("exercises", replace("ex.q1.solution()", "a solution")),
    "no recap": ("closing", replace("## Recap", "## The end")),
    "no real photographs": ("closing", replace("## On real photographs", "## More")),
    "no way on": ("closing", replace("(01_more.ipynb)", "(03_else.ipynb)")),
    "a level skipped": ("heading_levels", replace("### In a picture", "#### In a picture")),
    "nothing compared": ("compared_outputs", untag),
    "a kernel's other name": (
        "kernel",
        lambda nb: nb.content["metadata"]["kernelspec"].update(display_name="Python 3"),
    ),
    "a hidden cell": ("compared_outputs", append(code("1 / 0", "nbval-skip"))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_noticed(example, name):
    rule, change = BROKEN[name]
    broken = Notebook(example.name, copy.deepcopy(example.content), example.next_name)
    change(broken)
    # Read anew: what `change` looked at is remembered in the notebook.
    broken = Notebook(broken.name, broken.content, broken.next_name)
    assert rule in complaints(broken)


def test_every_rule_is_shown_broken():
    assert {rule for rule, _ in BROKEN.values()} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize(
    ("markdown_text", "words"),
    [
        ("two words", 2),
        ("a **bold** [link](https://example.org/a/long/address)", 3),
        ("```python\nx = 1\n```\nafter", 1),
        ("it's well-known", 2),
        ("", 0),
    ],
)
def test_words_are_what_a_reader_reads(markdown_text, words):
    assert lesson_form.words_of(markdown_text) == words


def test_base64_is_not_read_for_paths(example):
    noisy = Notebook(example.name, copy.deepcopy(example.content))
    show(
        "text/html", '<img alt="x" src="data:image/png;base64,' + "A" * 300 + "/mnt/AB" * 40 + '">'
    )(noisy)
    assert "no_machine_paths" not in complaints(noisy)


def test_an_optional_part_that_is_listed_and_can_be_skipped_is_accepted(example):
    longer = Notebook(example.name, copy.deepcopy(example.content))
    replace("It needs", "- *More*: for a rainy day.\n\nIt needs")(longer)
    aside = code("def halve(x):\n    part = x / 2\n    return part\n\n\nhalf = halve(1)")
    for cell in (ASIDE, aside, code("half"), markdown("## On with it"), code("part = half = 0")):
        append(cell)(longer)
    longer = Notebook(longer.name, longer.content)
    assert list(lesson_form.optional_parts(longer)) == []


def test_what_is_optional_takes_no_time(example):
    def minutes_with(*cells):
        longer = copy.deepcopy(example.content)
        longer["cells"][-1:-1] = cells
        return lesson_form.minutes_of(Notebook(example.name, longer))

    before = lesson_form.minutes_of(example)
    words = "\n\n" + "word " * 200
    assert minutes_with(markdown("## More" + words)) == pytest.approx(before + 1, abs=0.05)
    assert minutes_with(code("a = 1\n" * 20)) == pytest.approx(before + 1)
    aside = markdown("## More (optional)\n\n### Within it" + words)
    heading = markdown("## On with it")
    assert minutes_with(aside, code("a = 1\n" * 20), heading) < before + 0.1
    folded = code("a = 1\n" * 20) | {"metadata": {"jupyter": {"source_hidden": True}}}
    assert minutes_with(folded, code("a = 1\n" * 20, "plain-pytorch")) == before
