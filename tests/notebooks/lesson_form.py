"""What a lesson must look like, as far as a program can see.

Each rule is a function of a `Notebook` that yields complaints, each of which says where and what to
do. To add a rule, write a function and list it in `RULES`; `test_form_rules.py` shows it a lesson
that breaks it.
"""

import ast
import json
import re
import statistics
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PARAMETERS = ("profile", "device", "dataset", "seed")
#: How fast a learner reads prose and code, how long an exercise takes, and how many of them one is
#: asked to do; the others are there for practice.
WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_AN_EXERCISE, MOST_EXERCISES = 200, 20, 2, 4
LEAST_MINUTES, MOST_MINUTES = 15, 30
#: Folders that exist on the machine that ran a lesson and on no other, and memory addresses.
MACHINE = re.compile(
    r"/(?:home|Users|root|tmp|work|private|var/folders|opt|mnt)/[\w.-]+|[A-Za-z]:\\\\?Users|file://"
    r"|\bat 0x[0-9a-f]{6,}"
)


@dataclass(frozen=True)
class Notebook:
    """A lesson as it is stored.

    Attributes
    ----------
    name : str
        File name.
    content : dict
        The parsed JSON.
    next_name : str or None
        File name of the lesson that follows, None for the last.
    """

    name: str
    content: dict
    next_name: str | None = None

    @classmethod
    def read(cls, path: Path, next_name=None):
        return cls(path.name, json.loads(path.read_text(encoding="utf-8")), next_name)

    @cached_property
    def cells(self):
        """(position from 1, cell) for every cell."""
        return list(enumerate(self.content["cells"], 1))

    @cached_property
    def code(self):
        return [(i, c) for i, c in self.cells if c["cell_type"] == "code" and source(c).strip()]

    @cached_property
    def prose(self):
        return [(i, source(c)) for i, c in self.cells if c["cell_type"] == "markdown"]

    @cached_property
    def headings(self):
        """(position, level, text) of every heading, fenced code left out."""
        found = []
        for i, text in self.prose:
            for line in without_fences(text).splitlines():
                if match := re.match(r" {0,3}(#{1,6})\s+(.*?)\s*#*$", line):
                    found.append((i, len(match[1]), match[2]))
        return found

    def section(self, pattern):
        """The prose under the first heading that matches, up to the next heading; None if none."""
        text = without_fences("\n\n".join(text for _, text in self.prose))
        heading = re.search(rf"^ {{0,3}}#{{1,6}}[^\n]*{pattern}[^\n]*$", text, re.I | re.M)
        if heading is None:
            return None
        return re.split(r"^ {0,3}#{1,6}\s", text[heading.end() :], maxsplit=1, flags=re.M)[0]


def source(cell):
    """The source of a cell as one string; JSON stores it as a string or as a list of lines."""
    return "".join(cell["source"])


def without_fences(markdown):
    """`markdown` without its fenced code blocks."""
    return re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", markdown, flags=re.S | re.M)


def lines_of(cell):
    """The number of lines of a code cell that are not blank."""
    return sum(bool(line.strip()) for line in source(cell).splitlines())


def words_of(markdown):
    """The number of words a reader reads: no fenced code, no HTML tags, no addresses of links."""
    text = re.sub(r"<[^>]+>", " ", without_fences(markdown))
    text = re.sub(r"\]\([^)]*\)", " ", text)
    return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text))


def minutes_of(nb):
    """Minutes that the required part of a lesson takes to read, its exercises included.

    What stands under a heading that ends in '(optional)', down to the next heading of its level or
    above, is not counted, nor are cells that are stored folded away or taken along as a script.
    """
    words = lines = 0
    for cell, part, optional in parts_of(nb):
        if cell["cell_type"] == "markdown":
            words += 0 if optional else words_of(part)
        elif not optional and not _left_out(cell["metadata"]):
            lines += lines_of(cell)
    exercises = {
        name for _, cell in nb.code for name in re.findall(r"\.(q\w*)\.check", source(cell))
    }
    reading = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE
    return reading + MINUTES_AN_EXERCISE * min(len(exercises), MOST_EXERCISES)


def parts_of(nb):
    """(cell, its text or the part of it under one heading, whether that is optional), in order."""
    optional = None  # the level of the heading that made this part optional
    for _, cell in nb.cells:
        if cell["cell_type"] != "markdown":
            yield cell, source(cell), optional is not None
            continue
        for part in re.split(r"^(?=#{1,6}\s)", without_fences(source(cell)), flags=re.M):
            if heading := re.match(r"(#{1,6})\s+(.*)", part):
                level = len(heading[1])
                if optional is None or level <= optional:
                    optional = level if heading[2].strip().endswith("(optional)") else None
            yield cell, part, optional is not None


def _left_out(metadata):
    folded = metadata.get("jupyter", {}).get("source_hidden")
    return folded or "plain-pytorch" in metadata.get("tags", [])


def title(nb):
    """The first cell starts with the only heading of level 1."""
    first = nb.cells[0][1] if nb.cells else {"cell_type": "none", "source": ""}
    if first["cell_type"] != "markdown" or not source(first).lstrip().startswith("# "):
        yield "cell 1: start the lesson with a markdown cell whose first line is '# Title'"
    if (count := sum(level == 1 for _, level, _ in nb.headings)) > 1:
        yield f"{count} headings of level 1: keep '#' for the title, use '##' for sections"


def opening(nb):
    """What one will be able to do and what it needs: before the first code."""
    aims = nb.section("what you will be able to do")
    if aims is None:
        yield "add a heading 'What you will be able to do' with two to four bullets"
    elif not 2 <= (count := len(re.findall(r"^\s*[-*+]\s", aims, re.M))) <= 4:
        yield f"'What you will be able to do' has {count} bullets; two to four are asked for"
    first_code = nb.code[0][0] if nb.code else len(nb.cells) + 1
    before = "\n".join(text for i, text in nb.prose if i < first_code)
    if not re.search(r"\b(needs?|you need|prerequisites?)\b", before, re.I):
        yield "say before the first code cell what the lesson needs"


def duration(nb):
    """It says how long it takes, which is what `minutes_of` says, and 15 to 30 minutes."""
    first_code = nb.code[0][0] if nb.code else len(nb.cells) + 1
    before = "\n".join(text for i, text in nb.prose if i < first_code)
    minutes = minutes_of(nb)
    rounded = max(5, 5 * round(minutes / 5))
    if not (stated := re.search(r"\b(\d+) minutes\b", before)):
        yield "say before the first code cell how many minutes the lesson takes"
    elif int(stated[1]) != rounded:
        yield f"it says {stated[1]} minutes and takes {minutes:.0f}: say {rounded} minutes"
    if rounded > MOST_MINUTES:
        yield f"it takes {minutes:.0f} minutes, {MOST_MINUTES} at most: mark parts '(optional)'"
    if rounded < LEAST_MINUTES:
        yield f"it takes {minutes:.0f} minutes, {LEAST_MINUTES} at least: join it with another"


def optional_parts(nb):
    """What is optional is listed at the top with a sentence each, and can be skipped."""
    first_code = nb.code[0][0] if nb.code else len(nb.cells) + 1
    listed = "\n".join(text for i, text in nb.prose if i < first_code)
    for i, _, text in nb.headings:
        name = text.removesuffix("(optional)").strip()
        if name != text and not re.search(rf"^- \*{re.escape(name)}\*: \w", listed, re.M):
            yield f"cell {i}: list it before the first code cell, as '- *{name}*: why read it'"
    core, skipped = set(), set()
    for cell, text, optional in parts_of(nb):
        if cell["cell_type"] == "code":
            made, used = names_in(text)
            if not optional and (lost := sorted(used & skipped - core - made)):
                yield f"who skips the optional parts has no {', '.join(lost)} for {text[:40]!r}"
            (skipped if optional else core).update(made)


def names_in(code):
    """(names that the code makes, names that it reads)."""
    made, used = set(), set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else made).add(node.id)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).split(".")[0])
    return made, used


def parameters(nb):
    """The first code cell, tagged ``parameters``, sets the four parameters and nothing else."""
    if not nb.code:
        yield "there is no code cell"
        return
    i, cell = nb.code[0]
    if "parameters" not in cell.get("metadata", {}).get("tags", []):
        yield f"cell {i}: tag the first code cell 'parameters'"
    try:
        statements = ast.parse(source(cell)).body
        values = {s.targets[0].id: ast.literal_eval(s.value) for s in statements}
    except (SyntaxError, AttributeError, ValueError):
        yield f"cell {i}: write the parameters as plain assignments of values, one a line"
        return
    if set(values) != set(PARAMETERS):
        yield f"cell {i}: set {', '.join(PARAMETERS)}; it sets {', '.join(values) or 'nothing'}"
    if values.get("profile", "lesson") != "lesson":
        yield f"cell {i}: store the lesson in profile 'lesson', not {values['profile']!r}"


def stored_in_own_profile(nb):
    """No parameters were injected: what is stored is what the lesson says of itself."""
    for i, cell in nb.code:
        if "injected-parameters" in cell.get("metadata", {}).get("tags", []):
            yield f"cell {i}: parameters were injected; `make lessons` stores a lesson without"


def cell_lengths(nb):
    """Median at most 4 lines, nine in ten at most 12, none over 20."""
    lengths = [lines_of(cell) for _, cell in nb.code]
    if not lengths:
        return
    if (median := statistics.median(lengths)) > 4:
        yield f"the median code cell has {median:g} lines; 4 at most: one idea a cell"
    if (share := sum(n <= 12 for n in lengths) / len(lengths)) < 0.9:
        yield f"only {share:.0%} of the code cells have 12 lines or fewer; 90 % should"
    for i, cell in nb.code:
        if (n := lines_of(cell)) > 20:
            yield f"cell {i}: {n} lines; 20 at most: long code belongs in the package"


def prose_share(nb):
    """At least 6 words of prose for each line of code (8 to 20 is the aim)."""
    lines = sum(lines_of(cell) for _, cell in nb.code)
    words = sum(words_of(text) for _, text in nb.prose)
    if lines and words / lines < 6:
        yield f"{words / lines:.1f} words of prose a line of code; the aim is 8 to 20, 6 the least"


def executed(nb):
    """Stored as one run from top to bottom, without an error."""
    counts = [cell.get("execution_count") for _, cell in nb.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not one run from top to bottom (counts {counts}): `make lessons` stores one"
    for i, cell in nb.code:
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                yield f"cell {i}: stored with an error output, {output.get('ename')}"
            if re.search(r"\d%\|.*\| \d+/\d+ ", _text_of(output)):
                yield f"cell {i}: stored with a progress bar; `make lessons` stores none"


def no_machine_paths(nb):
    """Outputs name no folder of the machine that ran the lesson, and no memory address."""
    for i, cell in nb.code:
        for output in cell.get("outputs", []):
            if match := MACHINE.search(_text_of(output)):
                yield f"cell {i}: the output shows {match[0]!r}; print names, not folders"
    if match := MACHINE.search(_text_of(nb.content.get("metadata", {}).get("widgets", {}))):
        yield f"a widget's stored state has {match[0]!r}; show names, not folders"


def _text_of(stored):
    # Pictures are stored as long runs of base64, in which anything can be found by chance.
    return re.sub(r"[A-Za-z0-9+/=]{200,}", " ", json.dumps(stored).replace("\\n", ""))


def alternative_text(nb):
    """Every picture has words that stand for it: those of code, of markdown and of HTML."""
    for i, cell in nb.code:
        for output in cell.get("outputs", []):
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                continue  # the picture stands in where the widget, which has words, is not drawn
            for kind in output.get("data", {}):
                alt = output.get("metadata", {}).get(kind, {})
                if kind.startswith("image/") and not (isinstance(alt, dict) and alt.get("alt")):
                    yield f"cell {i}: a picture without alternative text; use show(figure, alt=...)"
            yield from _images_in_html(i, "".join(output.get("data", {}).get("text/html", "")))
    for i, text in nb.prose:
        for match in re.finditer(r"!\[(\s*)\]\(([^)]{0,60})", text):
            yield f"cell {i}: write alternative text between the brackets of ![]({match[2]})"
        yield from _images_in_html(i, text)


def _images_in_html(i, text):
    for tag in re.findall(r"<img\b[^>]*>", text, re.I):
        if not re.search(r"\balt\s*=\s*(\"[^\"]*\S[^\"]*\"|'[^']*\S[^']*')", tag, re.I):
            yield f"cell {i}: an <img> without alternative text"


def exercises(nb):
    """At least three exercises, each with check, hint and solution."""
    found = {"check": set(), "hint": set(), "solution": set()}
    text = "\n".join(source(cell) for _, cell in nb.cells)
    for name, call in re.findall(r"\b\w+\.(q\w*)\.(check|hint|solution)\(", text):
        found[call].add(name)
    if len(found["check"]) < 3:
        yield f"{len(found['check'])} exercises are checked (ex.q1.check(...)); have at least three"
    for call in ("hint", "solution"):
        if missing := sorted(found["check"] - found[call]):
            yield f"name ex.….{call}() for {', '.join(missing)}, in prose or in a comment"


def closing(nb):
    """A recap, what was measured on real photographs, and the way to the next lesson."""
    if nb.section("recap") is None:
        yield "add a heading 'Recap'"
    if nb.section("on real photographs") is None:
        yield "add a heading 'On real photographs'"
    if nb.next_name and nb.prose and f"({nb.next_name})" not in nb.prose[-1][1]:
        yield f"link to the next lesson in the last markdown cell: [...]({nb.next_name})"


def heading_levels(nb):
    """No level is skipped on the way down, as screen readers and the book's contents need."""
    last = 0
    for i, level, text in nb.headings:
        if level > last + 1:
            yield f"cell {i}: heading {text!r} goes from level {last} to {level}"
        last = level


def compared_outputs(nb):
    """Text that is the same at every run is tagged, so that every run is compared with it."""
    tags = [tag for _, cell in nb.code for tag in cell.get("metadata", {}).get("tags", [])]
    if "nbval-check-output" not in tags:
        yield "tag the cells whose text output is the same at every run 'nbval-check-output'"
    for tag in ("nbval-skip", "raises-exception"):
        if tag in tags:
            yield f"the tag {tag!r} hides a cell from the tests: show an error caught instead"


def kernel(nb):
    """The kernel is named as JupyterLab names it, or opening the lesson would change it."""
    if (name := nb.content["metadata"]["kernelspec"]["display_name"]) != "Python 3 (ipykernel)":
        yield f"its kernel is called {name!r}: `make lessons` stores it as 'Python 3 (ipykernel)'"


RULES = (
    title,
    opening,
    duration,
    optional_parts,
    parameters,
    stored_in_own_profile,
    cell_lengths,
    prose_share,
    executed,
    no_machine_paths,
    alternative_text,
    exercises,
    closing,
    heading_levels,
    compared_outputs,
    kernel,
)
