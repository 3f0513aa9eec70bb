"""Files of the activation cache: shards that are whole or not there, keys, housekeeping."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tlcourse.activations import files, housekeeping
from tlcourse.activations.files import CacheReadOnlyError, own_files, remove_debris
from tlcourse.activations.shards import ENDING, CacheError, Shard
from tlcourse.activations.store import Store, folder_name, read_manifest, rows_per_shard
from tlcourse.app import cache_commands
from tlcourse.app.cli import main
from tlcourse.base.files import temporary_name

MEANING = {"network": "n", "cut": "c", "preprocessing": {"size": 64}}
PROBE = np.array([[0.5, -1, 2]], np.float32)
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs the system calls of POSIX")


def keys_of(names):
    return [hashlib.sha256(str(name).encode()).digest() for name in names]


def rows_of(names, width=3):
    return np.array([[name * 10 + i for i in range(width)] for name in names], np.float32)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / f"net-stage1-64px-{0:020x}", PROBE)


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


def test_looking_up_takes_little_more_than_the_keys(store):
    filled(store, range(5))
    keys = np.array(keys_of(range(50_000)))
    tracemalloc.start()
    shards, positions = store.locate(keys)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(shards) == 1 and (positions >= 0).sum() == 5
    assert most < 90 * len(keys)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    filled(Store(tmp_path / "c" / f"net-stage1-64px-{0:020x}", PROBE), range(3))
    assert [entry.rows for entry in housekeeping.list_caches("~/c")] == [3]


def test_a_shard_opens_with_safetensors_alone(store):
    path = store.add(keys_of(range(4)), rows_of(range(4)))
    arrays = load_file(path)
    np.testing.assert_array_equal(arrays["rows"], rows_of(range(4)))
    np.testing.assert_array_equal(arrays["probe"], PROBE)
    assert [bytes(key) for key in arrays["keys"]] == keys_of(range(4))
    assert path.name == f"shard-{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}{ENDING}"


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
    store = Store(tmp_path, np.zeros((1, *shape[1:])), dtype)
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
    assert path.is_symlink() and len(own_files(store.directory, ENDING)) == 2


@posix_only
def test_a_process_that_may_open_no_more_files_removes_nothing(store):
    store = Store(store.directory, np.zeros((1, 2**20)))
    for i in range(4):  # long enough for their checksums to be computed at the same time
        store.add(keys_of([i]), np.full((1, 2**20), i, np.float32))
    code = (
        "import os, resource, sys; from pathlib import Path\n"
        "import numpy as np\n"
        "from tlcourse.activations.shards import CacheError\n"
        "from tlcourse.activations.store import Store\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "hog = []\n"
        "try:\n"
        "    while True: hog.append(open(os.devnull))\n"
        "except OSError: hog.pop().close()\n"
        "store = Store(Path(sys.argv[1]), np.zeros((1, 2**20)))\n"
        "try: store.locate([key for shard in store.shards() for key in shard.keys()])\n"
        "except CacheError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, store.directory], capture_output=True, text=True
    )
    assert "Too many open files" in done.stdout, done.stderr
    assert len(own_files(store.directory, ENDING)) == 4


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
    remove_debris(store.directory)
    assert all((store.directory / name).exists() for name in names)


@pytest.mark.parametrize(
    "other",
    [
        {"directory": f"net-stage1-64px-{1:020x}"},
        {"probe": PROBE * 1.01},
        {"probe": np.zeros((1, 5))},
        {"probe": np.zeros((2, 3))},
        {"dtype": "float16"},
    ],
    ids=["another folder", "another behaviour", "another shape", "another probe", "another type"],
)
def test_sound_shards_of_other_rows_are_passed_over_and_left(store, tmp_path, other):
    described = {"directory": store.directory.name, "probe": PROBE} | other
    elsewhere = Store(tmp_path / "elsewhere" / described.pop("directory"), **described)
    strays = [
        elsewhere.add(keys_of([name]), np.full((1, elsewhere.probe.shape[1]), 7))
        for name in range(8)  # some of their names sort first, some last
    ]
    filled(store, range(4), range(4, 9))
    for path in strays:
        shutil.copy(path, store.directory)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is not read")
        assert read(store, range(9)) == rows_of(range(9)).tolist()
        assert read(store, [8, 99]) == [rows_of([8])[0].tolist(), None]
    assert len(own_files(store.directory, ENDING)) == 10


def test_a_folder_that_was_renamed_is_not_read_and_named(store, tmp_path):
    filled(store, range(4))
    other = Store(tmp_path / f"net-stage1-64px-{1:020x}", PROBE)
    store.directory.rename(other.directory)
    with pytest.warns(UserWarning, match=f"activations of {store.directory.name} and is not read"):
        assert read(other, range(4)) == [None] * 4
    other.directory.rename(store.directory)
    assert read(store, range(4)) == rows_of(range(4)).tolist()


def test_differences_of_rounding_are_the_same_network(store):
    filled(store, range(4))
    again = Store(store.directory, PROBE * (1 + 1e-6))
    assert read(again, range(4)) == rows_of(range(4)).tolist()


def as_shard(path, header):
    """Write a file that is named as a shard of its bytes is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(32 + 12 + 12)
    path.write_bytes(data)
    return path.rename(path.with_name(f"shard-{hashlib.sha256(data).hexdigest()[:32]}{ENDING}"))


GOOD = {
    "__metadata__": {"folder": "net"},
    "probe": {"dtype": "F32", "shape": [1, 3], "data_offsets": [0, 12]},
    "rows": {"dtype": "F32", "shape": [1, 3], "data_offsets": [12, 24]},
    "keys": {"dtype": "U8", "shape": [1, 32], "data_offsets": [24, 56]},
}


def test_headers_are_read_and_not_believed(tmp_path):
    def changed(name, **entry):
        return GOOD | {name: GOOD[name] | entry}

    assert Shard(as_shard(tmp_path / "x", GOOD)).shape == (1, 3)
    bad = [
        b"",
        b"null",
        b"[" * 4000,
        b'{"a":' * 800,
        b"\xff" * 20,
        {},
        GOOD | {"__metadata__": None},
        GOOD | {"__metadata__": {"folder": 1}},
        GOOD | {"__metadata__": {"folder": ["net"]}},
        GOOD | {"rows": []},
        changed("rows", shape=[True, 3]),
        changed("rows", shape=[1.0, 3]),
        changed("rows", shape="13"),
        changed("rows", shape=[]),
        changed("rows", shape=3),
        changed("rows", shape=[-1, -3]),
        changed("rows", shape=[10**30, 10**30]),
        changed("rows", dtype="U8", shape=[1, 12]),
        changed("rows", dtype="F64"),
        changed("rows", dtype=["F32"]),
        changed("rows", data_offsets=[True, 12]),
        changed("rows", data_offsets=[12.0, 24.0]),
        changed("rows", data_offsets=[11, 23]),
        changed("rows", data_offsets=None),
        changed("keys", shape=[32]),
        changed("keys", shape=[True, 32]),
        changed("probe", dtype="U8", shape=[1, 12]),
        changed("rows", shape=[0, 3], data_offsets=[12, 12]),
    ]
    for header in bad:
        with pytest.raises(ValueError):
            Shard(as_shard(tmp_path / "x", header))


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
        "from tlcourse.base.files import temporary_name\n"
        "path = Path(sys.argv[1], temporary_name('.tmp')); path.touch(); print(path, flush=True)\n"
        "sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, store.directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    path = store.directory / process.stdout.readline().strip()
    remove_debris(store.directory)
    assert path.exists()
    process.kill()
    process.communicate()
    remove_debris(store.directory)
    assert not path.exists()
    foreign = store.directory / ".another-machine-1-0123456789ab.tmp"
    foreign.touch()
    remove_debris(store.directory)
    assert foreign.exists(), "a process on another machine may be writing it"
    os.utime(foreign, (time.time() - 7200,) * 2)
    remove_debris(store.directory)
    assert not foreign.exists()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="could not be written"):
        filled(Store(tmp_path / "file" / "cache", PROBE), range(3))


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
        store = Store(tmp_path / folder_name(meaning), np.zeros((1, 1000)))
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
    assert housekeeping.list_caches(three / "nowhere") == []


def test_verify_names_damage_and_repairs_it(three):
    (shard,) = folder(three, "neta").glob("shard-*")
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    manifest = folder(three, "netb") / "manifest.json"
    manifest.write_bytes((folder(three, "netc") / "manifest.json").read_bytes())
    found = {e.name[:4]: e.problems for e in cache_commands.verify_cache(three)}
    assert found["netc"] == ()
    assert "manifest" in found["netb"][0] and shard.name in found["neta"][0]
    assert shard.exists() and manifest.exists()
    cache_commands.verify_cache(three, repair=True)
    assert not shard.exists() and not manifest.exists()
    assert not any(entry.problems for entry in cache_commands.verify_cache(three))


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2]", "{}", '{"rows": []}', '{"rows": {"network": 1}}', '{"rows": ' + "[" * 100_000],
    ids=lambda text: text[:24],
)
def test_verify_names_a_manifest_that_is_none(three, text):
    manifest = folder(three, "neta") / "manifest.json"
    manifest.write_text(text, encoding="utf-8")
    (found,) = [entry for entry in cache_commands.verify_cache(three) if entry.problems]
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
    found = {e.name[:4]: e.problems for e in cache_commands.verify_cache(three, repair=True)}
    assert found["neta"] == () and left.name in found["netb"][0]
    assert written.exists() and not left.exists()


@posix_only
def test_verify_removes_nothing_that_it_cannot_read(three):
    (shard,) = folder(three, "netb").glob("shard-*")
    manifest = folder(three, "neta") / "manifest.json"
    for path in (shard, manifest):
        unreadable(path)
        with pytest.raises(CacheError, match=f"{path.name} could not be read.*symbolic links"):
            cache_commands.verify_cache(three, repair=True)
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
        cache_commands.clear_cache(["neta", "netx"], cache_dir=three)
    assert len(housekeeping.list_caches(three)) == 3
    assert names(cache_commands.clear_cache(["neta"], cache_dir=three)) == ["neta"]
    cache_commands.clear_cache(["netb", "netc"], cache_dir=three)
    assert all(path.exists() for path in mine) and (three / "holiday.txt").exists()


def test_what_a_build_writes_that_begins_meanwhile_is_not_cleared(store, monkeypatch):
    filled(store, range(4))
    writers, begun = housekeeping.writers, []

    def begins_after_the_look(directory):
        found = writers(directory)
        lease = directory / temporary_name(".tmp")
        lease.touch()
        begun.extend([lease, store.add(keys_of([9]), rows_of([9]))])
        return found

    monkeypatch.setattr(housekeeping, "writers", begins_after_the_look)
    assert "could not be removed" in housekeeping.remove(store.directory)
    assert all(path.exists() for path in begun)
    assert len(own_files(store.directory, ENDING)) == 1


def test_a_build_says_that_it_is_in_use_though_the_folder_goes_at_first(store, monkeypatch):
    touch, goes = Path.touch, iter([True, True, False])

    def touch_after_the_folder_went(path, *options):
        if next(goes, False):
            path.parent.rmdir()
        touch(path, *options)

    monkeypatch.setattr(Path, "touch", touch_after_the_folder_went)
    with store.in_use():
        assert len(files.writers(store.directory)) == 1


def test_what_a_living_process_builds_is_not_cleared(three):
    directory = folder(three, "neta")
    store = Store(directory, np.zeros((1, 1000)))
    with store.in_use():
        files = set(directory.iterdir())
        with pytest.raises(CacheError, match="2 of 3 could be removed.*\n.*a program that runs"):
            cache_commands.clear_cache(cache_dir=three)
        assert set(directory.iterdir()) == files
    assert len(cache_commands.clear_cache(cache_dir=three)) == 1


def test_room_is_made_elsewhere_than_where_a_process_builds(three, monkeypatch):
    monkeypatch.setenv("TLCOURSE_CACHE_GB", "0.004")
    with Store(folder(three, "netb"), np.zeros((1, 1000))).in_use():
        housekeeping.make_room(three, 1_000_000, [])
        assert names(housekeeping.list_caches(three)) == ["netb", "neta"]


def test_a_shard_is_written_although_its_folder_goes_meanwhile(store, monkeypatch):
    replace, times = os.replace, []

    def late(source, target):
        times.append(target)
        if len(times) < 3:
            shutil.rmtree(store.directory)
        replace(source, target)

    monkeypatch.setattr("os.replace", late)
    filled(store, range(3))
    assert read(store, [2]) == [[20, 21, 22]]


def test_nothing_is_left_where_nothing_was_built(store):
    with store.in_use():
        assert store.directory.exists()
    assert not store.directory.exists()


def test_a_folder_that_cannot_be_written_is_used_without_a_sign(store):
    store.directory.parent.joinpath("file").touch()
    with Store(store.directory.parent / "file" / "net", PROBE).in_use():
        pass


def test_clear_takes_the_clutter_of_file_managers_too(three):
    for name in (".DS_Store", "Thumbs.db"):
        (folder(three, "neta") / name).touch()
    assert len(cache_commands.clear_cache(cache_dir=three)) == 3
    assert list(three.iterdir()) == []


def test_clear_leaves_files_of_others_names_them_and_goes_on(three):
    mine = folder(three, "netb") / "notes.txt"
    mine.touch()
    with pytest.raises(CacheError, match=r"2 of 3 could be removed.*\n.*netb.*: notes\.txt\. Move"):
        cache_commands.clear_cache(cache_dir=three)
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
