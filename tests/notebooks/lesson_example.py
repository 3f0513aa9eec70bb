"""A small lesson that follows every rule: tests break one rule at a time, run it, and open it."""

import json

SENTENCE = "A frozen layer gives the same activation for the same picture in every epoch. "
_PROSE = SENTENCE * 14

_PARAMETERS = """\
profile = "lesson"
device = "auto"
dataset = "pets"
seed = 0"""

_PICTURE = """\
from base64 import b64decode

from IPython.display import Image

pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
pixel += "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
Image(b64decode(pixel), alt="a single pixel")"""

_EXERCISES = """\
from types import SimpleNamespace

from tlcourse.exercises import Exercise

sum_up = Exercise(
    title="Sum up",
    question="What is 1 + 1?",
    hints=["Count.", "Use two fingers."],
    solution="answer = 2",
    explanation="One and one more.",
    check=lambda answer: None if answer == 2 else "Count again.",
)
ex = SimpleNamespace(q1=sum_up, q2=sum_up, q3=sum_up)"""

_ASK = "Your turn. `ex.{0}.hint()` helps and `ex.{0}.solution()` shows one way.\n\n" + _PROSE


def markdown(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(text, *tags):
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)} if tags else {},
        "execution_count": None,
        "outputs": [],
        "source": text,
    }


def example_cells():
    """The cells of the example, not run yet."""
    return [
        markdown("# An example\n\nWhat do you expect?"),
        markdown(
            "## What you will be able to do\n\n- say it\n- do it\n\n"
            "It needs nothing and takes 15 minutes.\n\n" + _PROSE
        ),
        code(_PARAMETERS, "parameters"),
        markdown("## One idea\n\n" + _PROSE),
        code("print(1 + 1, dataset)", "nbval-check-output"),
        markdown("### In a picture\n\n" + _PROSE),
        code(_PICTURE),
        markdown("## Exercises\n\n" + _PROSE),
        code(_EXERCISES),
        markdown(_ASK.format("q1")),
        code("ex.q1.check(...)"),
        markdown(_ASK.format("q2")),
        code("ex.q2.check(...)"),
        markdown(_ASK.format("q3")),
        code("ex.q3.check(...)"),
        markdown("## Recap\n\nThat was it."),
        markdown("## On real photographs\n\nMeasured there.\n\nNext: [more](01_more.ipynb)"),
    ]


def write_notebook(path, cells):
    """Write `cells` as the notebook `path`; returns `path`."""
    for number, cell in enumerate(cells):
        cell.setdefault("id", f"cell-{number}")
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
            },
            "language_info": {  # as a lesson is stored, without the version of Python
                "codemirror_mode": {"name": "ipython", "version": 3},
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
                "nbconvert_exporter": "python",
                "pygments_lexer": "ipython3",
            },
        },
        "cells": cells,
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path
