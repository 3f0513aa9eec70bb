"""Downloads from a server on this machine: cut off, continued, wrong, unsafe, offline."""

import functools
import hashlib
import http.server
import io
import shutil
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from tlcourse.base.errors import CourseError
from tlcourse.data import fetch as downloads
from tlcourse.data.catalog import load_dataset
from tlcourse.data.fetch import DownloadError, extract_zip, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; cuts the connection after ``server.cuts`` bytes, once each."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        start, wanted = 0, self.headers.get("Range")
        if wanted and server.ranges and self.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if server.ranges:
            self.send_header("ETag", etag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        length = len(content) - start if server.length is None else server.length
        self.send_header("Content-Length", str(length))
        self.close_connection = server.length is not None
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(content)
        self.wfile.write(content[start:end])
        if end < len(content):
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests, server.cuts, server.ranges = {"/f.bin": CONTENT}, [], [], True
    server.length = None
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=functools.partial(server.serve_forever, 0.02), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def left_over(folder, *kept):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name not in kept)


def test_a_download_arrives_whole(server, tmp_path):
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert left_over(tmp_path, "f.bin", "f.bin.sha256") == []


@pytest.mark.parametrize("length", ["", "many", "-1", "1e5", "3,000", "²"])
def test_a_length_that_is_no_number_is_passed_over(server, tmp_path, length):
    server.length = length
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_cut_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.cuts = [100_000, 50_000]
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert [r for _, r in server.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_after_too_many_cuts_the_next_run_continues(server, tmp_path):
    server.cuts = [40_000] * 3
    with pytest.raises(DownloadError, match="120000 bytes are kept"):
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert not (tmp_path / "f.bin").exists()
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=120000-"


@pytest.mark.parametrize("stamp", ["", "null", "[]", '"a\\nb: c"', "[" * 100_000, "\udcff"])
def test_a_stamp_that_is_damaged_means_a_new_start(server, tmp_path, stamp):
    server.cuts = [40_000] * 3
    with pytest.raises(DownloadError):
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    (left,) = [path for path in tmp_path.iterdir() if path.stat().st_size < 1000]
    left.write_text(stamp, encoding="utf-8", errors="surrogateescape")
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert left_over(tmp_path, "f.bin", "f.bin.sha256") == []


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(server, tmp_path, monkeypatch):
    server.cuts = [40_000]
    with monkeypatch.context() as once, pytest.raises(DownloadError):
        once.setattr(downloads, "ATTEMPTS", 1)
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    server.files["/f.bin"] = CONTENT[::-1]
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT[::-1]


def test_a_server_that_cannot_continue_starts_again(server, tmp_path):
    server.ranges, server.cuts = False, [40_000]
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert [r for _, r in server.requests] == [None, None]


def test_a_part_that_is_already_whole(server, tmp_path, monkeypatch):
    """The run before ended between the last byte and the move."""
    server.cuts = [40_000]
    with monkeypatch.context() as once, pytest.raises(DownloadError):
        once.setattr(downloads, "ATTEMPTS", 1)
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    (tmp_path / "f.bin.part").write_bytes(CONTENT)
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_deleted(server, tmp_path):
    (tmp_path / "f.bin.sha256").write_text("0" * 64, encoding="ascii")
    with pytest.raises(DownloadError, match="SHA-256") as caught:
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert isinstance(caught.value, CourseError)
    assert not (tmp_path / "f.bin").exists() and not (tmp_path / "f.bin.part").exists()


def test_the_hash_of_the_first_download_is_kept_to(server, tmp_path):
    fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    pin = (tmp_path / "f.bin.sha256").read_text(encoding="ascii")
    assert pin.strip() == hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / "f.bin").unlink()
    server.files["/f.bin"] = CONTENT + b"more"
    with pytest.raises(DownloadError, match="of the first download"):
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert not (tmp_path / "f.bin").exists()


def test_a_missing_file(server, tmp_path):
    with pytest.raises(DownloadError, match="404.*put it at"):
        fetch(f"{server.url}/none", tmp_path / "none")


def test_no_connection_is_said_in_seconds(tmp_path, server):
    server.shutdown()
    server.server_close()
    start = time.monotonic()
    with pytest.raises(DownloadError, match="cannot be fetched.*connection.*put it at"):
        fetch(f"{server.url}/f.bin", tmp_path / "f.bin")
    assert time.monotonic() - start < 5
    assert left_over(tmp_path) == []


def test_a_silent_server_is_given_up(tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(downloads, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/f"
        with pytest.raises(DownloadError, match="timed out"):
            fetch(url, tmp_path / "f")


# Archives


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def test_an_archive_is_unpacked_without_its_top_folder(tmp_path):
    made = archive(
        tmp_path / "a.zip", {"top/x/1.txt": "one", "top/2.txt": "two", "__MACOSX/top/._2.txt": ""}
    )
    extract_zip(made, tmp_path / "out")
    assert (tmp_path / "out" / "x" / "1.txt").read_text() == "one"
    assert left_over(tmp_path, "a.zip") == ["1.txt", "2.txt"]


LINK = zipfile.ZipInfo("top/link")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    "member",
    ["../evil.txt", "/evil.txt", "top/../../evil.txt", "..\\evil.txt", "C:/evil.txt", LINK],
)
def test_nothing_is_written_outside(tmp_path, member):
    inside = tmp_path / "data"
    inside.mkdir()
    made = archive(inside / "a.zip", {"top/good.txt": "good", member: "../../evil"})
    with pytest.raises(DownloadError, match="outside its folder"):
        extract_zip(made, inside / "out")
    assert left_over(tmp_path) == ["a.zip"] and [p.name for p in inside.iterdir()] == ["a.zip"]


def test_a_damaged_archive_leaves_nothing_behind(tmp_path):
    made = archive(tmp_path / "a.zip", {"1.txt": "x" * 5000, "2.bin": CONTENT})
    data = bytearray(made.read_bytes())
    data[len(data) // 2] ^= 255
    made.write_bytes(data)
    with pytest.raises(DownloadError, match="damaged.*delete it"):
        extract_zip(made, tmp_path / "out")
    made.write_bytes(data[:1000])
    with pytest.raises(DownloadError, match="damaged"):
        extract_zip(made, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_damage_anywhere_is_explained(tmp_path):
    whole = archive(tmp_path / "a.zip", {"1.txt": "abc" * 200, "ü.txt": "x" * 99}).read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        (tmp_path / "a.zip").write_bytes(damaged)
        try:
            extract_zip(tmp_path / "a.zip", tmp_path / "out")
        except DownloadError as error:
            assert "delete" in str(error)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_folder_that_cannot_be_made_is_no_damage(tmp_path):
    made = archive(tmp_path / "a.zip", {"top/1.txt": "one"})
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(DownloadError, match="cannot be unpacked to .*out"):
        extract_zip(made, tmp_path / "out")
    assert left_over(tmp_path) == ["a.zip", "out"]


def test_what_came_damaged_can_be_deleted_and_fetched_again(ants_and_bees, tmp_path):
    good = ants_and_bees.files["/hymenoptera_data.zip"]
    ants_and_bees.files["/hymenoptera_data.zip"] = b"<html>Please log in</html>"
    with pytest.raises(DownloadError, match=r"delete it, and hymenoptera_data\.zip\.sha256"):
        load_dataset("ants_bees", root=tmp_path)
    ants_and_bees.files["/hymenoptera_data.zip"] = good
    (tmp_path / "archives" / "hymenoptera_data.zip").unlink()
    (tmp_path / "archives" / "hymenoptera_data.zip.sha256").unlink()
    assert len(load_dataset("ants_bees", root=tmp_path).test) == 5


def test_an_archive_that_swells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_UNPACKED", 10_000)
    made = archive(tmp_path / "a.zip", {"1.txt": b"0" * 20_000})
    with pytest.raises(DownloadError, match="more than 10000 bytes"):
        extract_zip(made, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


# Data sets


def picture(number, kind="JPEG"):
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, kind)
    return made.getvalue()


@pytest.fixture
def ants_and_bees(server, monkeypatch):
    """A server with an archive like the real one, but small."""
    amounts = {"train/ants": 6, "train/bees": 5, "val/ants": 3, "val/bees": 2}
    made, number = io.BytesIO(), 0
    with zipfile.ZipFile(made, "w") as packed:
        for folder, amount in amounts.items():
            for i in range(amount):
                packed.writestr(f"hymenoptera_data/{folder}/{i}.jpg", picture(number))
                number += 1
    server.files["/hymenoptera_data.zip"] = made.getvalue()
    monkeypatch.setenv("TLCOURSE_SHARED", "nowhere")
    monkeypatch.setattr(downloads, "ANTS_BEES_URL", f"{server.url}/hymenoptera_data.zip")
    monkeypatch.setattr(downloads, "ANTS_BEES_COUNTS", amounts)
    return server


def test_ants_and_bees_are_fetched_once(ants_and_bees, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "data"))
    ants_and_bees.cuts = [1000]
    data = load_dataset("ants_bees", train_per_class=2)
    assert data.name == "ants_bees" and data.classes == ("ants", "bees")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 2, 5]
    assert "val folder of the archive serves as the test" in data.describe()
    assert data.test.path(0).is_relative_to(tmp_path / "data" / "ants_bees" / "val")
    asked = len(ants_and_bees.requests)
    ants_and_bees.files.clear()  # from here on without the web
    again = load_dataset("ants_bees", train_per_class=2)
    assert again.train.digests() == data.train.digests()
    shutil.rmtree(tmp_path / "data" / "ants_bees")  # unpacked again from the archive
    assert load_dataset("ants_bees", train_per_class=2).train.digests() == data.train.digests()
    assert len(ants_and_bees.requests) == asked


def test_an_archive_brought_by_hand_is_used(ants_and_bees, tmp_path):
    (tmp_path / "archives").mkdir()
    content = ants_and_bees.files.pop("/hymenoptera_data.zip")
    (tmp_path / "archives" / "hymenoptera_data.zip").write_bytes(content)
    assert len(load_dataset("ants_bees", root=tmp_path).test) == 5
    assert not ants_and_bees.requests


def test_pictures_that_went_missing_are_noticed(ants_and_bees, tmp_path):
    load_dataset("ants_bees", root=tmp_path)
    (tmp_path / "ants_bees" / "train" / "bees" / "3.jpg").unlink()
    with pytest.raises(DownloadError, match="bees has 4 pictures of 5; delete"):
        load_dataset("ants_bees", root=tmp_path)


def test_ants_and_bees_without_a_network(ants_and_bees, tmp_path):
    ants_and_bees.shutdown()
    ants_and_bees.server_close()
    with pytest.raises(DownloadError, match="put it at .*hymenoptera_data.zip"):
        load_dataset("ants_bees", root=tmp_path)
    assert not (tmp_path / "ants_bees").exists()


def tar(members):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture
def oxford(server, monkeypatch):
    """torchvision's own download, from a server with archives like the real ones, but small."""
    from torchvision.datasets import OxfordIIITPet

    names = [f"{breed}_{i}" for breed in ("Bengal", "pug_dog") for i in range(10)]
    listing = "".join(f"{name} {1 + i // 10} 1 1\n" for i, name in enumerate(names))
    lines = listing.splitlines(keepends=True)
    trained, tested = "".join(lines[::2]), "".join(lines[1::2])
    archives = {
        "/images.tar.gz": {f"images/{name}.jpg": picture(i) for i, name in enumerate(names)},
        "/annotations.tar.gz": {
            "annotations/trainval.txt": trained.encode(),
            "annotations/test.txt": tested.encode(),
        },
    }
    resources = []
    for path, members in archives.items():
        server.files[path] = tar(members)
        resources.append((server.url + path, hashlib.md5(server.files[path]).hexdigest()))
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", tuple(resources))
    return server


def test_oxford_pets(oxford, tmp_path):
    data = load_dataset("oxford_pets", root=tmp_path)
    assert data.name == "oxford_pets" and data.classes == ("Bengal", "pug_dog")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [8, 2, 10]
    assert not list(tmp_path.rglob("*.tar.gz"))
    oxford.files.clear()
    assert load_dataset("oxford_pets", root=tmp_path).test.digests() == data.test.digests()


def test_oxford_pets_with_wrong_bytes(oxford, tmp_path):
    good = oxford.files["/annotations.tar.gz"]
    oxford.files["/annotations.tar.gz"] = good[:-10]
    with pytest.raises(DownloadError, match="cannot be fetched from https://www.robots"):
        load_dataset("oxford_pets", root=tmp_path)
    assert not (tmp_path / "oxford_pets").exists()
    oxford.files["/annotations.tar.gz"] = good
    asked = len(oxford.requests)
    assert len(load_dataset("oxford_pets", root=tmp_path).test) == 10
    assert not any("images" in path for path, _ in oxford.requests[asked:])  # kept from before


def test_half_unpacked_folders_are_not_taken_for_whole(oxford, tmp_path):
    """torchvision alone would take these two folders for the data set."""
    for name in ("images", "annotations"):
        (tmp_path / ".oxford_pets.part" / "oxford-iiit-pet" / name).mkdir(parents=True)
    assert len(load_dataset("oxford_pets", root=tmp_path).test) == 10


def test_eurosat(server, tmp_path, monkeypatch):
    from torchvision.datasets import eurosat

    members = {
        f"2750/{c}/{c}_{i}.jpg": picture(10 * len(c) + i)
        for c in ("Sea", "Forest")
        for i in range(5)
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    server.files["/EuroSAT.zip"] = made.getvalue()
    real = eurosat.download_and_extract_archive
    md5 = hashlib.md5(made.getvalue()).hexdigest()

    def from_here(url, download_root, md5_of_real=None, **_):
        real(f"{server.url}/EuroSAT.zip", download_root, md5=md5)

    monkeypatch.setattr(eurosat, "download_and_extract_archive", from_here)
    data = load_dataset("eurosat", root=tmp_path, train_per_class=2)
    assert data.name == "eurosat" and data.classes == ("Forest", "Sea")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 2, 2]
    server.files.clear()
    assert load_dataset("eurosat", root=tmp_path).test.digests() == data.test.digests()
