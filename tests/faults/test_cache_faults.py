"""What may happen to a cache while it is built or read.

After each: a correct result or a clear error, finished shards used again, and no debris.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import tlcourse as tl
from tlcourse.app.cache_commands import clear_cache

pytestmark = pytest.mark.slow
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")


def debris(directory):
    """Names of files that do not belong into a finished folder of activations."""
    return [
        path.name
        for path in Path(directory).iterdir()
        if not (path.name.startswith("shard-") or path.name in ("manifest.json", "last-used"))
    ]


@pytest.fixture(scope="session")
def whole(photo_folder, tmp_path_factory):
    """What a build that nothing happened to gives."""
    from tlcourse.activations.cache import cache_activations

    images = tl.load_dataset(photo_folder, size=32).train
    cache = tmp_path_factory.mktemp("undisturbed")
    rows = cache_activations(tl.load_backbone(), images, "stem", cache_dir=cache, progress=False)
    return rows.numpy()


@posix_only
def test_killed_at_fifty_random_moments(run_build):
    result = run_build("--kill", 50)
    whole, killed = result["whole"], result["killed"]
    assert len(killed) == 50
    for run in killed:
        assert run["sum"] == whole["sum"]
        assert run["kept"] == 20 * run["finished"], "each finished shard is whole"
        assert run["computed"] == whole["rows"] - run["kept"], "and each is used again"
        assert run["debris"] == []
    kept = [run["kept"] for run in killed]
    # On a busy machine a build's pace varies, and fewer of the moments fall into its middle.
    assert sum(0 < count < whole["rows"] for count in kept) >= 5, f"killed half-way: {kept}"


@posix_only
def test_one_of_two_builds_is_interrupted_at_random_moments(run_build):
    result = run_build("--interrupt", 30)
    whole, runs = result["whole"], result["interrupted"]
    for run in runs:
        assert run["second"].get("sum") == whole["sum"], "the other is not disturbed"
        assert run["first"].get("interrupted") or run["first"].get("sum") == whole["sum"]
        assert run["broken"] == run["debris"] == []
        assert run["sum"] == whole["sum"] and run["computed"] == 0, "and nothing is lost"
    stopped = [run["finished"] for run in runs if run["first"].get("interrupted")]
    assert sum(0 < count < whole["rows"] / 20 for count in stopped) >= 5, f"half-way: {stopped}"


@pytest.fixture
def build_here(photo_folder, tmp_path, monkeypatch):
    """The same build in this process; returns activations."""
    from tlcourse.activations import compute as activation_build

    monkeypatch.setattr(activation_build, "rows_per_shard", lambda rows, row_bytes: 20)
    backbone = tl.load_backbone()
    images = tl.load_dataset(photo_folder, size=32).train

    def build():
        return tl.cache_activations(
            backbone, images, "stem", cache_dir=tmp_path / "cache", progress=False
        )

    return build


def test_two_processes_build_the_same(command, run_build):
    pair = [
        subprocess.Popen(list(map(str, command())), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    results = [json.loads(process.communicate(timeout=280)[0].splitlines()[-1]) for process in pair]
    after = run_build()
    assert results[0]["sum"] == results[1]["sum"] == after["sum"]
    assert after["computed"] == 0
    assert debris(after["directory"]) == []


def test_disk_full_half_way(in_a_mount, photo_folder, tmp_path):
    # Room for about half of the 600 rows of 32 floats, in shards of 4 KB, and the manifest.
    build = Path(__file__).with_name("build.py")
    script = f"""
        mount -t tmpfs -o size=72k tmpfs {tmp_path}
        export OMP_NUM_THREADS=1
        "{sys.executable}" "{build}" "{photo_folder}" {tmp_path}
        ls -A {tmp_path}/*/
        mount -o remount,size=1m {tmp_path}
        "{sys.executable}" "{build}" "{photo_folder}" {tmp_path}
        ls -A {tmp_path}/*/
    """
    done = subprocess.run([*in_a_mount, script], capture_output=True, text=True, timeout=280)
    texts = [line for line in done.stdout.splitlines() if line.startswith("{")]
    full, after = map(json.loads, texts)
    assert full["error"] == "CacheFullError"
    assert "no space is left" in full["message"] and "cache_dir" in full["message"]
    between = done.stdout[: done.stdout.index(texts[1])].split()
    kept = [name for name in between if name.startswith("shard-")]
    assert len(kept) >= 5
    assert after["computed"] == after["rows"] - 20 * len(kept)
    assert ".tmp" not in done.stdout


@pytest.mark.parametrize("complete", [True, False])
def test_read_only_folder(in_a_mount, photo_folder, tmp_path, complete):
    build = Path(__file__).with_name("build.py")
    (tmp_path / "cache").mkdir()
    damage = "" if complete else f"rm $(ls {tmp_path}/cache/*/shard-* | head -n 3)"
    script = f"""
        mount -t tmpfs tmpfs {tmp_path}/cache
        export OMP_NUM_THREADS=1
        "{sys.executable}" "{build}" "{photo_folder}" {tmp_path}/cache
        {damage}
        mount -o remount,ro {tmp_path}/cache
        "{sys.executable}" "{build}" "{photo_folder}" {tmp_path}/cache
    """
    done = subprocess.run([*in_a_mount, script], capture_output=True, text=True, timeout=280)
    first, second = map(json.loads, done.stdout.splitlines())
    if complete:
        assert second["sum"] == first["sum"] and second["computed"] == 0
    else:
        assert second["error"] == "CacheReadOnlyError"
        assert "cannot be written" in second["message"] and "cache_dir" in second["message"]


def test_built_whole_while_others_clear_all_they_can(build_here, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("tlcourse.activations.compute.rows_per_shard", lambda rows, row_bytes: 8)
    done = threading.Event()

    def clear():
        while not done.is_set():
            with suppress(tl.CourseError):
                clear_cache(cache_dir=tmp_path / "cache")
            time.sleep(0.005)  # some 200 times a second: on a busy machine the builder has its turn

    with ThreadPoolExecutor() as pool:
        clearing = pool.submit(clear)
        try:
            for _ in range(8):
                assert abs(build_here().numpy() - whole).max() < 1e-5
        finally:
            done.set()
        clearing.result()


@pytest.mark.parametrize("fault", ["bit", "short", "empty", "gone"])
def test_a_damaged_shard_is_computed_again(build_here, whole, recwarn, fault):
    before = build_here()
    shard = sorted(before.directory.glob("shard-*"))[3]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 16
    size = {"bit": len(data), "short": len(data) - 1, "empty": 0}.get(fault)
    shard.unlink()
    if size is not None:
        shard.write_bytes(data[:size])
    after = build_here()
    assert abs(after.numpy() - whole).max() < 1e-5
    assert after.computed == 20
    named = [str(warning.message) for warning in recwarn if shard.name in str(warning.message)]
    assert len(named) == (fault != "gone")
    assert debris(after.directory) == []


@pytest.mark.parametrize("text", [None, "", '{"format": 1, "ro'])
def test_the_manifest_is_lost_or_cut_short(build_here, whole, text):
    manifest = build_here().directory / "manifest.json"
    good = manifest.read_text(encoding="utf-8")
    manifest.unlink()
    if text is not None:
        manifest.write_text(text, encoding="utf-8")
    after = build_here()
    assert abs(after.numpy() - whole).max() < 1e-5
    assert after.computed == 0
    assert manifest.read_text(encoding="utf-8") == good


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a file that is in use")
def test_all_is_removed_while_it_is_in_use(build_here, whole):
    rows = build_here()
    for path in rows.directory.iterdir():
        path.unlink()
    rows.directory.rmdir()
    assert abs(rows.numpy() - whole).max() < 1e-5, "what is mapped stays readable"
    assert build_here().computed == 600


def test_a_picture_changes_between_building_and_reading(photo_folder, whole, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(photo_folder, folder)
    backbone = tl.load_backbone()
    images = tl.load_dataset(folder, size=32).train

    def read():
        return tl.cache_activations(backbone, images, "stem", cache_dir=tmp_path, progress=False)

    assert read().computed == 600
    changed = [images.path(i) for i in (3, 400)]
    stamps = [path.stat() for path in changed]
    shutil.copy(images.path(7), changed[0])
    changed[1].write_bytes(changed[1].read_bytes() + b"\0")
    for path, stamp in zip(changed, stamps, strict=True):
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    again = read()
    assert again.computed == 1, "one is now the copy of a picture that is known"
    expected = whole.copy()
    expected[3] = expected[7]
    assert abs(again.numpy() - expected).max() < 1e-5


def test_a_picture_changes_while_it_is_built(photo_folder, whole, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(photo_folder, folder)
    images = tl.load_dataset(folder, size=32).train
    late = images.path(599)

    class Changing(type(images)):
        """Changes the last picture once, after the second half of the build began."""

        def load(self, i, **options):
            if i == 500:
                shutil.copy(self.path(0), late)
            return super().load(i, **options)

    changing = Changing(images.classes, images.labels, images.source, images.rows, image_size=32)
    rows = tl.cache_activations(
        tl.load_backbone(), changing, "stem", cache_dir=tmp_path, progress=False
    ).numpy()
    assert abs(rows[599] - whole[0]).max() < 1e-5
    assert abs(rows[:599] - whole[:599]).max() < 1e-5


def test_a_picture_that_cannot_be_read_loses_nothing_finished(photo_folder, tmp_path):
    folder = tmp_path / "pictures"
    shutil.copytree(photo_folder, folder)
    images = tl.load_dataset(folder, size=32).train
    good = images.path(599).read_bytes()
    images.path(599).write_bytes(good[: len(good) // 2])
    backbone = tl.load_backbone()
    with pytest.raises(tl.CourseError, match=images.path(599).name):
        tl.cache_activations(backbone, images, "stem", cache_dir=tmp_path, progress=False)
    images.path(599).write_bytes(good)
    rows = tl.cache_activations(backbone, images, "stem", cache_dir=tmp_path, progress=False)
    assert rows.computed <= 60
    assert debris(rows.directory) == []
