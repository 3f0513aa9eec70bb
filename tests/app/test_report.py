"""The report: one file, nothing fetched, nothing that a name could smuggle in."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tlcourse.app import report
from tlcourse.training.evaluate import Evaluation

NASTY = "<img src=x onerror=alert(1)>\"'&"
CLASSES = (NASTY, "bee")


class Pictures:
    """As much of an ImageSet as a report asks for."""

    def image(self, i):
        return Image.new("RGB", (60, 40), (i % 256, 90, 120))

    def name(self, i):
        return f"{NASTY}/{i}\udcff.jpg"


def evaluation(right=50, wrong=5, classes=CLASSES):
    labels = np.array([i % 2 for i in range(right + wrong)])
    said = np.where(np.arange(right + wrong) < right, labels, 1 - labels)
    probabilities = np.full((len(labels), len(classes)), 0.2, np.float32)
    probabilities[np.arange(len(labels)), said] = 0.8 + 0.001 * np.arange(len(labels))
    return Evaluation(tuple(classes), labels, probabilities, 0.4)


def run(measured=None, **changes):
    row = {"epoch": 1, "train_loss": 0.5, "train_accuracy": 0.9}
    row |= {"validation_loss": 0.5, "validation_accuracy": 0.9}
    settings = {
        "title": f"pets {NASTY}",
        "classes": CLASSES,
        "history": SimpleNamespace(rows=[row], best_epoch=1, seconds=3.2, interrupted=False),
        "evaluation": measured or evaluation(),
        "images": Pictures(),
        "reported_on": "These are others.",
        "chosen_on": "Chosen elsewhere.",
        "settings": {"folder": NASTY, "seed": 0},
        "warnings": [f"{NASTY} was left out"],
    }
    return report.Reported(**(settings | changes))


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.open = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert not reader.open, f"not closed: {reader.open}"
    return reader


@pytest.fixture
def page(tmp_path):
    return read(report.write_report(tmp_path / "report.html", run()))


def test_nothing_is_fetched_and_no_script_runs(page):
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(tags)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:image/").startswith("data:image/")
    policy = next(a["content"] for t, a in page.tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    style = report._STYLE
    assert "url(" not in style
    assert "@import" not in style


def test_names_are_text_and_not_markup(page):
    # The names with markup in them turn up whole, as text and as alternative text.
    assert page.text.count(NASTY) >= 8
    alts = [a["alt"] for t, a in page.tags if t == "img"]
    assert any(NASTY in alt for alt in alts)
    assert not [a for t, a in page.tags if t == "img" and a.get("src") == "x"]


def test_every_picture_has_words(page):
    pictures = [a for t, a in page.tags if t == "img"]
    assert len(pictures) == 5 + 3  # mistakes; curves, confusion, reliability
    assert all(len(a["alt"]) > 20 for a in pictures)


def test_the_summary_is_what_was_measured(page):
    assert "Right on 50 of 55 pictures: 90.9% (95 % interval 80.4% to 96.1%)." in page.text
    assert "Mistakes: 5 of 55" in page.text
    assert "These are others. Chosen elsewhere." in page.text
    assert "was left out" in page.text


def test_the_surest_mistakes_come_first_and_the_rest_is_counted(tmp_path):
    measured = evaluation(right=10, wrong=80)
    page = read(report.write_report(tmp_path / "r.html", run(measured)))
    assert "the 48 it was surest of" in page.text
    sure = [int(n) for n in re.findall(r"said \S+ \((\d+)%\)", page.text.replace(NASTY, "it"))]
    assert len(sure) == 48
    assert sure == sorted(sure, reverse=True)


def test_beside_a_mistake_stand_both_probabilities_its_places_and_neighbours(tmp_path):
    neighbour = (Image.new("RGB", (30, 30)), NASTY, 0.934)
    places = np.zeros((20, 20, 3), np.uint8)
    reasons = {50: report.Reason(places, [neighbour] * 3), 51: report.Reason(None, [neighbour])}
    measured = evaluation(right=50, wrong=2)
    page = read(report.write_report(tmp_path / "r.html", run(measured, reasons=reasons)))
    assert f"is {NASTY} (20%), said bee (85%)" in page.text
    assert page.text.count(f"{NASTY} 0.93") == 4
    alts = [a["alt"] for t, a in page.tags if t == "img"]
    assert sum(f"spoke for bee and against {NASTY}" in alt for alt in alts) == 1
    assert sum(alt == f"A training picture of the class {NASTY}" for alt in alts) == 4


def test_shares_of_a_class_have_wilsons_intervals(page):
    # Of 27 bees 25 are right, of 28 that are called so 25. By hand, with z = 1.96.
    z, n, share = 1.959964, 27, 25 / 27
    middle, half = share + z**2 / (2 * n), z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    assert f"{share:.1%} ({low:.0%} to {high:.0%})" in page.text


def test_a_run_without_mistakes(tmp_path):
    page = read(report.write_report(tmp_path / "r.html", run(evaluation(wrong=0), warnings=[])))
    assert "None on these 50 pictures" in page.text
    assert "Please note" not in page.text


def test_a_class_without_pictures_has_no_recall(tmp_path):
    labels = np.zeros(4, int)
    measured = Evaluation(CLASSES, labels, np.tile(np.float32([0.9, 0.1]), (4, 1)), 0.1)
    page = read(report.write_report(tmp_path / "r.html", run(measured)))
    assert "–" in page.text
    assert "nan" not in page.text.lower()


def test_how_sure_does_not_boast():
    assert "surely better" not in report.how_sure(evaluation(90, 5))
    few = report.how_sure(evaluation(3, 1))
    assert "not surely better than a guess" in few


def test_a_report_is_whole_or_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_settings", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write_report(tmp_path / "report.html", run())
    assert not list(tmp_path.iterdir())
