"""Downloads from a server on this machine: cut off, wrong, unsafe, silent, offline."""

import functools
import hashlib
import http.server
import io
import os
import socket
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
from tlcourse.data.fetch import DownloadError


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; cuts the connection after ``server.cuts`` bytes, once each."""

    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.cuts.pop(0)] if server.cuts else content)

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests, server.cuts = {}, [], []
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
        packed.writestr("../../outside.txt", "unpacked where it asks to be, it were outside")
        for folder, amount in amounts.items():
            for i in range(amount):
                packed.writestr(f"hymenoptera_data/{folder}/{i}.jpg", picture(number))
                number += 1
    server.files["/hymenoptera_data.zip"] = made.getvalue()
    monkeypatch.setenv("TLCOURSE_SHARED", "nowhere")
    monkeypatch.setattr(downloads, "ANTS_BEES_URL", f"{server.url}/hymenoptera_data.zip")
    monkeypatch.setattr(downloads, "ANTS_BEES_MD5", hashlib.md5(made.getvalue()).hexdigest())
    monkeypatch.setattr(downloads, "ANTS_BEES_COUNTS", amounts)
    return server


def test_ants_and_bees_are_fetched_once(ants_and_bees, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "a" / "data"))
    data = load_dataset("ants_bees", train_per_class=2)
    assert data.name == "ants_bees" and data.classes == ("ants", "bees")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4, 2, 5]
    assert "val folder of the archive serves as the test" in data.describe()
    assert data.test.path(0).is_relative_to(tmp_path / "a" / "data" / "ants_bees" / "val")
    assert [path.name for path in (tmp_path / "a" / "data").iterdir()] == ["ants_bees"]
    assert not list(tmp_path.rglob("outside.txt"))
    ants_and_bees.files.clear()  # from here on without the web
    again = load_dataset("ants_bees", train_per_class=2)
    assert again.train.digests() == data.train.digests()


@pytest.mark.parametrize("came", ["cut", "another page"])
def test_what_came_damaged_is_fetched_again(ants_and_bees, tmp_path, came):
    good = ants_and_bees.files["/hymenoptera_data.zip"]
    if came == "cut":
        ants_and_bees.cuts = [1000] * 9
    else:
        ants_and_bees.files["/hymenoptera_data.zip"] = b"<html>Please log in</html>"
    with pytest.raises(DownloadError, match="ants_bees cannot be fetched") as caught:
        load_dataset("ants_bees", root=tmp_path)
    assert isinstance(caught.value, CourseError)
    assert not (tmp_path / "ants_bees").exists()
    ants_and_bees.files["/hymenoptera_data.zip"] = good
    ants_and_bees.cuts.clear()
    assert len(load_dataset("ants_bees", root=tmp_path).test) == 5


def test_an_archive_that_came_whole_before_is_used(ants_and_bees, tmp_path):
    """The run before ended while it unpacked."""
    begun = tmp_path / ".ants_bees.part"
    (begun / "hymenoptera_data" / "train" / "ants").mkdir(parents=True)
    content = ants_and_bees.files.pop("/hymenoptera_data.zip")
    (begun / "hymenoptera_data.zip").write_bytes(content)
    assert len(load_dataset("ants_bees", root=tmp_path).test) == 5
    assert not ants_and_bees.requests


def test_pictures_that_went_missing_are_noticed(ants_and_bees, tmp_path):
    load_dataset("ants_bees", root=tmp_path)
    (tmp_path / "ants_bees" / "train" / "bees" / "3.jpg").unlink()
    with pytest.raises(DownloadError, match="bees has 4 pictures of 5; delete"):
        load_dataset("ants_bees", root=tmp_path)


def test_without_a_network_it_is_said_in_seconds(ants_and_bees, tmp_path):
    ants_and_bees.shutdown()
    ants_and_bees.server_close()
    start = time.monotonic()
    with pytest.raises(DownloadError, match="check the connection.*copy .*ants_bees"):
        load_dataset("ants_bees", root=tmp_path)
    assert time.monotonic() - start < 5
    assert not (tmp_path / "ants_bees").exists()


def test_a_silent_server_is_given_up(ants_and_bees, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/f.zip"
        monkeypatch.setattr(downloads, "ANTS_BEES_URL", url)
        with pytest.raises(DownloadError, match="timed out"):
            load_dataset("ants_bees", root=tmp_path)


def test_two_that_begin_at_once_fetch_it_once(ants_and_bees, tmp_path):
    sizes = []

    def load():
        sizes.append(len(load_dataset("ants_bees", root=tmp_path).test))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # torchvision asks twice: the first time for where it may be led to
    assert sizes == [5, 5, 5] and len(ants_and_bees.requests) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["ants_bees"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk_is_not_taken_for_a_bad_connection(ants_and_bees, tmp_path):
    begun = tmp_path / ".ants_bees.part"
    begun.mkdir()
    (begun / "hymenoptera_data.zip").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="cannot be put into .*No space left.*make room"):
        load_dataset("ants_bees", root=tmp_path)


def test_a_folder_of_data_that_cannot_be_made_is_named(ants_and_bees, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be put into .*file.*TLCOURSE_DATA"):
        load_dataset("ants_bees", root=tmp_path / "file")


def test_a_damaged_tar_is_not_taken_for_a_bad_connection(oxford, tmp_path, monkeypatch):
    from torchvision.datasets import OxfordIIITPet

    oxford.files["/images.tar.gz"] = bad = b"no archive"
    (url, _), annotations = OxfordIIITPet._RESOURCES
    named = ((url, hashlib.md5(bad).hexdigest()), annotations)
    monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", named)
    with pytest.raises(DownloadError, match="damaged archive"):
        load_dataset("oxford_pets", root=tmp_path)


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
    assert not any("images" in path for path in oxford.requests[asked:])  # kept from before


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
