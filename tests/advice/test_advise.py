"""Advice: measured on training pictures alone, stated with its doubts, and never a traceback."""

import hashlib
import re

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.advice import probe as probing
from tlcourse.advice.advise import LARGE, Advice, advise, best_probe, recommend
from tlcourse.advice.pictures import read_data
from tlcourse.advice.probe import Evidence, Probe, ProbeError, draw_sample, named_right, sources_of
from tlcourse.app.cli import main
from tlcourse.base.errors import CourseError
from tlcourse.data.sets import DatasetError, ImageSet
from tlcourse.plots import advice_evidence, png


class Arrays:
    """Pictures that are told apart by colour, and a record of which were read."""

    def __init__(self, labels, copies=1):
        self.labels, self.copies, self.read = labels, copies, set()

    def load(self, row, at_least=None):
        self.read.add(row)
        rng = np.random.default_rng(row // self.copies)
        colour = np.array([(200, 60, 40), (60, 120, 220), (90, 200, 90)])[self.labels[row] % 3]
        pixels = rng.normal(colour, 40, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        return Image.fromarray(pixels), self.digest(row)

    def digest(self, row):
        return hashlib.sha256(f"{self.labels[row]}-{row // self.copies}".encode()).hexdigest()

    def name(self, row):
        return str(row)

    def path(self, row):
        return None


def pictures(*counts, copies=1, groups=None):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = [f"class {i}" for i in range(len(counts))]
    return ImageSet(names, labels, Arrays(labels, copies), groups=groups, image_size=32)


STAGES = ("stem", *(f"stage{i}" for i in range(1, 9)))


def evidence(last=0.9, best=0.9, plain=0.5, n=100, recognised=0.5):
    """Evidence with probes of these accuracies."""

    def probe(stage, weights, accuracy):
        right = (np.arange(n) < round(accuracy * n)).astype(float)
        return Probe(stage, weights, np.random.default_rng(int(stage[-1])).permutation(right))

    probes = (
        probe("stage5", "imagenet", best),
        probe("stage8", "imagenet", last),
        probe("stage4", "random", plain),
    )
    return Evidence(probes, np.arange(n), recognised, STAGES)


def advice(per_class=10, similarity=0.8, certainty=1.0, **changed):
    values = {
        "name": "ants",
        "classes": 3,
        "per_class": per_class,
        "similarity": similarity,
        "similarity_error": 0.1,
        "certainty": certainty,
        "best_stage": "stage8",
        "accuracy": 0.9,
        "strategy": "linear_probe",
        "reasons": ("Because.",),
        "evidence": evidence(),
    }
    return Advice(**values | changed)


@pytest.fixture(scope="module")
def pets():
    return advise(tl.load_dataset("pets", train_per_class=8, size=64), progress=False)


def test_the_advice_can_be_followed(pets):
    model = tl.apply(pets.strategy, tl.load_backbone(), ["a", "b", "c"])
    assert model.strategy is not None
    assert (pets.classes, pets.per_class, pets.case[:5]) == (3, 8, "small")
    assert pets.strategy in {option.strategy for option in pets.options}


def test_it_says_what_it_measured(pets):
    said = str(pets)
    for text in (pets.strategy, "similarity", pets.case, f"{pets.accuracy:.0%}"):
        assert text in said
    assert tuple(p.stage for p in pets.evidence.of("imagenet")) == STAGES[3:]
    assert tuple(p.stage for p in pets.evidence.of("random")) == ("stage2", "stage4", "stage8")
    assert 0 < pets.evidence.recognised < 1


def test_the_same_pictures_give_the_same_advice(pets):
    again = advise(tl.load_dataset("pets", train_per_class=8, size=64).train, progress=False)
    assert again.similarity == pets.similarity and again.strategy == pets.strategy


def test_only_training_pictures_are_read():
    class Closed(ImageSet):
        def load(self, i, **options):
            raise AssertionError("looked at")

    data = tl.load_dataset("digits", train_per_class=3, size=32)
    shut = [Closed(p.classes, p.labels, p.source, p.rows) for p in (data.validation, data.test)]
    splits = tl.ImageSplits("digits", data.classes, data.train, *shut)
    assert advise(splits, progress=False).classes == 10


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (pictures(20), "telling apart takes two"),
        (pictures(0, 20), "class 1"),
        (pictures(2, 1), "class 1 has 1 different"),
        (pictures(9, 9, copies=9), "1 different"),
        (pictures(), "telling apart takes two"),
    ],
)
def test_too_little_is_refused_in_words(images, said):
    with pytest.raises(ProbeError, match=said) as refused:
        advise(images, progress=False)
    assert isinstance(refused.value, CourseError)


def test_what_is_no_data_set_is_refused():
    with pytest.raises(CourseError, match="load_dataset"):
        advise([1, 2, 3])
    with pytest.raises(CourseError, match="neither a folder"):
        advise("no_such_folder")


def test_of_a_million_pictures_a_few_are_read():
    images = pictures(600_000, 300_000, 100_000)
    found = advise(images, progress=False)
    assert len(images.source.read) <= probing.MOST_PICTURES
    assert found.per_class == 100_000 and found.case.startswith("large")
    assert any("of 1000000 training pictures" in note for note in found.notes)
    assert any("unequal" in note for note in found.notes)


def test_of_a_thousand_classes_some_are_probed():
    sample = draw_sample(pictures(*[5] * 1000))
    counts = np.bincount(sample.labels)
    assert len(sample) <= probing.MOST_PICTURES
    assert counts[counts > 0].min() > probing.LEAST_PER_CLASS


def test_what_random_weights_can_do_says_nothing_about_similarity():
    found = advise(pictures(12, 12), progress=False)
    assert found.accuracy == 1 and found.borderline == ("similarity",)
    assert "random weights" in str(found)


def test_the_sample_is_even_and_the_seed_draws_it():
    images = pictures(900, 300, 5)
    first, again, other = (draw_sample(images, seed) for seed in (0, 0, 1))
    assert np.bincount(first.labels).tolist() == [133, 133, 5]
    assert first.rows.tolist() == again.rows.tolist() != other.rows.tolist()


def test_pictures_of_one_source_count_less_and_stay_together():
    groups = np.repeat(np.arange(12), 10)
    grouped = pictures(60, 60, groups=groups)
    assert advise(grouped, progress=False).per_class == 19  # the root of 60 pictures x 6 sources
    assert advise(pictures(60, 60, copies=10), progress=False).per_class == 6
    assert len(np.unique(sources_of(pictures(60, 60, copies=10)))) == 12
    # Labels drawn at random for each source: only one who has seen the source can know them.
    rng = np.random.default_rng(0)
    sources = np.repeat(np.arange(40), 5)
    labels = rng.integers(0, 2, 40)[sources]
    features = rng.normal(size=(40, 50))[sources] + 0.01 * rng.normal(size=(200, 50))
    assert named_right(features, labels, np.arange(200)).mean() > 0.9
    assert named_right(features, labels, sources).mean() < 0.7


def test_a_probe_finds_what_is_there():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 30)
    noise = rng.normal(size=(60, 20))
    assert 0.25 < named_right(noise, labels, np.arange(60)).mean() < 0.75
    assert named_right(noise + 9 * labels[:, None], labels, np.arange(60)).mean() == 1
    assert np.isfinite(named_right(np.zeros((60, 4)), labels, np.arange(60))).all()


def test_turning_the_channels_changes_no_probe(monkeypatch):
    rng = np.random.default_rng(0)
    labels, sources = np.repeat([0, 1, 2], 20), np.arange(60)
    features = rng.normal(size=(60, 90)) + 0.2 * rng.normal(size=(3, 90))[labels]
    turned = named_right(features, labels, sources)
    monkeypatch.setattr(np.linalg, "svd", lambda matrix, **_: (matrix, 1.0, None))
    again = named_right(features, labels, sources)  # up to where the solver stops
    assert np.mean(again != turned) < 0.1 and abs(again.mean() - turned.mean()) < 0.03
    assert 0.5 < turned.mean() < 1


RULE = {"per_class": 10, "similarity": 0.8, "stage": "stage8", "accuracy": 0.9, "size": 224}
RULE["stages"] = STAGES


@pytest.mark.parametrize(
    ("changed", "strategy"),
    [
        ({}, "linear_probe"),
        ({"stage": "stage5"}, "cut_stage5"),
        ({"per_class": LARGE}, "finetune_all"),
        ({"similarity": 0.1}, "finetune_all"),
        ({"size": 96}, "finetune_all"),
        ({"size": 96, "accuracy": 0.99}, "linear_probe"),
        ({"per_class": LARGE, "accuracy": 0.99}, "linear_probe"),
    ],
)
def test_the_rule(changed, strategy):
    found, reasons = recommend(**RULE | changed)
    assert found == strategy and reasons
    tl.get_strategy(found, tl.load_backbone(weights=None))


def test_only_the_reasons_that_apply_are_given():
    small = recommend(**RULE | {"size": 96})[1][0]
    assert "the pictures are smaller (96 pixels) than those it was trained on" in small
    assert "different" not in small
    both = recommend(**RULE | {"size": 96, "similarity": 0.1})[1][0]
    assert "the pictures are different from and smaller (96 pixels) than those it was" in both
    large = recommend(**RULE | {"similarity": 0.1})[1][0]
    assert "different from those it was trained on" in large and "pixels" not in large


def test_options_have_prices_that_grow_with_what_is_trained(pets):
    frozen, some, everything = pets.options
    assert [frozen.strategy[:6], some.strategy, everything.strategy][1:] == [
        "last_3",
        "finetune_all",
    ]
    assert 0 < frozen.seconds < some.seconds < everything.seconds
    assert frozen.accuracy is None and "not tried, about" in str(pets)


def test_similarity_is_measured_on_as_many_pictures_whatever_there_are():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [34, 61])
    parts = probing._parts(rng.permutation(labels), 0)
    assert len(parts) == 3 and all(len(part) == 2 * probing.FEW for part in parts)
    assert len(np.unique(np.concatenate(parts))) == 6 * probing.FEW
    (few,) = probing._parts(np.repeat([0, 1], [4, 60]), 0)
    assert len(few) == 4 + probing.FEW


def test_an_earlier_stage_must_be_clearly_better():
    few = evidence(last=0.7, best=0.8, n=10)  # one picture more
    assert best_probe(few, different=False).stage == "stage8"
    assert best_probe(few, different=True).stage == "stage5"
    for different in (True, False):
        assert best_probe(evidence(last=0.7, best=0.95), different).stage == "stage5"
        assert best_probe(evidence(last=0.90, best=0.91), different).stage == "stage8"


@pytest.mark.parametrize(
    ("per_class", "certainty", "doubts"),
    [(10, 1.0, ()), (LARGE, 1.0, ("size",)), (5, 0.6, ("similarity",)), (500, 1.0, ())],
)
def test_what_is_borderline_is_called_so(per_class, certainty, doubts):
    found = advice(per_class, certainty=certainty)
    assert found.borderline == doubts
    assert ("Borderline" in str(found)) == bool(doubts)
    for doubt in doubts:
        assert f"Borderline in {doubt}" in str(found)


@pytest.mark.parametrize(
    ("similarity", "error", "doubts"),
    [
        (0.0, 0.34, ("similarity",)),  # 1.3 standard errors below the line
        (0.0, 0.29, ()),
        (0.8, 0.24, ("similarity",)),
        (0.8, 0.22, ()),
        (0.45, 0.01, ("similarity",)),
    ],
)
def test_within_its_error_of_the_line_it_is_borderline_whatever_resamples_say(
    similarity, error, doubts
):
    found = advice(similarity=similarity, similarity_error=error, certainty=1.0)
    assert found.borderline == doubts
    assert (f"an error of {error:.2f}" in str(found)) == bool(doubts)
    assert "100% of resamples" not in str(found)


def test_the_figure_shows_the_evidence(pets):
    figure = advice_evidence(pets)
    left, right = figure.axes[:2]
    assert left.get_xlabel() and left.get_ylabel() and right.get_xlabel() and right.get_ylabel()
    heights = {tuple(line.get_ydata()) for line in left.get_lines()}
    assert tuple(p.accuracy for p in pets.evidence.of("imagenet")) in heights
    assert len(png(advice_evidence(pets))) < 100_000


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for name, colour in {"red": (200, 40, 40), "sky": (60, 120, 220)}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.normal(colour, 50, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i // 2}_{i % 2}.png")
    return tmp_path / "photos"


def test_the_command_advises_on_a_folder(photos, tmp_path, capsys):
    picture = tmp_path / "advice.png"
    assert main(["advise", str(photos), "--figure", str(picture)]) == 0
    before = picture.read_bytes()
    assert main(["advise", str(photos), "--figure", str(picture)]) == 2
    assert picture.read_bytes() == before
    said = capsys.readouterr().out
    assert "Try first: " in said and "2 classes of at least 6 different" in said
    assert Image.open(picture).format == "PNG"
    assert main(["advise", str(photos), "--group-by", r"(\w+)/(\d+)_"]) == 0
    said = capsys.readouterr().out
    assert "2 classes of at least 4 different" in said
    assert re.search(r"Next: tlcourse train \S+photos --strategy \w+ --group-by", said)


def test_of_a_huge_folder_a_part_is_opened(photos, monkeypatch):
    monkeypatch.setattr("tlcourse.advice.pictures.MOST_FILES", 12)
    found = advise(photos, progress=False)
    assert found.per_class == 4  # of six that are left of each class; the others are to choose by
    assert "only 12 of 20 files" in str(found)


def test_which_part_of_a_huge_folder_depends_on_the_seed_alone(tmp_path, monkeypatch):
    """Neither on the order in which the classes come from a set, which changes from run to run."""
    monkeypatch.setattr("tlcourse.advice.pictures.MOST_FILES", 25)
    names = ("ant", "bee", "cat", "dog", "elk")
    paths = [f"{name}/{i:02d}.png" for name in names for i in range(20)]
    rng, expected = np.random.default_rng(3), set()
    for number, path in enumerate(paths):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / path)
    for first in range(0, len(paths), 20):
        expected |= {paths[i] for i in rng.permutation(np.arange(first, first + 20))[:5]}
    data = read_data(tmp_path, seed=3)
    parts = (data.train, data.validation, data.test)
    assert {part.name(i) for part in parts for i in range(len(part))} == expected


def test_of_more_classes_than_files_one_of_each_is_opened(photos, monkeypatch):
    monkeypatch.setattr("tlcourse.advice.pictures.MOST_FILES", 1)
    with pytest.raises(CourseError, match="pictures: 1"):
        read_data(photos)


def test_a_huge_folder_without_training_pictures_is_refused_in_words(tmp_path, photos, monkeypatch):
    monkeypatch.setattr("tlcourse.advice.pictures.MOST_FILES", 5)
    (tmp_path / "all" / "train").mkdir(parents=True)
    photos.rename(tmp_path / "all" / "test")
    with pytest.raises(DatasetError, match="single class"):
        read_data(tmp_path / "all")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{photos}", "--figure", "{photos}/nowhere/x.png"], "nowhere is not a folder"),
        (["{photos}", "--figure", "{photos}/red"], "the name is that of one"),
        (["pets", "--group-by", "x"], "'pets' takes no group_by"),
    ],
)
def test_what_cannot_work_is_said_before_measuring(photos, monkeypatch, capsys, words, said):
    monkeypatch.setattr("tlcourse.advice.advise.advise", None)
    assert main(["advise", *(word.format(photos=photos) for word in words)]) == 2
    assert said in capsys.readouterr().err


def test_the_command_explains_what_it_cannot_do(photos, capsys):
    assert main(["advise", str(photos / "red")]) == 2
    assert main(["advise", str(photos / "nowhere")]) == 2
    said = capsys.readouterr().err
    assert said.count("Error: ") == 2 and "Traceback" not in said
