"""Files of the activation cache: shards that are whole or not there, keys, housekeeping."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from tlcourse.activations import housekeeping
from tlcourse.activations.store import (
    CacheError,
    CacheReadOnlyError,
    Shard,
    Store,
    folder_name,
    own_files,
    read_manifest,
    rows_per_shard,
)
from tlcourse.app.cli import main

MEANING = {"network": "n", "cut": "c"}
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs the system calls of POSIX")


def keys_of(names):
    return [hashlib.sha256(str(name).encode()).digest() for name in names]


def rows_of(names, width=3):
    return np.array([[name * 10 + i for i in range(width)] for name in names], np.float32)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "net-stage1-64px-0123")


def filled(store, *groups):
    for names in groups:
        store.add(keys_of(names), rows_of(names))
    store.write_manifest(MEANING, {})
    return store


def unreadable(path):
    """Make a file one that is there and cannot be opened, not even by an administrator."""
    path.unlink()
    path.symlink_to(path)


def read(store, names):
    """Rows of some names in order; None where there is none."""
    shards, positions = store.locate(keys_of(names))
    rows = np.concatenate([shard.rows() for shard in shards]) if shards else []
    return [None if p < 0 else rows[p].tolist() for p in positions]


def test_rows_come_back_by_key_in_any_order(store):
    filled(store, range(5), range(5, 9))
    assert read(store, [8, 0, 77, 5, 5]) == [
        [80, 81, 82],
        [0, 1, 2],
        None,
        [50, 51, 52],
        [50, 51, 52],
    ]


def test_a_shard_opens_with_numpy_alone(store):
    path = store.add(keys_of(range(4)), rows_of(range(4)))
    np.testing.assert_array_equal(np.load(path), rows_of(range(4)))
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), rows_of(range(4)))
    with path.open("rb") as file:
        np.load(file)
        assert [bytes(key) for key in np.load(file)] == keys_of(range(4))
    assert path.name == f"shard-{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.npy"


def test_nothing_but_the_files_described_is_left(store):
    filled(store, range(3))
    names = sorted(path.name[:6] for path in store.directory.iterdir())
    assert names == ["last-u", "manife", "shard-"]
    assert read_manifest(store.directory)["rows"] == MEANING


def test_the_same_rows_written_twice_are_one_file(store):
    filled(store, range(3), range(3))
    assert len(store.shards()) == 1


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (7, 1280), (1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_shapes_and_dtypes_survive(tmp_path, shape, dtype):
    rows = np.random.default_rng(0).normal(size=shape).astype(dtype)
    store = Store(tmp_path, dtype)
    shard = Shard(store.add(keys_of(range(shape[0])), rows))
    np.testing.assert_array_equal(shard.rows(), rows)
    assert shard.rows().dtype == dtype


@pytest.mark.parametrize("byte", [3, 20, 90, 130, 150, 500, -1, -40])
def test_a_flipped_bit_is_noticed_wherever_it_is(store, byte):
    filled(store, range(40), range(40, 50))
    damaged = Shard(store.add(keys_of(range(40)), rows_of(range(40)))).path
    data = bytearray(damaged.read_bytes())
    data[byte] ^= 4
    damaged.write_bytes(data)
    with pytest.warns(UserWarning, match=damaged.name):
        rows = read(store, range(50))
    assert rows[:40] == [None] * 40
    assert rows[40:] == rows_of(range(40, 50)).tolist()
    assert not damaged.exists()


def test_each_single_bit_counts(store):
    path = store.add(keys_of(range(4)), rows_of(range(4)))
    data = path.read_bytes()
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert not Shard(path).is_intact(), f"bit {bit}"
        except ValueError:
            pass


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_shard_cut_short_is_noticed(store, share):
    filled(store, range(40), range(40, 50))
    damaged = store.locate(keys_of([0]))[0][0].path
    data = damaged.read_bytes()
    damaged.write_bytes(data[: int(len(data) * share)])
    with pytest.warns(UserWarning, match="damaged"):
        rows = read(store, range(50))
    assert rows[:40] == [None] * 40 and rows[40:] == rows_of(range(40, 50)).tolist()


def test_damage_done_after_the_first_reading_is_noticed(store):
    filled(store, range(40))
    assert read(store, [1]) == [[10, 11, 12]]
    path = store.shards()[0].path
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    os.utime(path, ns=(1, 1))
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged"):
        assert read(store, [1]) == [None]


@posix_only
def test_a_shard_that_cannot_be_read_for_now_is_no_damage(store):
    filled(store, range(40), range(40, 50))
    path = store.locate(keys_of([0]))[0][0].path
    unreadable(path)
    with warnings.catch_warnings(), pytest.raises(CacheError, match="symbolic links.*again"):
        warnings.simplefilter("error")
        read(store, range(50))
    assert path.is_symlink() and len(own_files(store.directory, ".npy")) == 2


@posix_only
def test_a_process_that_may_open_no_more_files_removes_nothing(store):
    for i in range(4):  # long enough for their checksums to be computed at the same time
        store.add(keys_of([i]), np.full((1, 2**20), i, np.float32))
    code = (
        "import os, resource, sys; from pathlib import Path\n"
        "from tlcourse.activations.store import CacheError, Store\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "hog = []\n"
        "try:\n"
        "    while True: hog.append(open(os.devnull))\n"
        "except OSError: hog.pop().close()\n"
        "store = Store(Path(sys.argv[1]))\n"
        "try: store.locate([key for shard in store.shards() for key in shard.keys()])\n"
        "except CacheError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, store.directory], capture_output=True, text=True
    )
    assert "Too many open files" in done.stdout, done.stderr
    assert len(own_files(store.directory, ".npy")) == 4


def test_a_shard_that_another_process_removes_is_no_damage(store, monkeypatch):
    filled(store, range(40), range(40, 50))
    shards = store.shards()
    for shard in shards:
        shard.path.unlink()
    found = iter([shards])
    monkeypatch.setattr(store, "shards", lambda: next(found, []))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(store, [1]) == [None]


def test_files_of_others_in_a_folder_are_left(store):
    filled(store, range(3))
    names = ("shard-1.npy", "shard-notes.npy", ".draft.tmp")
    for name in names:
        (store.directory / name).write_text("mine")
        os.utime(store.directory / name, (time.time() - 7200,) * 2)
    assert read(store, [1]) == [[10, 11, 12]]
    store.remove_debris()
    assert all((store.directory / name).exists() for name in names)


def test_rows_of_another_shape_do_not_belong(store):
    filled(store, range(3))
    store.add(keys_of([9]), np.zeros((1, 5), np.float32))
    with pytest.warns(UserWarning, match="damaged"):
        shapes = {shard.shape[1:] for shard in store.shards()}
    assert len(shapes) == 1


def test_a_manifest_that_is_damaged_is_written_again(store):
    filled(store, range(3))
    manifest = store.directory / "manifest.json"
    for text in ("", '{"rows": {', "[1, 2]", '{"rows": {"network": "another"}}'):
        manifest.write_text(text, encoding="utf-8")
        store.write_manifest(MEANING, {"torch": "x"})
        assert json.loads(manifest.read_text(encoding="utf-8"))["rows"] == MEANING


def test_temporary_files_of_the_dead_go_and_of_the_living_stay(store):
    filled(store, range(3))
    code = (
        "import sys; from pathlib import Path\n"
        "from tlcourse.activations.store import _Temporary\n"
        "path = _Temporary(Path(sys.argv[1])).__enter__(); path.touch(); print(path, flush=True)\n"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, store.directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    path = store.directory / process.stdout.readline().strip()
    store.remove_debris()
    assert path.exists()
    process.kill()
    process.communicate()
    store.remove_debris()
    assert not path.exists()
    foreign = store.directory / ".another-machine-1-0123456789ab.tmp"
    foreign.touch()
    store.remove_debris()
    assert foreign.exists(), "a process on another machine may be writing it"
    os.utime(foreign, (time.time() - 7200,) * 2)
    store.remove_debris()
    assert not foreign.exists()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="could not be written"):
        filled(Store(tmp_path / "file" / "cache"), range(3))


def test_permission_errors_are_explained(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(CacheReadOnlyError, match="cache_dir"):
        filled(store, range(3))
    assert list(store.directory.iterdir()) == []


def test_shards_are_small_for_small_jobs_and_few_for_large_ones():
    assert rows_per_shard(100, 5120) == 512
    assert rows_per_shard(1_000_000, 5120) == 6553
    assert rows_per_shard(100_000, 1_600_000) == 20
    assert rows_per_shard(10, 10**9) == 1


# Housekeeping ------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path):
    """Three folders of 1.2 MB each; `b` was used least recently, then `c`, then `a`."""
    for age, name in enumerate("acb"):
        meaning = {"network": f"net{name}", "cut": "stage1", "preprocessing": {"size": 64}}
        store = Store(tmp_path / folder_name(meaning))
        store.add(keys_of(range(300)), np.zeros((300, 1000), np.float32))
        store.write_manifest(meaning, {})
        os.utime(store.directory / "last-used", (1000 - 100 * age,) * 2)
    return tmp_path


def folder(root, name):
    (found,) = root.glob(f"{name}-*")
    return found


def names(entries):
    return [entry.name[:4] for entry in entries]


def test_list_gives_rows_sizes_and_the_least_recently_used_first(three):
    entries = housekeeping.list_caches(three)
    assert names(entries) == ["netb", "netc", "neta"]
    assert all(entry.rows == 300 and 1_200_000 < entry.nbytes < 1_250_000 for entry in entries)
    assert entries[0].meaning["network"] == "netb"
    assert housekeeping.list_caches(three / "nowhere") == []


def test_verify_names_damage_and_repairs_it(three):
    (shard,) = folder(three, "neta").glob("shard-*")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    manifest = folder(three, "netb") / "manifest.json"
    manifest.write_bytes((folder(three, "netc") / "manifest.json").read_bytes())
    found = {e.name[:4]: e.problems for e in housekeeping.verify_cache(three)}
    assert found["netc"] == ()
    assert "manifest" in found["netb"][0] and shard.name in found["neta"][0]
    assert shard.exists() and manifest.exists()
    housekeeping.verify_cache(three, repair=True)
    assert not shard.exists() and not manifest.exists()
    assert not any(entry.problems for entry in housekeeping.verify_cache(three))


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", '{"rows": []}', '{"rows": {"network": 1}}'])
def test_verify_names_a_manifest_that_is_none(three, text):
    manifest = folder(three, "neta") / "manifest.json"
    manifest.write_text(text, encoding="utf-8")
    (found,) = [entry for entry in housekeeping.verify_cache(three) if entry.problems]
    assert found.name.startswith("neta") and "manifest" in found.problems[0]


def test_a_manifest_that_is_missing_is_no_damage(three, capsys):
    (folder(three, "neta") / "manifest.json").unlink()
    assert main(["cache", "verify", "--cache-dir", str(three), "--repair"]) == 0
    shown = capsys.readouterr().out
    assert "manifest.json is missing; the next use writes it" in shown
    assert "3 of 3 are in order" in shown and "was removed" not in shown
    assert main(["cache", "verify", "--cache-dir", str(three)]) == 0


def test_verify_passes_over_what_a_process_is_writing(three):
    node = platform.node() or "here"
    written = folder(three, "neta") / f".{node}-{os.getpid()}-0123456789ab.tmp"
    left = folder(three, "netb") / ".another-machine-1-0123456789ab.tmp"
    for path in (written, left):
        path.touch()
    os.utime(left, (time.time() - 7200,) * 2)
    found = {e.name[:4]: e.problems for e in housekeeping.verify_cache(three, repair=True)}
    assert found["neta"] == () and left.name in found["netb"][0]
    assert written.exists() and not left.exists()


@posix_only
def test_verify_removes_nothing_that_it_cannot_read(three):
    (shard,) = folder(three, "netb").glob("shard-*")
    manifest = folder(three, "neta") / "manifest.json"
    for path in (shard, manifest):
        unreadable(path)
        with pytest.raises(CacheError, match=f"{path.name} could not be read.*symbolic links"):
            housekeeping.verify_cache(three, repair=True)
        assert path.is_symlink()
        path.unlink()


def test_clear_takes_what_is_named_and_nothing_else(three):
    (three / "holiday.txt").touch()
    other = three / "holiday-512px-jpegs"
    other.mkdir()
    mine = [other / name for name in ("manifest.json", "shard-1.npy", "last-used", ".a.tmp")]
    for path in mine:
        path.touch()
    with pytest.raises(CacheError, match="netx"):
        housekeeping.clear_cache(["neta", "netx"], cache_dir=three)
    assert len(housekeeping.list_caches(three)) == 3
    assert names(housekeeping.clear_cache(["neta"], cache_dir=three)) == ["neta"]
    housekeeping.clear_cache(["netb", "netc"], cache_dir=three)
    assert all(path.exists() for path in mine) and (three / "holiday.txt").exists()


def test_clear_takes_the_clutter_of_file_managers_too(three):
    for name in (".DS_Store", "Thumbs.db"):
        (folder(three, "neta") / name).touch()
    assert len(housekeeping.clear_cache(cache_dir=three)) == 3
    assert list(three.iterdir()) == []


def test_clear_leaves_files_of_others_names_them_and_goes_on(three):
    mine = folder(three, "netb") / "notes.txt"
    mine.touch()
    with pytest.raises(CacheError, match=r"2 of 3 could be removed.*\n.*netb.*: notes\.txt\. Move"):
        housekeeping.clear_cache(cache_dir=three)
    (left,) = housekeeping.list_caches(three)
    assert (left.name[:4], left.rows, left.nbytes) == ("netb", 0, 0) and mine.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a folder that is listed")
def test_listing_survives_folders_that_others_remove(tmp_path):
    directory, done = tmp_path / f"net-stem-32px-{0:020x}", threading.Event()

    def churn():
        while not done.is_set():
            directory.mkdir()
            (directory / "last-used").touch()
            housekeeping.remove(directory)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            housekeeping.list_caches(tmp_path)
    finally:
        done.set()
        thread.join()


def test_the_limit_removes_the_least_recently_used(three, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.004")
    housekeeping.make_room(three, 0, [])
    assert len(housekeeping.list_caches(three)) == 3
    housekeeping.make_room(three, 1_000_000, [])
    assert names(housekeeping.list_caches(three)) == ["netc", "neta"]


def test_the_limit_counts_rows_that_went_from_beside_files_of_others(three, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.004")
    (folder(three, "netb") / "notes.txt").touch()
    housekeeping.make_room(three, 1_000_000, [])
    rows = {entry.name[:4]: entry.rows for entry in housekeeping.list_caches(three)}
    assert rows == {"neta": 300, "netb": 0, "netc": 300}


def test_the_limit_leaves_what_is_in_use(three, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.0026")
    housekeeping.make_room(three, 1_000_000, [folder(three, "netb")])
    assert names(housekeeping.list_caches(three)) == ["netb"]


def test_what_cannot_fit_is_refused_before_anything_is_removed(three, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.002")
    with pytest.raises(CacheError, match="TLCOURSE_CACHE_GB"):
        housekeeping.make_room(three, 1_000_000, [folder(three, "netb")])
    assert len(housekeeping.list_caches(three)) == 3


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", ""])
def test_a_limit_that_is_none_is_explained(text, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", text)
    with pytest.raises(CacheError, match="TLCOURSE_CACHE_GB"):
        housekeeping.size_limit()
