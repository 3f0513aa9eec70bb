"""Cached activations: the right rows, found again by all they depend on and by nothing else."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional as F

import tlcourse as tl
from tlcourse.activations.cache import CacheRefusedError, row_meaning
from tlcourse.activations.rows import Activations
from tlcourse.activations.shards import CacheError
from tlcourse.activations.store import Store, folder_name
from tlcourse.app.cache_commands import verify_cache
from tlcourse.app.cli import main
from tlcourse.data.photo import decode_photo
from tlcourse.networks.preprocess import Augment, Preprocess

CUT = "stage2"


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone()


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset(
        "pets", train_per_class=3, validation_per_class=2, test_per_class=1, size=64
    )


@pytest.fixture
def cache(tmp_path):
    """`cache_activations` with a folder of its own and no progress bar."""

    def call(model, images, cut=CUT, **options):
        options = {"cache_dir": tmp_path / "cache", "progress": False} | options
        return tl.cache_activations(model, images, cut, **options)

    return call


@pytest.fixture
def photos(tmp_path):
    """Six different pictures of two classes in a folder, and how to load them."""
    rng = np.random.default_rng(0)
    for i in range(12):
        part = "train" if i < 6 else "val"
        folder = tmp_path / "photos" / part / ("even" if i % 2 == 0 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "photos"


def train_part(folder):
    return tl.load_dataset(folder, size=64).train


def by_hand(model, images, cut, size=64):
    """Feature maps in plain PyTorch, one picture at a time."""
    preprocess = model.spec.preprocess.at(size)
    with torch.no_grad():
        return torch.cat(
            [model.features(preprocess(images.image(i))[None], cut) for i in range(len(images))]
        ).numpy()


# The rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["stem", "stage5", "stage8"])
def test_rows_are_what_plain_pytorch_gives(cache, backbone, pets, cut):
    maps = by_hand(backbone, pets.train, cut)
    full = cache(backbone, pets.train, cut, pooled=False)
    pooled = cache(backbone, pets.train, cut)
    assert full.shape == maps.shape and pooled.shape == maps.shape[:2]
    assert abs(full.numpy() - maps).max() < 1e-3 * maps.std()
    assert abs(pooled.numpy() - maps.mean((2, 3))).max() < 2e-4 * maps.mean((2, 3)).std()
    np.testing.assert_array_equal(pooled.labels, pets.train.labels)


def test_rows_are_read_like_an_array(cache, backbone, pets):
    rows = cache(backbone, pets.train)
    array = rows.numpy()
    mask = np.arange(9) % 2 == 0
    for index in (3, -1, slice(2, 5), [4, 0, 4], np.array([8, 1]), mask, []):
        np.testing.assert_array_equal(rows[index], array[index])
    with pytest.raises(IndexError):
        rows[9]
    assert len(rows) == 9 and "9" in repr(rows)


@pytest.fixture
def many(tmp_path):
    """Activations of 20,000 rows in shards of 512: 80 MB; row i is filled with i."""
    store, count = Store(tmp_path / "many", np.zeros((1, 1000))), 20_480
    keys = [i.to_bytes(32, "big") for i in range(count)]
    for i in range(0, count, 512):
        values = np.arange(i, i + 512, dtype=np.float32)
        store.add(keys[i : i + 512], np.tile(values[:, None], (1, 1000)))
    shards, positions = store.locate(keys)
    return Activations(store, shards, positions, np.zeros(count), 0)


def test_single_rows_and_whole_shards_are_read_alike(many):
    order = np.random.default_rng(0).permutation(len(many))
    np.testing.assert_array_equal(many[order[:64]][:, 0], order[:64])
    np.testing.assert_array_equal(many.numpy()[:, -1], np.arange(len(many)))
    copy = pickle.loads(pickle.dumps(many))
    np.testing.assert_array_equal(copy[order[:5]], many[order[:5]])
    assert len(pickle.dumps(many)) < 10**6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc, as Linux has it")
def test_reading_rows_here_and_there_takes_no_memory(many):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    order = np.random.default_rng(0).permutation(len(many))
    most = 0
    for i in range(0, 4096, 32):
        many[order[i : i + 32]]
        most = max(most, resident() - before)
    assert most < 20 * 2**20


@pytest.mark.skipif(os.name == "nt", reason="Windows maps files, and locks them so")
def test_a_shard_cut_short_while_it_is_open_gives_no_rows(many):
    for path in many.directory.glob("shard-*"):
        os.truncate(path, 4096)
    with pytest.raises(CacheError, match="cut short while it was in use.*cache_activations again"):
        many[[7, 9_000]]
    with pytest.raises(CacheError, match="cut short while it was in use.*cache_activations again"):
        many.numpy()


@pytest.fixture
def scattered(tmp_path):
    """Call it for activations of 160 rows, each in a shard of its own; row i is filled with i."""
    store, count = Store(tmp_path / "scattered", np.zeros((1, 4))), 160
    keys = [i.to_bytes(32, "big") for i in range(count)]
    for i, key in enumerate(keys):
        store.add([key], np.full((1, 4), i, np.float32))

    def call():
        shards, positions = store.locate(keys)
        return Activations(store, shards, positions, np.zeros(count), 0)

    return call


def test_threads_are_given_their_own_rows(scattered):
    rows = scattered()

    def wrong(seed):
        chance = np.random.default_rng(seed)
        wanted = [chance.integers(0, len(rows), 20) for _ in range(60)]
        return sum((rows[some][:, 0] != some).sum() for some in wanted)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(wrong, range(8))) == [0] * 8


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files are counted in /dev/fd")
def test_all_activations_together_keep_few_files_open(scattered):
    def open_files():
        return len(os.listdir("/dev/fd"))

    before = open_files()
    several = [scattered() for _ in range(3)]
    several.append(pickle.loads(pickle.dumps(several[0])))
    for rows in several:
        np.testing.assert_array_equal(rows.numpy()[:, 0], np.arange(160))
    assert open_files() - before <= 128
    several.clear()
    del rows
    assert open_files() == before


@pytest.mark.skipif(os.name != "posix", reason="needs links, and files removed while they are open")
def test_a_shard_that_cannot_be_opened_is_explained(scattered):
    rows = scattered()
    paths = [shard.path for shard in rows._shards]
    first, gone, linked = (rows._positions.tolist().index(number) for number in (0, 158, 159))
    for number in (0, 158, 159):
        paths[number].unlink()
    paths[159].symlink_to(paths[159])
    assert rows[first][0] == first, "it is open"
    with pytest.raises(CacheError, match="was removed or cut short"):
        rows[gone]
    with pytest.raises(CacheError, match=f"{paths[159].name} could not be read.*symbolic links"):
        rows[linked]


def test_float16_takes_half_the_space(cache, backbone, pets):
    half = cache(backbone, pets.train, dtype="float16")
    whole = cache(backbone, pets.train)
    assert half.dtype == np.float16 and half.directory != whole.directory
    assert abs(half.numpy().astype(np.float32) - whole.numpy()).max() < 1e-2


def test_the_home_folder_is_found(cache, backbone, pets, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    rows = cache(backbone, pets.test, cache_dir="~/c")
    assert rows.directory.parent == (tmp_path / "c").resolve()


def test_no_pictures_no_rows(cache, backbone, pets):
    rows = cache(backbone, pets.train.subset([]))
    assert rows.shape == (0, 24) and rows.numpy().shape == (0, 24)


def test_pictures_of_equal_content_share_a_row(cache, backbone, pets):
    rows = cache(backbone, pets.train.subset([0, 1, 0, 0]))
    assert rows.computed == 2 and len(rows) == 4
    np.testing.assert_array_equal(rows[0], rows[2])


# The key -----------------------------------------------------------------------------------------


def test_found_again_in_another_process(cache, backbone, photos, tmp_path):
    first = cache(backbone, train_part(photos))
    code = (
        "import sys, tlcourse as tl\n"
        "images = tl.load_dataset(sys.argv[1], size=64).train\n"
        "rows = tl.cache_activations(tl.load_backbone(), images, 'stage2', cache_dir=sys.argv[2])\n"
        "print(rows.computed, rows.directory.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, photos, tmp_path / "cache"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0", first.directory.name]


def test_found_again_after_renaming_copying_and_touching(cache, backbone, photos, tmp_path):
    assert cache(backbone, train_part(photos)).computed == 6
    copy = tmp_path / "elsewhere"
    shutil.copytree(photos, copy)
    shutil.rmtree(photos)
    for path in sorted((copy / "train").rglob("*.png")):
        path.rename(path.with_name(f"renamed {path.name}"))
    for path in copy.rglob("*.png"):
        os.utime(path, (0, 0))
    assert cache(backbone, train_part(copy)).computed == 0


def test_a_cache_may_be_moved(cache, backbone, photos, tmp_path):
    cache(backbone, train_part(photos))
    (tmp_path / "cache").rename(tmp_path / "moved")
    assert cache(backbone, train_part(photos), cache_dir=tmp_path / "moved").computed == 0


def test_only_added_and_changed_pictures_are_computed(cache, backbone, photos):
    cache(backbone, train_part(photos))
    new = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(new).save(photos / "train" / "even" / "new.png")
    rows = cache(backbone, train_part(photos))
    assert rows.computed == 1 and len(rows) == 7
    Image.fromarray(255 - new).save(photos / "train" / "even" / "new.png")
    images = train_part(photos)
    rows = cache(backbone, images)
    assert rows.computed == 1
    expected = by_hand(backbone, images, CUT).mean((2, 3))
    assert abs(rows.numpy() - expected).max() < 1e-4


def _replace_relu(model):
    model.stages.stem[1].act = nn.SiLU()


def _nudge_weight(model):
    with torch.no_grad():
        weight = next(model.stages.stage1.parameters())
        weight.view(-1)[0] = torch.nextafter(weight.view(-1)[0], torch.tensor(9.0))


def _nudge_statistics(model):
    next(model.stages.stage1.buffers()).add_(1e-3)


@pytest.mark.parametrize("change", [_replace_relu, _nudge_weight, _nudge_statistics])
def test_a_changed_network_is_another_key(cache, pets, change):
    model = tl.load_backbone()
    before = cache(model, pets.train)
    change(model)
    after = cache(model, pets.train)
    assert after.computed == 9 and after.directory != before.directory


class _Own(nn.Module):
    """A layer of one's own, which `repr` shows as `_Own()` whatever it does."""

    def __init__(self, function, slope=1.0):
        super().__init__()
        self.function, self.slope = function, slope

    def forward(self, x):
        return self.function(x) * self.slope


def _pool(model):
    return model.stages.stage1.appended


def _switch_off_skip(model):
    block = next(m for m in model.stages.stage2.modules() if getattr(m, "has_skip", False))
    block.has_skip = False


def _replace_forward(model):
    norm = next(m for m in model.stages.stage1.modules() if isinstance(m, nn.BatchNorm2d))
    plain = norm.forward
    norm.forward = lambda x: plain(x) + 0.1


BEHAVIOURS = {
    "count_include_pad": lambda model: setattr(_pool(model), "count_include_pad", False),
    "ceil_mode": lambda model: setattr(_pool(model), "ceil_mode", True),
    "divisor_override": lambda model: setattr(_pool(model), "divisor_override", 5),
    "a residual connection": _switch_off_skip,
    "a forward hook": lambda model: model.stages.stage1.register_forward_hook(
        lambda module, inputs, output: output * 1.01
    ),
    "a forward pre-hook": lambda model: model.stages.stem.register_forward_pre_hook(
        lambda module, inputs: (inputs[0].flip(-1),)
    ),
    "forward": _replace_forward,
    "a number": lambda model: setattr(model.stages.stage2.appended, "slope", 1.001),
    "a function": lambda model: setattr(model.stages.stage2.appended, "function", torch.sigmoid),
}


@pytest.fixture
def changeable():
    """A backbone with a pooling layer after `stage1`, and a layer of one's own after `stage2`."""
    model = tl.load_backbone()
    for name, layer in (("stage1", nn.AvgPool2d(3, 2, 1)), ("stage2", _Own(torch.tanh))):
        getattr(model.stages, name).add_module("appended", layer)
    return model.eval()


@pytest.mark.parametrize("change", BEHAVIOURS.values(), ids=BEHAVIOURS)
@pytest.mark.parametrize("pooled", [True, False], ids=["pooled", "maps"])
def test_what_no_description_shows_is_seen_by_the_probe(cache, pets, changeable, change, pooled):
    images = pets.train.subset([0, 4])
    cache(changeable, images, pooled=pooled)
    change(changeable)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # folding is tried, does not agree, and is not used
        found = cache(changeable, images, pooled=pooled)
    expected = by_hand(changeable, images, CUT)
    expected = expected.mean((2, 3)) if pooled else expected
    assert found.computed == 2 and abs(found.numpy() - expected).max() < 1e-3 * expected.std()
    assert cache(changeable, images, pooled=pooled).computed == 0


def test_rows_of_both_behaviours_are_kept(cache, pets, changeable):
    rows = [cache(changeable, pets.train)]
    hook = changeable.stages.stem.register_forward_hook(lambda module, inputs, output: -output)
    rows.append(cache(changeable, pets.train))
    hook.remove()
    rows.append(cache(changeable, pets.train))
    assert [r.computed for r in rows] == [9, 9, 0]
    np.testing.assert_array_equal(rows[0].numpy(), rows[2].numpy())


class _Sepia(Preprocess):
    def pixels(self, image):
        return super().pixels(image.convert("L").convert("RGB"))


class _Shifted(Preprocess):
    def normalise(self, pixels):
        return super().normalise(pixels) + 0.1


class _Inverted(Augment):
    def __call__(self, image, rng):
        return ImageOps.invert(super().__call__(image, rng))


@pytest.mark.parametrize("kind", [_Sepia, _Shifted])
def test_a_subclass_of_preprocess_is_another_key(cache, pets, kind):
    model = tl.load_backbone()
    before = cache(model, pets.train)
    model.spec = replace(model.spec, preprocess=kind(**vars(model.spec.preprocess)))
    after = cache(model, pets.train)
    assert after.computed == 9 and abs(after.numpy() - before.numpy()).max() > 1e-2


def test_a_subclass_of_augment_is_another_key(cache, backbone, pets, monkeypatch):
    before = cache(backbone, pets.train, views=1, augment=Augment())
    assert cache(backbone, pets.train, views=1, augment=_Inverted()).computed == 9
    monkeypatch.setattr(Augment, "__call__", lambda self, image, rng: ImageOps.flip(image))
    after = cache(backbone, pets.train, views=1, augment=Augment())
    assert after.computed == 9 and abs(after.numpy() - before.numpy()).max() > 1e-2


def test_another_decoder_is_seen(cache, backbone, pets, monkeypatch):
    cache(backbone, pets.train)
    darker = ImageOps.posterize
    monkeypatch.setattr(
        "tlcourse.activations.probe.decode_photo",
        lambda *arguments, **options: darker(decode_photo(*arguments, **options), 6),
    )
    assert cache(backbone, pets.train).computed == 9


@pytest.mark.parametrize(
    "function",
    [lambda x: x + torch.rand_like(x), lambda x: x - x.mean(0), lambda x: F.dropout(x, 0.1)],
    ids=["random numbers", "mixed pictures", "dropout"],
)
def test_layers_that_do_not_repeat_themselves_are_refused(cache, pets, changeable, function):
    changeable.stages.stage2.appended.function = function
    with pytest.raises(CacheRefusedError, match="draws random numbers"):
        cache(changeable, pets.train)


@pytest.mark.parametrize("pooled", [True, False])
def test_folders_and_shards_of_other_weights_are_never_read(cache, pets, tmp_path, pooled):
    model = tl.load_backbone()
    first = cache(model, pets.train, pooled=pooled)
    kept = {path.name: path.read_bytes() for path in first.directory.glob("shard-*")}
    _nudge_weight(model)
    expected = cache(model, pets.train, pooled=pooled)
    for moved in (True, False):  # the folder renamed, manifest and all; then shards copied in
        shutil.rmtree(expected.directory)
        if moved:
            first.directory.rename(expected.directory)
        else:
            cache(model, pets.train.subset([0]), pooled=pooled)
            for name, data in kept.items():
                (expected.directory / name).write_bytes(data)
        with pytest.warns(UserWarning, match=f"of {first.directory.name} and is not read"):
            again = cache(model, pets.train, pooled=pooled)
        assert again.computed == (9 if moved else 8)
        np.testing.assert_array_equal(again.numpy(), expected.numpy())
        (entry,) = verify_cache(tmp_path / "cache")
        assert [first.directory.name in problem for problem in entry.problems] == [True] * len(kept)
    verify_cache(tmp_path / "cache", repair=True)
    assert cache(model, pets.train, pooled=pooled).computed == 0


def test_an_old_cache_is_named_and_left_to_the_reader(cache, backbone, pets, tmp_path, capsys):
    new = cache(backbone, pets.train).directory
    old = new.with_name(f"{new.name.rpartition('-')[0]}-{7:020x}")
    shutil.rmtree(new)
    old.mkdir()
    np.save(old / f"shard-{0:032x}.npy", np.zeros((3, 24), np.float32))
    (old / "manifest.json").write_text('{"format": 1, "rows": {}}', encoding="utf-8")
    with pytest.warns(UserWarning, match=f"earlier version are not read: {old.name}.*cache clear"):
        assert cache(backbone, pets.train).computed == 9
    assert old.is_dir()
    where = ["--cache-dir", str(tmp_path / "cache")]
    main(["cache", "list", *where])
    assert "earlier version" in capsys.readouterr().out
    assert main(["cache", "clear", old.name, *where]) == 0
    assert not old.exists() and new.is_dir()


@pytest.mark.parametrize(
    "options",
    [
        {"cut": "stage3"},
        {"pooled": False},
        {"size": 96},
        {"dtype": "float16"},
        {"views": 1, "augment": Augment()},
    ],
)
def test_each_option_is_part_of_the_key(cache, backbone, pets, options):
    before = cache(backbone, pets.train)
    after = cache(backbone, pets.train, **options)
    assert after.computed == 9 and after.directory != before.directory


def test_preprocessing_is_part_of_the_key(backbone):
    preprocess = backbone.spec.preprocess
    others = [
        replace(preprocess, mean=(0.4, 0.5, 0.5)),
        replace(preprocess, std=(0.4, 0.5, 0.5)),
        replace(preprocess, interpolation="bilinear"),
        replace(preprocess, crop=0.9),
    ]
    names = {folder_name(row_meaning(backbone, CUT, True, p)) for p in (preprocess, *others)}
    assert len(names) == 5


def test_changes_above_the_cut_are_no_part_of_the_key(cache, pets, backbone):
    before = cache(backbone, pets.train)
    model = tl.replace_head(backbone, pets.classes)
    tl.freeze(model, through=CUT)
    with torch.no_grad():
        model.stages.stage3[0].conv_pw.weight.add_(1)
    again = cache(model, pets.train, None)
    assert again.directory == before.directory and again.computed == 0


def test_the_manifest_can_be_read_by_a_person(cache, backbone, pets):
    rows = cache(backbone, pets.train)
    text = (rows.directory / "manifest.json").read_text(encoding="utf-8")
    meaning = json.loads(text)["rows"]
    assert meaning["network"] == "efficientnet_lite0" and meaning["cut"] == CUT
    assert meaning["preprocessing"]["size"] == 64 and meaning["pooled"] is True
    assert "torch" in json.loads(text)["built_with"]
    assert rows.directory.name.startswith("efficientnet_lite0-stage2-64px-")


# What is refused ---------------------------------------------------------------------------------


def test_random_augmentation_is_refused_with_both_ways_out(cache, backbone, pets):
    with pytest.raises(CacheRefusedError, match=r"cache=False.*views=4"):
        cache(backbone, pets.train, augment=Augment())


def test_batch_norm_in_train_mode_is_refused_by_name(cache, pets):
    backbone = tl.load_backbone()
    backbone.stages.stage2.train()
    with pytest.raises(CacheRefusedError, match="batch norm in stage2 is in train mode"):
        cache(backbone, pets.train, "stage3")
    assert cache(backbone, pets.train, "stage1").computed == 9


def test_frozen_stages_whose_batch_norm_adapts_are_refused(cache, backbone, pets):
    model = tl.replace_head(backbone, pets.classes)
    tl.freeze(model, through="stage3", batch_norm="adapt")
    with pytest.raises(CacheRefusedError, match="batch norm in stem"):
        cache(model, pets.train, "stage3")
    with pytest.raises(CacheRefusedError, match="batch norm in stem"):
        cache(model, pets.train, None)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"dtype": "int8"}, "float16"),
        ({"views": 4}, "augment"),
        ({"views": 0, "augment": Augment()}, "from 1"),
    ],
)
def test_requests_without_sense_are_explained(cache, backbone, pets, options, words):
    with pytest.raises(CacheRefusedError, match=words):
        cache(backbone, pets.train, **options)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_a_seed_that_is_none_is_explained(cache, backbone, pets, seed):
    with pytest.raises(tl.CourseError, match=f"seed={seed!r}: give a whole number"):
        cache(backbone, pets.train, views=2, augment=Augment(), seed=seed)


def test_without_frozen_stages_a_cut_must_be_named(cache, backbone, pets):
    model = tl.replace_head(backbone, pets.classes)
    with pytest.raises(CacheRefusedError, match="stem is not frozen"):
        cache(model, pets.train, None)
    with pytest.raises(tl.CourseError, match="stage99"):
        cache(model, pets.train, "stage99")


def test_what_exceeds_the_limit_is_refused_before_it_is_computed(
    cache, backbone, pets, monkeypatch
):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.0001")
    with pytest.raises(tl.CourseError, match="TLCOURSE_CACHE_GB"):
        cache(backbone, pets.train, pooled=False)


# Augmented views ---------------------------------------------------------------------------------


def test_views_are_fixed_and_grow(cache, backbone, pets):
    two = cache(backbone, pets.train, views=2, augment=Augment())
    assert two.shape == (18, 24)
    np.testing.assert_array_equal(two.labels, np.tile(pets.train.labels, 2))
    assert abs(two[:9] - two[9:]).max() > 1e-3
    three = cache(backbone, pets.train, views=3, augment=Augment())
    assert three.computed == 9
    np.testing.assert_array_equal(three[:18], two.numpy())
    other = cache(backbone, pets.train, views=2, augment=Augment(), seed=1)
    assert other.computed == 18


def test_views_of_a_picture_do_not_depend_on_the_others(cache, backbone, pets, tmp_path):
    all_of_them = cache(backbone, pets.train, views=2, augment=Augment())
    alone = cache(
        backbone,
        pets.train.subset([4]),
        views=2,
        augment=Augment(),
        cache_dir=tmp_path / "alone",
    )
    assert abs(alone.numpy() - all_of_them[[4, 13]]).max() < 1e-5


# Training and the command line -------------------------------------------------------------------


@pytest.mark.parametrize("through", ["stage4", "stage8"])
def test_fit_learns_the_same_with_and_without(backbone, through, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    data = tl.load_dataset("pets", train_per_class=4, validation_per_class=4, size=64)
    outcomes = []
    for cached in (False, True):
        model = tl.replace_head(backbone, data.classes)
        tl.freeze(model, through=through)
        for stage in model.stages:
            stage.batch_norm = "frozen"
            stage.train(False)
        history = tl.fit(model, data, epochs=2, cache=cached, progress=False)
        outcomes.append((history, model.head.linear.weight.detach()))
    (plain, weights), (cached, cached_weights) = outcomes
    assert cached.cached_through == through and plain.cached_through is None
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(plain[name], cached[name], rtol=2e-3)
    torch.testing.assert_close(weights, cached_weights, atol=1e-3, rtol=1e-2)


@pytest.mark.slow
def test_torchrun_shares_the_work(tmp_path):
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["tlcourse", "cache", "build", "digits", "--size", "32", "--cut", "stem"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TLCOURSE_PROGRESS": "0"}
    runs = [
        subprocess.run(
            [sys.executable, "-m", *command, "--cache-dir", tmp_path],
            capture_output=True,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    assert runs[0].returncode == 0, runs[0].stderr
    counts = {}
    for line in runs[0].stdout.splitlines():
        if "rows were computed" in line:
            part, rest = line.split(": ")
            words = rest.split()
            counts.setdefault(part, []).append((int(words[0]), int(words[2])))
    assert set(counts) == {"train", "validation", "test"}
    for shares in counts.values():
        (one, total), (two, _) = shares
        assert one + two == total and abs(one - two) <= 1, "each its half"
    assert runs[1].stdout.count(": 0 of") == 6, "all is found again"
    digits = tl.load_dataset("digits")
    rows = tl.cache_activations(
        tl.load_backbone(), digits.test, "stem", size=32, cache_dir=tmp_path
    )
    assert rows.computed == 0
    expected = by_hand(tl.load_backbone(), digits.test.subset(range(5)), "stem", 32)
    assert abs(rows[:5] - expected.mean((2, 3))).max() < 1e-4


def test_the_command_line_lists_verifies_and_clears(cache, backbone, pets, tmp_path, capsys):
    rows = cache(backbone, pets.train)
    where = ["--cache-dir", str(tmp_path / "cache")]
    assert main(["cache", "list", *where]) == 0
    shown = capsys.readouterr().out
    assert rows.directory.name in shown and "9 rows" in shown and "TLCOURSE_CACHE_GB" in shown
    assert main(["cache", "verify", *where]) == 0
    (shard,) = rows.directory.glob("shard-*")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert main(["cache", "verify", *where]) == 1
    assert shard.name in capsys.readouterr().out
    assert main(["cache", "verify", "--repair", *where]) == 0
    assert main(["cache", "clear", "nothing", *where]) == 2
    assert "nothing" in capsys.readouterr().err
    assert main(["cache", "clear", *where]) == 0
    assert not rows.directory.exists()


def test_listing_needs_no_pytorch():
    code = (
        "import sys; from tlcourse.app.cli import main; main(['cache']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
