"""The poster: its numbers come from the tables, what it claims holds there, and it can be read."""

import pytest
from matplotlib.text import Text

from tlcourse.plots import PlotError, poster
from tlcourse.plots.poster import PANELS
from tlcourse.results import load_results, summarise


def test_what_the_headings_claim_holds_in_the_measured_table():
    means = []
    for _, dataset, number, strategies in PANELS:
        rows = load_results(dataset=dataset, train_per_class=number)
        cells = {cell["strategy"]: cell["mean"] for cell in summarise(rows)}
        means.append([cells[name] for name, *_ in strategies])
    (pretrained, random), (frozen, careless, careful), (part, everything) = means
    assert pretrained > random + 0.1, "start from weights that see"
    assert careless < min(frozen, careful) - 0.02, "with few pictures, take care"
    assert everything > part + 0.1, "many, different: train all"


def test_its_numbers_come_from_the_rows():
    rows = [row | {"test_accuracy": 0.37} for row in load_results(train_per_class=[10, 200])]
    texts = [text.get_text() for text in poster(rows).findobj(Text)]
    assert texts.count("37 %") == sum(len(strategies) for *_, strategies in PANELS)


def test_a_strategy_that_was_not_measured_is_named():
    rows = [r for r in load_results(train_per_class=[10, 200]) if r["strategy"] != "finetune_naive"]
    with pytest.raises(PlotError, match="cats_dogs at 10: finetune_naive"):
        poster(rows)


def test_nothing_is_cut_off_and_words_are_large_enough_for_three_metres():
    figure = poster()
    figure.canvas.draw()
    whole = figure.bbox
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and text.get_fontsize() > 12:
            box = text.get_window_extent()
            assert whole.x0 <= box.x0 and box.x1 <= whole.x1, text.get_text()
            assert whole.y0 <= box.y0 and box.y1 <= whole.y1, text.get_text()
    sizes = sorted(t.get_fontsize() for t in figure.findobj(Text) if t.get_fontsize() > 12)
    assert sizes[0] >= 20 and sizes[len(sizes) // 2] >= 31  # points; the source may be small
