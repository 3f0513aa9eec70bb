"""The plots: they say what they should in words and numbers, everywhere, without side effects."""

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image

from tlcourse import plots
from tlcourse.networks.freezing import ParameterCount
from tlcourse.plots.style import text_on
from tlcourse.training.evaluate import Evaluation


def history(shift=0.0, validation=True):
    rows = [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 1.2 / epoch + shift if validation else None,
            "validation_accuracy": 0.9 - 0.4 / epoch - shift if validation else None,
        }
        for epoch in range(1, 6)
    ]
    return SimpleNamespace(rows=rows, best_epoch=4)


def evaluation(classes=("ant", "bee", "$x^2$ <b>"), wrong=((0, 1, 0.6), (2, 1, 0.9))):
    """Two right answers a class, and then the mistakes (true, predicted, confidence)."""
    labels = [c for c in range(len(classes)) for _ in range(2)] + [w[0] for w in wrong]
    said = labels[: -len(wrong) or None] + [w[1] for w in wrong]
    sure = [0.8] * (2 * len(classes)) + [w[2] for w in wrong]
    rest = len(classes) - 1
    probabilities = np.array([[(1 - s) / rest] * len(classes) for s in sure], np.float32)
    probabilities[np.arange(len(said)), said] = sure
    return Evaluation(tuple(classes), np.array(labels), probabilities, 0.4)


class Pictures:
    """As much of an ImageSet as a plot asks for."""

    def image(self, i):
        return Image.new("RGB", (40, 30), (20 * i % 256, 90, 120))


PARTS = [
    ("stem", "frozen", 900),
    ("stage1", "trained", 12_000),
    ("stage2", "re-initialised", 10**6),
    ("stage3", "removed", 5),
    ("head", "new", 0),
]
COUNT = ParameterCount(2100, 10_000, {"stem": (900, 0), "stage1": (9100, 0), "head": (2100, 2100)})
CELLS = [
    {"strategy": s, "train_per_class": n, "mean": m, "low": m - 0.1, "high": m + 0.05, "n": 5}
    for s, n, m in (("frozen", 10, 0.8), ("frozen", 50, 0.85), ("all", 10, 0.7), ("all", 50, 0.9))
]
POINTS = [
    {"network": n, "panel": "digits", "start": s, "ms": 3.0 * mb, "mb": mb} | CELLS[i]
    for n, mb in (("small", 5.0), ("large", 24.0))
    for i, s in enumerate(("pretrained", "random"))
]
PLACE = {"name": "a$x$", "per_class": 30, "similarity": 0.5, "similarity_error": 0.2}
FIGURES = {
    "heat_map": lambda: plots.heat_map(CELLS, ["frozen", "all", "never"], [10, 50], row_label="r"),
    "depth_curves": lambda: plots.depth_curves(CELLS, ["frozen", "all", "never"], [10, 50, 90]),
    "trade_offs": lambda: plots.trade_offs(
        POINTS, {"small": "Small", "large": "Large"}, ["digits", "pets"], ["pretrained", "random"]
    ),
    "picture_grid": lambda: plots.picture_grid([np.zeros((9, 9), np.uint8)] * 7, ["a\nb"] * 7),
    "history_curves": lambda: plots.history_curves(history()),
    "histories": lambda: plots.history_curves({"one": history(), "two": history(0.1)}),
    "without validation": lambda: plots.history_curves(history(validation=False)),
    "confusion_matrix": lambda: plots.confusion_matrix(evaluation()),
    "mistakes": lambda: plots.mistakes(evaluation(), Pictures()),
    "no mistakes": lambda: plots.mistakes(evaluation(wrong=()), Pictures()),
    "reliability_diagram": lambda: plots.reliability_diagram([(0.6, 0.5, 3), (0.97, 0.9, 20)]),
    "spread": lambda: plots.spread({"a": [0.9, 0.91], "b": [0.5]}),
    "top5": lambda: plots.top5(
        np.zeros((9, 9, 3)), list("abcdef"), torch.softmax(torch.ones(6), 0)
    ),
    "filters": lambda: plots.filters(torch.randn(5, 3, 3, 3)),
    "parameter_bars": lambda: plots.parameter_bars(COUNT),
    "network_diagram": lambda: plots.network_diagram(PARTS),
    "case_map": lambda: plots.case_map([PLACE, PLACE | {"name": "b", "per_class": 900}]),
}


def texts(figure):
    return [t.get_text() for t in figure.findobj(matplotlib.text.Text) if t.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_draws_a_small_png(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    data = plots.png(figure)
    assert len(data) < 100_000
    picture = Image.open(io.BytesIO(data)).convert("L")
    assert picture.getextrema()[0] < 200 <= picture.getextrema()[1]
    assert max(picture.size) < 1300


def test_a_filter_that_is_zero_but_for_rounding_is_plain_grey():
    weight = torch.randn(3, 3, 3, 3)
    weight[1] *= 1e-8
    drawn = [axes.images[0].get_array() for axes in plots.filters(weight).axes if axes.images]
    assert [float(np.ptp(tile)) > 0.9 for tile in drawn] == [True, False, True]
    assert (drawn[1] == 0.5).all()


def test_the_same_data_give_the_same_bytes():
    assert plots.png(FIGURES["spread"]()) == plots.png(FIGURES["spread"]())


def test_drawing_needs_no_display_and_leaves_no_trace():
    code = (
        "import sys, matplotlib\n"
        "before = matplotlib.rcParams.copy()\n"
        "from tlcourse import plots\n"
        "plots.png(plots.spread({'a': [0.5, 0.6]}))\n"
        "assert matplotlib.rcParams.copy() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_users_style_does_not_reach_the_plots():
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert plots.png(FIGURES["spread"]()) == plots.png(FIGURES["spread"]())
        assert FIGURES["spread"]().axes[0].get_facecolor() == (1, 1, 1, 1)


@pytest.mark.parametrize(
    "name",
    ["history_curves", "histories", "confusion_matrix", "spread", "heat_map", "depth_curves"],
)
def test_axes_have_names(name):
    for axes in FIGURES[name]().axes:
        assert axes.get_ylabel() or axes.get_yticklabels()
        if axes.get_label() != "<colorbar>":
            assert axes.get_xlabel()


def test_curves_are_the_rows():
    left, right = plots.history_curves(history()).axes
    lines = {line.get_label(): line.get_xydata() for line in right.get_lines()}
    assert lines["validation"].tolist() == [[e, 0.9 - 0.4 / e] for e in range(1, 6)]
    assert lines["kept"][0][0] == 4
    styles = {(line.get_color(), line.get_linestyle()) for line in left.get_lines()}
    assert len(styles) == 3


def test_curves_of_one_list_look_the_same():
    _, right = plots.history_curves({"a": [history(), history(0.1)], "b": history(0.2)}).axes
    colours = [line.get_color() for line in right.get_lines()]
    assert colours[0] == colours[1] != colours[2]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["a", "b"]


def test_confusion_matrix_shows_the_counts():
    figure = plots.confusion_matrix(evaluation())
    numbers = [t.get_text() for t in figure.axes[0].texts]
    assert numbers == ["2", "1", "0", "0", "2", "0", "0", "1", "2"]
    assert "$x^2$ <b>" in [t.get_text() for t in figure.axes[0].get_xticklabels()]


def test_mistakes_come_most_confident_first_and_say_what_is_what():
    found = plots.mistaken(evaluation())
    assert found.tolist() == [7, 6]
    titles = [axes.get_title() for axes in plots.mistakes(evaluation(), Pictures()).axes]
    assert titles[0].startswith("is $x^2$ <b>\nsaid bee")
    assert "90%" in titles[0]
    assert "60%" in titles[1]
    only = plots.mistakes(evaluation(), Pictures(), limit=1)
    assert len(only.axes) == 1
    assert "No mistake among 6 pictures" in texts(plots.mistakes(evaluation(wrong=()), Pictures()))


def test_spread_shows_every_seed_and_the_numbers():
    figure = plots.spread({"frozen": [0.9, 0.9, 0.96], "scratch": [0.4, 0.5, 0.6]})
    dots = figure.axes[0].get_lines()[0].get_xydata()
    assert dots[:, 0].tolist() == [0.9, 0.9, 0.96]
    assert len({tuple(dot) for dot in dots.tolist()}) == 3, "equal results must not hide each other"
    assert "0.920  (0.900 to 0.960)" in texts(figure)
    assert "3 seeds" in figure.axes[0].get_xlabel()
    patches = plots.spread({"pretrained": [0.9, 0.8]}, of="patches")
    assert "2 patches" in patches.axes[0].get_xlabel()


def test_top5_is_sorted():
    probabilities = np.array([0.1, 0.5, 0.05, 0.2, 0.1, 0.05])
    figure = plots.top5(np.zeros((4, 4, 3), np.uint8), list("abcdef"), probabilities)
    assert [t.get_text() for t in figure.axes[1].get_yticklabels()] == ["b", "d", "a", "e", "c"]
    assert "50.0%" in texts(figure)


def test_diagram_names_each_state_in_words():
    words = texts(plots.network_diagram(PARTS))
    for name, state, _ in PARTS:
        assert name in words
        assert state in words
    assert "1.00 M" in words
    assert "12.0 k" in words


def test_diagram_of_a_real_model():
    import tlcourse as tl

    backbone = tl.load_backbone(weights=None)
    model = tl.replace_head(backbone, ("a", "b"))
    tl.freeze(model, through="stage6")
    words = texts(plots.network_diagram(model))
    assert words.count("frozen") == 7
    assert words.count("trained") == 2
    assert words.count("new") == 1
    assert "1000" not in words
    bars = plots.parameter_bars(tl.count_parameters(model))
    assert any(text.startswith("trained: ") for text in texts(bars))
    assert "classifier" in texts(plots.network_diagram(backbone))


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (Image.new("RGBA", (20, 10)), (10, 20, 3)),
        (Image.new("L", (400, 200)), (80, 160, 3)),
        (np.zeros((5, 7), np.uint8), (5, 7, 3)),
        (np.full((5, 7, 3), 0.5), (5, 7, 3)),
        (torch.rand(3, 8, 9), (8, 9, 3)),
        (torch.rand(1, 8, 9), (8, 9, 3)),
        (torch.rand(8, 8, 1), (8, 8, 3)),
    ],
)
def test_thumbnail_takes_what_pictures_come_as(image, shape):
    thumbnail = plots.thumbnail(image)
    assert thumbnail.shape == shape
    assert thumbnail.dtype == np.uint8


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: plots.picture_grid([]), "no pictures"),
        (lambda: plots.picture_grid([np.zeros((2, 2))], ["a", "b"]), "2 titles"),
        (lambda: plots.thumbnail(torch.randn(3, 8, 8) - 5), "was normalised"),
        (lambda: plots.thumbnail(np.full((4, 4), np.nan)), "0 to 1"),
        (lambda: plots.thumbnail(np.zeros(4)), "shape"),
        (lambda: plots.spread({}), "no results"),
        (lambda: plots.spread({"a": []}), "'a'"),
        (lambda: plots.spread({"a": [0.5, float("nan")]}), "'a'"),
        (lambda: plots.top5(np.zeros((4, 4)), ["a"], [0.5, 0.5]), "1 names"),
        (lambda: plots.top5(np.zeros((4, 4)), ["a", "b"], [3.0, -1.0]), "softmax"),
        (lambda: plots.filters(torch.zeros(4, 16, 3, 3)), "red, green and blue"),
        (lambda: plots.network_diagram([("stem", "cold", 1)]), "'cold'"),
        (lambda: plots.network_diagram([]), "absent"),
        (lambda: plots.show(Figure(), alt=" "), "what the picture shows"),
    ],
)
def test_what_cannot_be_drawn_is_explained(draw, says):
    with pytest.raises(plots.PlotError, match=says):
        draw()


def test_show_prints_the_words_where_there_is_no_notebook(capsys):
    plots.show(FIGURES["spread"](), alt="Frozen beats\n  scratch.")
    assert capsys.readouterr().out == "Frozen beats scratch.\n"


def test_show_hands_a_notebook_the_picture_with_its_words(monkeypatch):
    import IPython
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: shown.append((a, k)))
    assert plots.show(FIGURES["spread"](), alt='Frozen "beats" scratch.') is None
    (((bundle,), options),) = shown
    assert options == {"metadata": {"image/png": {"alt": 'Frozen "beats" scratch.'}}, "raw": True}
    assert bundle["text/plain"] == 'Frozen "beats" scratch.'
    assert bundle["image/png"].startswith("iVBOR")
    page = bundle["text/html"]
    assert page.startswith(
        '<img alt="Frozen &quot;beats&quot; scratch." src="data:image/png;base64'
    )
    assert bundle["image/png"] in page


def test_a_heavy_picture_is_made_lighter():
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    figure = plots.picture_grid([noise] * 18)
    data = plots.png(figure)
    assert Image.open(io.BytesIO(data)).mode == "P"
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    assert len(data) < buffer.tell() / 2


def test_heat_map_shows_means_blanks_and_the_best_of_each_column():
    axes = FIGURES["heat_map"]().axes[0]
    assert [t.get_text().split("\n")[0] for t in axes.texts] == [
        "0.800", "0.850", "0.700", "0.900", "not", "not",
    ]  # fmt: skip
    frames = [(round(p.get_x() + 0.47), round(p.get_y() + 0.45)) for p in axes.patches]
    assert frames == [(0, 0), (1, 1)]


def test_a_rival_keeps_its_colour():
    given = {"b": plots.PALETTE[3]}
    axes = plots.spread({"a": [0.5], "b": [0.6]}, colours=given).axes[0]
    dots = [line.get_color() for line in axes.lines if line.get_marker() == "o"]
    assert dots == [plots.PALETTE[0], plots.PALETTE[3]]


def test_numbers_are_legible_on_every_colour():
    for name in ("cividis", "Blues"):
        for colour in matplotlib.colormaps[name](np.linspace(0, 1, 101))[:, :3]:
            parts = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
            light = parts @ (0.2126, 0.7152, 0.0722)
            black = text_on(colour) == "black"
            assert ((light + 0.05) / 0.05 if black else 1.05 / (light + 0.05)) >= 4.5, colour


def test_depth_curves_draw_equal_seeds_whose_mean_is_off_by_rounding():
    cells = [{"strategy": "frozen", "train_per_class": 10, "mean": 0.1 + 0.2, "n": 3}]
    cells[0] |= {"low": 0.3, "high": 0.3}
    assert plots.depth_curves(cells, ["frozen"], [10])


def test_depth_curves_draw_no_point_that_was_not_measured():
    axes = FIGURES["depth_curves"]().axes[0]
    drawn = {c.get_label(): c.lines[0].get_ydata() for c in axes.containers}
    assert list(drawn) == ["10", "50"]
    np.testing.assert_array_equal(drawn["10"], [0.8, 0.7, np.nan])
    (bars,) = axes.containers[0].lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [0.7, 0.85])


def test_trade_offs_show_gain_cost_and_size_and_say_what_is_missing():
    figure = FIGURES["trade_offs"]()
    digits, pets = figure.axes
    marks = [c for c in digits.collections if isinstance(c, PathCollection)]
    drawn = [(*mark.get_offsets()[0], mark.get_sizes()[0]) for mark in marks]
    assert [point[:2] for point in drawn] == [(15, 0.8), (15, 0.85), (72, 0.8), (72, 0.85)]
    assert drawn[2][2] / drawn[0][2] == pytest.approx(24 / 5)
    faces = [mark.get_facecolor()[0] for mark in marks]
    assert [bool((face == 1).all()) for face in faces] == [False, True, False, True]
    assert [t.get_text() for t in pets.texts] == ["not\nmeasured"]
    assert {"Small, 5.0 MB", "Large, 24.0 MB", "random"} <= set(texts(figure))


def test_bars_of_the_case_map_end_at_one_and_do_not_hide_each_other():
    point = {"per_class": 20, "similarity": 0.8, "similarity_error": 0.4}
    places = [point | {"name": "a"}, point | {"name": "b"}, point | {"name": "c"}]
    places.append({"name": "d", "per_class": 20, "similarity": 0.0, "similarity_error": 0.1})
    axes = plots.case_map(places).axes[0]
    bars = [container.lines[2][0].get_segments()[0] for container in axes.containers]
    across = [bar[0][0] for bar in bars]
    assert across[0] == across[3] == 20 < across[1] < across[2] < 26  # d is far below
    assert [bar[1][1] for bar in bars] == pytest.approx([1, 1, 1, 0.1])
    assert [bar[0][1] for bar in bars] == pytest.approx([0.4, 0.4, 0.4, -0.1])
    assert axes.get_ylim()[1] < 1.1
    assert "standard error" in axes.get_legend().get_title().get_text()


def test_nothing_measured_is_said():
    with pytest.raises(plots.PlotError, match="nothing was measured"):
        plots.depth_curves([], ["frozen"], [10])
    with pytest.raises(plots.PlotError, match="at least one row"):
        plots.heat_map(CELLS, [], [10])
    with pytest.raises(plots.PlotError, match="nothing was measured"):
        plots.trade_offs([], ["small"], ["digits"], ["pretrained"])


def test_an_overlay_is_red_for_and_blue_against_on_grey():
    picture = np.full((80, 80, 3), (0, 200, 0), np.uint8)
    drawn = plots.overlay(picture, np.array([[4.0, 0.0], [0.0, -4.0]])).astype(int)
    assert drawn.shape == (80, 80, 3)
    red, blue, grey = drawn[5, 5], drawn[-5, -5], drawn[5, -5]
    assert red[0] - red[2] > 50 and blue[2] - blue[0] > 50
    assert grey.max() - grey.min() < 40
    assert (np.ptp(plots.overlay(picture, np.zeros((2, 2))), -1) == 0).all()
