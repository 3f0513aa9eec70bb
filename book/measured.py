"""The page of measured results: figures, folded tables and files, all from `data/results`."""

import csv
import io
from html import escape
from math import log2

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from tlcourse.data.entries import DATASETS, title_of
from tlcourse.plots.poster import ALL, NAIVE, SOFTMAX

WORDS = {name: said for name, said, _ in (SOFTMAX, ALL, NAIVE)} | {
    "finetune_head_not_first": "everything, head not first",
    "finetune_batch_norm_adapts": "everything, batch norm adapts",
    "finetune_augmented": "everything, augmented",
    "finetune_discriminative": "everything, lower rates below",
    "gradual_unfreezing": "everything, thawed step by step",
    "extended_frozen": "own hidden units on top",
    "extended_updated": "hidden units, all trained",
    "random_frozen": "random weights, frozen",
    "scratch": "random weights, all trained",
}
ORDER = ["linear_probe", "last", "finetune_all", "finetune_naive"]
ORDER += ["finetune_head_not_first", "finetune_batch_norm_adapts", "finetune_augmented"]
ORDER += ["finetune_discriminative", "gradual_unfreezing", "extended", "hidden", "cut", "reinit"]
# Ink, paper, the weak end of a heat map, its strong end, and the second colour, of each theme.
THEMES = {
    "light": ("#1b1f24", "#ffffff", "#f2f6fa", "#7fb8dd", "#c24e00"),
    "dark": ("#ced6dd", "#121212", "#1c2732", "#1a5c87", "#ffa45c"),
}
LINES = {"light": ("#0072b2", "#c24e00"), "dark": ("#6cbcf0", "#ffa45c")}
FEW = 10
USUAL = "efficientnet_lite0"


def words(strategy: str) -> str:
    """A strategy in a few words; its code name where there are none."""
    if strategy in WORDS:
        return WORDS[strategy]
    kind, _, number = strategy.rpartition("_")
    stages = f"{number} stage" + "s" * (number != "1")
    part = number.replace("stage", "stage ").replace("stem", "the stem")
    return {
        "last": f"last {stages} too",
        "hidden": f"hidden units for {stages}",
        "reinit": f"last {stages} anew",
        "cut": f"cut after {part}",
        "random_cut": f"random weights, cut after {part}",
    }.get(kind, strategy)


def _order(strategy: str) -> tuple:
    for place, name in enumerate(ORDER):
        if strategy == name or strategy.rpartition("_")[0] == name:
            return place, strategy
    return len(ORDER) + strategy.startswith(("random", "scratch")), strategy


def name_of(dataset: str) -> str:
    return title_of(dataset).capitalize()


class Pages:
    """Writes figures and files for the page, and returns what the page says of them."""

    def __init__(self, write):
        self.write = write

    def figure(self, name: str, draw, alt: str, says: str, command: str) -> str:
        """A figure in both themes, with what it shows and what makes its rows."""
        images = ""
        for theme in THEMES:
            data, (width, height) = _png(draw, theme)
            self.write(f"images/results_{name}_{theme}.png", data)
            images += (
                f'<img class="only-{theme}" src="_images/results_{name}_{theme}.png" '
                f'width="{width}" height="{height}" alt="{escape(alt)}" loading="lazy">'
            )
        # The pictures have a box of their own: the theme hides what follows one that it hides.
        return (
            f'<figure class="course-figure" style="width: {width}px"><div>{images}</div>'
            f"<figcaption>{escape(says)} <code>{escape(command)}</code></figcaption></figure>"
        )

    def download(self, name: str, rows: list[dict]) -> str:
        """A CSV file with a link."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write(f"{name}.csv", text.getvalue().encode("utf-8"))
        return f"{{download}}`{name}.csv <{name}.csv>`"


def side_by_side(figures: list[str]) -> str:
    return '```{raw} html\n<div class="course-figures">' + "".join(figures) + "</div>\n```\n"


def _png(draw, theme: str) -> tuple[bytes, tuple[int, int]]:
    """A figure as PNG, and its size on the page, half as many pixels."""
    ink, paper, *_ = THEMES[theme]
    colours = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), ink
    )
    style = colours | {
        "figure.facecolor": paper,
        "axes.facecolor": paper,
        "axes.edgecolor": ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 11,
        "font.family": ["DejaVu Sans"],
        "text.parse_math": False,
    }
    with matplotlib.rc_context(matplotlib.rcParamsDefault | style):
        figure = draw(theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=200, metadata={"Software": None})
    small, whole = io.BytesIO(), Image.open(io.BytesIO(buffer.getvalue()))
    whole.convert("RGB").quantize(64).save(small, "png")
    return small.getvalue(), (whole.width // 2, whole.height // 2)


def heat_map(cells: dict, rows: dict, columns: dict, *, in_rows=False, least=False):
    """Return a function that draws numbers in percent, coloured from the worst to the best.

    Parameters
    ----------
    cells
        Numbers by (row, column); what is absent stays blank.
    rows, columns
        Keys and the names that are shown.
    in_rows
        The numbers of a row are compared, not those of a column.
    least
        The least number is the best.
    """
    places = {(r, c): (x, y) for y, r in enumerate(rows) for x, c in enumerate(columns)}
    groups: dict = {}
    for key, place in places.items():
        if key in cells:
            groups.setdefault(place[in_rows], {})[place] = cells[key]

    def draw(theme: str) -> Figure:
        left = 0.3 + 0.082 * max(map(len, rows.values()))
        longest = max(map(len, columns.values()))
        turned = longest > 5
        tall, right = (0.3 + 0.075 * longest, 0.05 + 0.045 * longest) if turned else (0.3, 0.05)
        width, height = left + 0.46 * len(columns) + right, 0.1 + tall + 0.3 * len(rows)
        figure = Figure(figsize=(width, height))
        box = (left / width, 0.1 / height, 0.46 * len(columns) / width, 0.3 * len(rows) / height)
        axes = figure.add_axes(box)
        for group in groups.values():
            _draw_group(axes, group, least, THEMES[theme])
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.tick_top()
        slope = {"rotation": 50, "ha": "left", "rotation_mode": "anchor"} if turned else {}
        axes.set_xticks(range(len(columns)), columns.values(), **slope)
        axes.set_yticks(range(len(rows)), rows.values())
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return figure

    return draw


def _draw_group(axes, group: dict, least: bool, theme: tuple) -> None:
    """Numbers that are compared with each other, each in its cell."""
    ink, _, weak, strong, mark = theme
    shades = LinearSegmentedColormap.from_list("", [weak, strong])
    low, high = min(group.values()), max(group.values())
    for (x, y), value in group.items():
        share = (value - low) / (high - low or 1)
        colour = shades(1 - share if least else share)
        axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, color=colour, lw=0))
        best = len(group) > 1 and value == (low if least else high)
        if best:
            frame = {"fill": False, "edgecolor": mark, "linewidth": 2}
            axes.add_patch(Rectangle((x - 0.45, y - 0.43), 0.9, 0.86, **frame))
        text = {"ha": "center", "va": "center", "fontsize": 10.5, "color": ink}
        axes.text(x, y, f"{100 * value:.1f}", weight="bold" if best else "normal", **text)


def curves(lines: dict, *, across: str, ticks: dict):
    """A function that draws at most two lines with the range of their seeds.

    Parameters
    ----------
    lines
        For each name its points: place to a cell with mean, low and high.
    ticks
        Places and the names that are shown.
    """

    def draw(theme: str) -> Figure:
        ink = THEMES[theme][0]
        figure = Figure(figsize=(3.6, 3.1), layout="constrained")
        axes = figure.subplots()
        for number, (name, points) in enumerate(lines.items()):
            places = sorted(points)
            colour, marker = LINES[theme][number % 2], "os"[number % 2]
            of = {key: [100 * points[p][key] for p in places] for key in ("mean", "low", "high")}
            axes.fill_between(places, of["low"], of["high"], color=colour, alpha=0.22, lw=0)
            dash = ("-", "--")[number % 2]
            axes.plot(places, of["mean"], dash, marker=marker, color=colour, lw=2, label=name)
        axes.set_xticks(list(ticks), ticks.values())
        axes.set_xlabel(across)
        axes.set_ylabel("test accuracy, %")
        axes.grid(axis="y", color=ink, alpha=0.15)
        figure.legend(loc="outside upper left", frameon=False, fontsize=10, ncols=1)
        return figure

    return draw


def results_page(page: str, write) -> str:
    """Fill in the figures and tables.

    Parameters
    ----------
    page
        The text around them, with a mark in their place.
    write
        Called with the name and the bytes of each file.
    """
    from tlcourse.results import ResultsError, load_results, results_file

    try:
        stored = load_results()
    except ResultsError as error:
        return page.replace("<!-- tables -->", f"Nothing has been measured yet: {error}")
    for name in ("sweep.csv", "advice.csv"):
        if (file := results_file().with_name(name)).is_file():
            write(name, file.read_bytes())
    pages = Pages(write)
    parts = [_side_by_side_of_all(pages, stored)]
    for dataset in DATASETS:
        if rows := [row for row in stored if row["dataset"] == dataset]:
            parts.append(_of_one(pages, dataset, rows))
    return page.replace("<!-- tables -->", "\n".join(parts))


def write_poster(write) -> None:
    """The poster for the wall, the same bytes for the same numbers."""
    from tlcourse.plots import poster

    figure = poster()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    for name in ("poster.pdf", "images/poster.svg"):
        kind, data = name[-3:], io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "tlcourse"}):
            figure.savefig(data, format=kind, metadata=undated[kind])
        write(name, data.getvalue())


def _side_by_side_of_all(pages: Pages, stored: list[dict]) -> str:
    figures = [_at_an_amount(pages, stored, most) for most in (False, True)]
    figures += [_by_size(pages), _by_network(pages), _advice(pages)]
    return "## All data sets\n\n" + side_by_side([figure for figure in figures if figure])


def _at_an_amount(pages: Pages, stored: list[dict], most: bool) -> str:
    """Strategies by data set: with few pictures, or with the most for which there are rivals."""
    from tlcourse.results import summarise

    cells, columns = {}, {}
    for dataset in DATASETS:
        rows = [row for row in stored if row["dataset"] == dataset]
        found = summarise(_whole(rows))
        rivals = {n: sum(c["train_per_class"] == n for c in found) for n in _amounts(found)}
        amounts = [
            n for n, count in rivals.items() if count > 2 and (n > FEW if most else n == FEW)
        ]
        if amounts:
            amount = amounts[-1]
            columns[dataset] = f"{name_of(dataset)}, {amount}" if most else name_of(dataset)
            cells |= {
                (c["strategy"], dataset): c["mean"] for c in found if c["train_per_class"] == amount
            }
    shared = [s for s in {row for row, _ in cells} if sum(r == s for r, _ in cells) > 2]
    rows = {strategy: words(strategy) for strategy in sorted(shared, key=_order)}
    cells = {key: value for key, value in cells.items() if key[0] in rows}
    if not cells:
        return ""
    numbers = (
        " ".join(sorted({c.rpartition(" ")[2] for c in columns.values()}, key=int)) if most else FEW
    )
    return pages.figure(
        "most" if most else "few",
        heat_map(cells, rows, columns),
        _bests(cells, rows, columns),
        (
            "With the most pictures per class that were measured"
            if most
            else f"With {FEW} pictures per class"
        )
        + ": test accuracy in percent, mean over seeds; framed: the best of its column.",
        f"tlcourse sweep --train-per-class {numbers}",
    )


def _whole(rows: list[dict]) -> list[dict]:
    """Without the networks that are cut, which have a figure of their own."""
    return [row for row in rows if "cut_" not in row["strategy"]]


def _amounts(cells: list[dict]) -> list[int]:
    return sorted({cell["train_per_class"] for cell in cells})


def _bests(cells: dict, rows: dict, columns: dict, least: bool = False) -> str:
    """In words, for those who do not see the figure."""
    said = []
    for column, name in columns.items():
        found = {r: cells[r, column] for r in rows if (r, column) in cells}
        if found:
            best = (min if least else max)(found, key=found.get)
            said.append(f"{name}: best is {rows[best]} with {100 * found[best]:.1f}")
    return "; ".join(said) + "."


def _every_row() -> list[dict]:
    from tlcourse.results import results_file
    from tlcourse.results.table import read_rows

    return read_rows(results_file())


def _by_size(pages: Pages) -> str:
    from tlcourse.results import summarise

    wanted = {"strategy": "linear_probe", "train_per_class": FEW, "backbone": USUAL}
    rows = [row for row in _every_row() if wanted.items() <= row.items()]
    lines = {}
    for dataset in DATASETS:
        own = [row for row in rows if row["dataset"] == dataset]
        if len({row["size"] for row in own}) > 3:
            lines[dataset] = {cell["size"]: cell for cell in summarise(own, ("size",))}
    if not lines:
        return ""
    lines = dict(list(lines.items())[:2])
    sizes = sorted({size for points in lines.values() for size in points})
    alt = "; ".join(
        f"{name_of(d)}: {100 * p[min(p)]['mean']:.1f} at {min(p)} pixels, "
        f"{100 * p[max(p)]['mean']:.1f} at {max(p)}" for d, p in lines.items()
    )  # fmt: skip
    return pages.figure(
        "sizes",
        curves(
            {name_of(d): points for d, points in lines.items()},
            across="side of the pictures, pixels",
            ticks={size: str(size) for size in sizes},
        ),
        alt,
        f"A new softmax on pictures of several sizes, {FEW} per class; band: lowest to highest "
        "seed.",
        f"tlcourse sweep --dataset {' '.join(lines)} --strategy linear_probe "
        f"--train-per-class {FEW} --size {' '.join(map(str, sizes))}",
    )


def _by_network(pages: Pages) -> str:
    from tlcourse.results import summarise

    wanted = {"strategy": "linear_probe", "train_per_class": FEW}
    rows = [row for row in _every_row() if wanted.items() <= row.items()]
    found = summarise(rows, ("dataset", "size", "backbone"))
    columns = {}
    for place in dict.fromkeys((cell["dataset"], cell["size"]) for cell in found):
        if sum((cell["dataset"], cell["size"]) == place for cell in found) > 2:
            columns[place] = f"{name_of(place[0])}, {place[1]} px"
    cells = {(c["backbone"], (c["dataset"], c["size"])): c["mean"] for c in found}
    cells = {key: mean for key, mean in cells.items() if key[1] in columns}
    names = sorted({network for network, _ in cells})
    if not cells:
        return ""
    rows = dict(zip(names, names, strict=True))
    return pages.figure(
        "networks",
        heat_map(cells, rows, columns),
        _bests(cells, rows, columns),
        f"A new softmax on several networks, {FEW} pictures per class: test accuracy in percent.",
        f"tlcourse sweep --strategy linear_probe --train-per-class {FEW} "
        f"--backbone {' '.join(names)}",
    )


def _advice(pages: Pages) -> str:
    from tlcourse.results import RULES, ResultsError, mean_regrets, regrets_by_place
    from tlcourse.results.regrets import read_regrets

    try:
        regrets = read_regrets()
    except ResultsError:
        return ""
    places = regrets_by_place(regrets)
    if not places:
        return ""
    table = places | {"mean": mean_regrets(regrets)}
    cells = {(place, rule): value for place, own in table.items() for rule, value in own.items()}
    rows = {place: "{}, {}, {} px".format(name_of(place[0]), *place[1:]) for place in places}
    rows |= {"mean": "mean"}
    rules = {rule: _in_words(name) for rule, name in RULES.items()}
    means = ", ".join(f"{name} {100 * cells['mean', rule]:.1f}" for rule, name in rules.items())
    return pages.figure(
        "advice",
        heat_map(cells, rows, rules, in_rows=True, least=True),
        f"Mean over {len(places)} places: {means}.",
        "How much accuracy a rule gives away, in points: the best strategy that was measured, "
        "minus the one that the rule names; by data set, pictures per class and pixels. Framed: "
        "the least of its row.",
        "python benchmarks/advice_regret.py",
    )


def _in_words(rule: str) -> str:
    kind, _, strategy = rule.partition(" ")
    return f"always {words(strategy)}" if kind == "always" else rule.partition(",")[0]


def _of_one(pages: Pages, dataset: str, rows: list[dict]) -> str:
    from tlcourse.results import summarise

    title, command = name_of(dataset), f"tlcourse sweep --dataset {dataset}"
    found = summarise(rows)
    whole = _whole(found)
    names = {s: words(s) for s in sorted({c["strategy"] for c in whole}, key=_order)}
    counts = {n: sum(c["train_per_class"] == n for c in whole) for n in _amounts(whole)}
    columns = {n: str(n) for n, count in counts.items() if count > 1} or {n: str(n) for n in counts}
    cells = {(c["strategy"], c["train_per_class"]): c["mean"] for c in whole}
    size = f"{rows[0]['size']} pixels"
    figures = [
        pages.figure(
            dataset,
            heat_map(cells, names, columns),
            f"{title}, pictures per class: {_bests(cells, names, columns)}",
            f"By the number of training pictures per class; {size}. Test accuracy in percent, mean "
            "over seeds; framed: the best of its column.",
            command,
        ),
        _by_depth(pages, dataset, found, command),
        _by_amount(pages, dataset, found, command),
    ]
    numbers = [
        {**c, **{key: f"{c[key]:.4f}" for key in ("mean", "low", "high")}}
        for c in sorted(found, key=lambda c: (c["train_per_class"], _order(c["strategy"])))
    ]
    link = pages.download(f"results_{dataset}", numbers)
    return (
        f"## {title}\n\n{side_by_side([f for f in figures if f])}\n"
        f":::{{dropdown}} The numbers: {title}\n{_table(found)}\n\nAs a file: {link}\n:::\n"
    )


def _by_depth(pages: Pages, dataset: str, found: list[dict], command: str) -> str:
    """Accuracy by the stage after which the network is cut, with few and with most pictures."""
    cuts = [c for c in found if c["strategy"].startswith("cut_")]
    if not cuts:
        return ""
    depth = {
        name: place
        for place, name in enumerate(["cut_stem", *(f"cut_stage{i}" for i in range(1, 20))])
    }
    last = max(depth[c["strategy"]] for c in cuts) + 1
    depth["linear_probe"] = last
    amounts = sorted({c["train_per_class"] for c in cuts})
    lines = {
        f"{amount} pictures per class": {
            depth[c["strategy"]]: c
            for c in found
            if c["strategy"] in depth and c["train_per_class"] == amount
        }
        for amount in dict.fromkeys((amounts[0], amounts[-1]))
    }
    ticks = {0: "stem"} | {i: str(i) for i in range(1, last)} | {last: "all"}
    alt = "; ".join(
        f"{name}: best {100 * max(c['mean'] for c in points.values()):.1f} after "
        f"{ticks[max(points, key=lambda p: points[p]['mean'])]}" for name, points in lines.items()
    )  # fmt: skip
    return pages.figure(
        f"{dataset}_depth",
        curves(lines, across="network cut after stage", ticks=ticks),
        f"{name_of(dataset)}, a new softmax on a part of the network: {alt}.",
        "A new softmax on the frozen network, cut after each stage; band: lowest to highest seed.",
        command,
    )


def _by_amount(pages: Pages, dataset: str, found: list[dict], command: str) -> str:
    """How accuracy grows with the pictures, where three amounts or more were measured."""
    lines = {
        words(strategy): {log2(c["train_per_class"]): c for c in found if c["strategy"] == strategy}
        for strategy in ("linear_probe", "finetune_all")
    }
    lines = {name: points for name, points in lines.items() if points}
    if max(map(len, lines.values()), default=0) < 3:
        return ""
    places = {place for points in lines.values() for place in points}
    alt = "; ".join(
        f"{name}: {100 * points[min(points)]['mean']:.1f} with {2 ** min(points):.0f}, "
        f"{100 * points[max(points)]['mean']:.1f} with {2 ** max(points):.0f}"
        for name, points in lines.items()
    )
    return pages.figure(
        f"{dataset}_amount",
        curves(
            lines,
            across="training pictures per class",
            ticks={place: f"{2**place:.0f}" for place in sorted(places)},
        ),
        f"{name_of(dataset)}, pictures per class: {alt}.",
        "More pictures; band: lowest to highest seed.",
        command,
    )


def _table(found: list[dict]) -> str:
    amounts = _amounts(found)
    rivals = {n: [c["mean"] for c in found if c["train_per_class"] == n] for n in amounts}
    best = {n: max(means) if len(means) > 1 else None for n, means in rivals.items()}
    cells = {(c["strategy"], c["train_per_class"]): c for c in found}
    lines = ["| strategy | " + " | ".join(f"{n} per class" for n in amounts) + " |"]
    lines.append("|---" * (len(amounts) + 1) + "|")
    for strategy in sorted({c["strategy"] for c in found}, key=_order):
        texts = [_cell(cells.get((strategy, n)), best[n]) for n in amounts]
        lines.append(f"| {words(strategy)} `{strategy}` | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _cell(cell: dict | None, best: float | None) -> str:
    if cell is None:
        return "–"
    mean = f"{cell['mean']:.3f}"
    mean = f"**{mean}**" if cell["mean"] == best else mean
    return f"{mean} ({cell['low']:.3f}–{cell['high']:.3f}, n={cell['n']})"
