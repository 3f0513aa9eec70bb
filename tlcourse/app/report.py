"""The report of a training run: one HTML file that carries its pictures and needs no other."""

import html
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from .. import plots
from ..base.files import write_whole
from ..base.pictures import data_uri, file_uri
from ..data.sets import ImageSet
from ..training.calibrate import reliability, thresholds
from ..training.evaluate import Evaluation, wilson
from ..training.fit import History
from .reasons import MOST_MISTAKES, Reason

_THUMBNAIL, _SMALL = 240, 120
_STYLE = """
:root { color-scheme: light dark; --edge: #8888; --card: #8881; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.lead { font-size: 1.15rem; }
.warning { border-left: 4px solid #d55e00; padding: 0.2rem 0.8rem; margin: 0.5rem 0; }
table { border-collapse: collapse; }
th, td { text-align: right; padding: 0.25rem 0.8rem; border-bottom: 1px solid var(--edge); }
th:first-child, .settings td { text-align: left; }
img.plot { max-width: 100%; background: white; padding: 0.4rem; border-radius: 4px; }
.mistakes {
  display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr));
}
.reasons { grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
figure { margin: 0; background: var(--card); padding: 0.5rem; border-radius: 4px; }
figure img { width: 100%; height: 10rem; object-fit: contain; }
.row { display: flex; gap: 0.4rem; }
.row > * { flex: 1; min-width: 0; }
.near img { height: 5rem; }
figcaption { font-size: 0.9rem; overflow-wrap: anywhere; }
code { overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Reported:
    """What a report tells of.

    Attributes
    ----------
    title : str
    classes : tuple of str
    history : History
    evaluation : Evaluation
        Of pictures on which nothing was chosen.
    images : ImageSet
        Those pictures.
    reported_on, chosen_on : str
        Sentences: which pictures the accuracy is of, and on which the epoch was chosen.
    settings : dict
        What it takes to repeat the run, by name.
    considered : list of str
        The strategies that there were to choose from, each with what it reached and costs.
    warnings : list of str
        What a reader must know, such as files that were left out.
    reasons : dict of int to Reason
        What to show beside mistakes, by the position of the picture.
    """

    title: str
    classes: tuple[str, ...]
    history: History
    evaluation: Evaluation
    images: ImageSet
    reported_on: str
    chosen_on: str
    settings: dict
    considered: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reasons: dict[int, Reason] = field(default_factory=dict)


def how_sure(evaluation: Evaluation) -> str:
    """Say how good a model is and how sure that is, in two sentences.

    The interval is Wilson's, at 95 %; it is compared with always naming the commonest class.
    """
    count = len(evaluation.labels)
    right = round(evaluation.accuracy * count)
    low, high = evaluation.interval
    counts = np.bincount(evaluation.labels, minlength=len(evaluation.classes))
    commonest = evaluation.classes[int(counts.argmax())]
    base = counts.max() / count
    first = (
        f"Right on {right} of {count} pictures: {evaluation.accuracy:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%})."
    )
    always = f"always answering '{commonest}' would be right on {base:.1%}"
    if low > base:
        return f"{first} For comparison: {always}."
    return f"{first} That is not surely better than a guess: {always}. More pictures would tell."


def write_report(path: str | Path, run: Reported) -> Path:
    """Write the report as one HTML file; it appears whole or not at all.

    Parameters
    ----------
    path : path
        An existing file is replaced: ask before.
    run : Reported
    """
    path = Path(path)
    parts = (_summary, _warnings, _mistakes, _classes, _sure, _curves, _rivals, _settings)
    body = "\n".join(part(run) for part in parts)
    write_whole(path, page(run.title, body))
    return path


def page(title: str, body: str) -> str:
    """Return a whole HTML page, in the report's style, that reaches for nothing outside itself."""
    title = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        # Nothing in the file may reach outside it, whatever a class or a file is called.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
    )


def figure(image: Image.Image, alt: str, caption: str, more: str = "") -> str:
    """Return a thumbnail with its caption, which is HTML, as it stands in a grid of them.

    What is `more` stands beside the picture.
    """
    shown = f'<img src="{_jpeg(image)}" alt="{html.escape(alt)}" loading="lazy">'
    shown = f'<div class="row">{shown}{more}</div>' if more else shown
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _summary(run: Reported) -> str:
    lines = [how_sure(run.evaluation), run.reported_on, run.chosen_on]
    first, *others = (html.escape(line) for line in lines)
    return f'<p class="lead"><strong>{first}</strong></p><p>{" ".join(others)}</p>'


def _warnings(run: Reported) -> str:
    if not run.warnings:
        return ""
    items = "".join(f'<p class="warning">{html.escape(text)}</p>' for text in run.warnings)
    return f"<section><h2>Please note</h2>{items}</section>"


def _mistakes(run: Reported) -> str:
    found = plots.mistaken(run.evaluation)
    total = len(run.evaluation.labels)
    if not len(found):
        return f"<section><h2>Mistakes</h2><p>None on these {total} pictures.</p></section>"
    shown = found[:MOST_MISTAKES]
    which = "all" if len(shown) == len(found) else f"the {len(shown)} it was surest of"
    figures = "\n".join(_mistake(run, int(i)) for i in shown)
    about = _ABOUT_REASONS if run.reasons else ""
    return (
        f"<section><h2>Mistakes: {len(found)} of {total}</h2>"
        f"<p>Shown: {which}; first those where the model was surest. Is the label right? "
        f"Is there something in the picture that the training pictures lack?{about}</p>"
        f'<div class="mistakes{" reasons" * bool(about)}">{figures}</div></section>'
    )


_ABOUT_REASONS = (
    " In the grey copy, red places spoke for the answer and against the truth, and blue ones the "
    "other way round: the class activation map, of the square that the model sees. It is coarse, "
    "and each place stands for more of the picture than it covers. Below are the training pictures "
    "that look most like it to the model, with the cosine of their activations."
)


def _mistake(run: Reported, i: int) -> str:
    evaluation = run.evaluation
    said, label = evaluation.predictions[i], evaluation.labels[i]
    answer, true = run.classes[said], run.classes[label]
    p_said, p_true = evaluation.probabilities[i, [said, label]]
    caption = (
        f"is <strong>{html.escape(true)}</strong> ({p_true:.0%}), said "
        f"<strong>{html.escape(answer)}</strong> ({p_said:.0%})<br>"
        f"<code>{html.escape(run.images.name(i))}</code>"
    )
    alt = f"A picture of the class {true} that the model took for {answer}"
    more = ""
    if reason := run.reasons.get(i):
        if reason.places is not None:
            words = f"The same in grey; red where it spoke for {answer} and against {true}"
            more = f'<img src="{_jpeg(reason.places)}" alt="{html.escape(words)}" loading="lazy">'
        caption += _neighbours(reason)
    return figure(run.images.image(i), alt, caption, more)


def _neighbours(reason: Reason) -> str:
    shown = "".join(
        f'<div><img src="{_jpeg(image, _SMALL)}" loading="lazy" '
        f'alt="{html.escape(f"A training picture of the class {name}")}">'
        f"{html.escape(name)} {cosine:.2f}</div>"
        for image, name, cosine in reason.neighbours
    )
    return f'<div class="row near">{shown}</div>'


def _classes(run: Reported) -> str:
    counts = run.evaluation.confusion
    columns = (run.classes, counts.diagonal(), counts.sum(1), counts.sum(0))
    classes = [*zip(*columns, strict=True)]
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th><td>{true}</td>"
        f"<td>{_interval(right, true)}</td><td>{_interval(right, said)}</td></tr>"
        for name, right, true, said in classes
    )
    alt = "Confusion matrix: " + "; ".join(
        f"of {true} {name}, {right} right" for name, right, true, _ in classes
    )
    figure = _plot(plots.confusion_matrix(run.evaluation), alt)
    return (
        "<section><h2>Class by class</h2><p>In brackets: 95 % intervals, Wilson's.</p>"
        "<table><thead><tr><th scope='col'>class</th>"
        "<th scope='col'>pictures</th><th scope='col'>of these, found (recall)</th>"
        "<th scope='col'>of those named so, right (precision)</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{figure}</section>"
    )


def _curves(run: Reported) -> str:
    history = run.history
    last = history.rows[-1]
    alt = (
        f"Loss and accuracy over {len(history.rows)} epochs; at the end the training loss is "
        f"{last['train_loss']:.3f}, the training accuracy {last['train_accuracy']:.1%}"
    )
    text = f"Kept: the weights of epoch {history.best_epoch}. Training took {history.seconds:.0f} s"
    text += ", and was interrupted." if history.interrupted else "."
    return (
        f"<section><h2>Learning</h2><p>{text}</p>{_plot(plots.history_curves(history), alt)}"
        "</section>"
    )


def _sure(run: Reported) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{one.probability:.0%}</th><td>{one.answered:.1%}</td>"
        f"<td>{percent(one.accuracy)}</td></tr>"
        for one in thresholds(run.evaluation)
    )
    bins = reliability(run.evaluation)
    alt = "Reliability: " + "; ".join(
        f"of {count} answers with about {sure:.0%}, {right:.0%} are right"
        for sure, right, count in bins
    )
    return (
        "<section><h2>How far to believe it</h2><p>A model need not answer: below a probability it "
        "can say 'not sure' (<code>tlcourse predict --not-sure</code>). What that costs:</p>"
        "<table><thead><tr><th scope='col'>answer from</th><th scope='col'>pictures answered</th>"
        f"<th scope='col'>of these, right</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{_plot(plots.reliability_diagram(bins), alt)}</section>"
    )


def _rivals(run: Reported) -> str:
    if not run.considered:
        return ""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in run.considered)
    return (
        "<section><h2>What else was considered</h2><p>Tried on training pictures alone, each part "
        f"left out in turn, where time was given for that.</p><ul>{items}</ul></section>"
    )


def _settings(run: Reported) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in run.settings.items()
    )
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return (
        f"<section><h2>To repeat this run</h2><table class='settings'><tbody>{rows}</tbody></table>"
        f"<p>Written on {html.escape(now)}.</p></section>"
    )


def _interval(right: int, count: int) -> str:
    if not count:
        return "–"
    low, high = wilson(int(right), int(count))
    return f"{right / count:.1%} ({low:.0%} to {high:.0%})"


def percent(value: float) -> str:
    """A share in percent; a dash for NaN, where there is none."""
    return "–" if np.isnan(value) else f"{value:.1%}"


def _plot(figure, alt: str) -> str:
    data = file_uri(plots.png(figure))
    return f'<p><img class="plot" src="{data}" alt="{html.escape(alt)}"></p>'


def _jpeg(image: Image.Image | np.ndarray, longest: int = _THUMBNAIL) -> str:
    return data_uri(Image.fromarray(plots.thumbnail(image, longest)), "JPEG")
