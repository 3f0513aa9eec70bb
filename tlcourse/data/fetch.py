"""Fetch data sets once, by torchvision, check them, and find them again without a network.

Whatever is interrupted, a data set is there as a whole or not at all: files are written beside
their place and moved there when they are complete. Proxies are taken from the environment
(``HTTPS_PROXY``, ``NO_PROXY``).
"""

import gzip
import http.client
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..base.errors import CourseError
from ..base.files import NO_SPACE, socket_timeout, unlink
from ..base.paths import shown
from .find import find_photos
from .layout import scan
from .photo_checks import Photo, Records

ANTS_BEES_URL = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"
ANTS_BEES_MD5 = "5f8c32a6554f6acb4d649776e7735e48"
ANTS_BEES_COUNTS = {"train/ants": 124, "train/bees": 121, "val/ants": 70, "val/bees": 83}
"""Picture files in the archive. One of train/ants is a web site's 'image not found' notice."""

TIMEOUT_S = 10
"""Seconds that a server may keep silent."""

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


class DownloadError(CourseError, OSError):
    """A data set that could not be fetched, or that is not what it should be."""


def records(name: str, root: str | Path) -> Records:
    """Return the picture files of a data set that is downloaded on first use.

    Parameters
    ----------
    name : {"ants_bees", "oxford_pets", "eurosat"}
    root
        Folder of the data; the data set lies, or is put, in ``root / name``.

    Raises
    ------
    DownloadError
        Saying what to do: there is no network, what came is damaged, or there is no place for it.
    """
    from filelock import FileLock

    folder, (get, read) = Path(root) / name, _SETS[name]
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # One process at a time: two would delete what the other unpacks.
            with FileLock(folder.with_name(f".{name}.lock")) as lock:
                if not folder.is_dir():
                    get(folder)
                unlink(Path(lock.lock_file))  # whoever waits for it finds the data set
        except (OSError, NotImplementedError) as error:  # NotImplemented…: a drive without locks
            if isinstance(error, CourseError):
                raise
            raise DownloadError(
                f"{name} cannot be put into {shown(folder.parent)} ({error}); make room, or name "
                "another folder of data with TLCOURSE_DATA"
            ) from error
    return read(folder)


def _by_torchvision(kind: str, page: str, folder: Path) -> None:
    from torchvision import datasets

    with _staged(folder, page) as staging:
        getattr(datasets, kind)(staging, download=True)


def _fetch_ants_bees(folder: Path) -> None:
    from torchvision.datasets.utils import download_and_extract_archive

    with _staged(folder, ANTS_BEES_URL, "hymenoptera_data") as staging:
        download_and_extract_archive(ANTS_BEES_URL, str(staging), md5=ANTS_BEES_MD5)


def _read_ants_bees(folder: Path) -> Records:
    for below, expected in ANTS_BEES_COUNTS.items():
        there = len(find_photos(folder / below)[0])
        if there < expected:
            raise DownloadError(
                f"{folder / below} has {there} pictures of {expected}; delete {folder} to have it "
                "fetched again"
            )
    found = scan(folder)
    # The archive has no third part. Its val pictures are what results are reported on elsewhere.
    found.notes.append("the val folder of the archive serves as the test pictures")
    return found


def _read_oxford_pets(folder: Path) -> Records:
    base = folder / "oxford-iiit-pet"
    photos = []
    for listing, split in (("trainval.txt", "train"), ("test.txt", "test")):
        path = base / "annotations" / listing
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            remedy = f"delete {folder} to have it fetched again"
            raise DownloadError(f"{path} cannot be read ({error.strerror}); {remedy}") from error
        for name in (line.split()[0] for line in lines if line.strip()):
            photos.append(Photo(f"images/{name}.jpg", name.rpartition("_")[0], split))
    return Records("", base, photos)


@contextmanager
def _staged(folder: Path, page: str, inner: str = "") -> Iterator[Path]:
    """Let torchvision download and unpack beside ``folder``, and move it there when complete.

    Where the archive has one folder at its top, `inner` names it. torchvision takes unpacked
    folders for complete ones even where unpacking was interrupted, so those of an earlier try are
    deleted; archives are kept, and it checks their MD5.
    """
    staging = folder.with_name(f".{folder.name}.part")
    if staging.is_dir():
        for unpacked in [path for path in staging.glob("*/*") if path.is_dir()]:
            shutil.rmtree(unpacked)
    staging.mkdir(exist_ok=True)
    try:
        with socket_timeout(TIMEOUT_S):  # torchvision sets none
            yield staging
    except _DAMAGED as error:
        raise DownloadError(f"{staging}: a damaged archive ({error}); delete the folder") from error
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        if getattr(error, "errno", None) in NO_SPACE:
            raise
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"{folder.name} cannot be fetched from {page} ({reason}); check the connection and the "
            f"proxy settings and run this again, or copy {folder} from a machine that has it"
        ) from error
    for archive in [path for path in staging.glob("*/*") if path.is_file()]:
        archive.unlink()
    os.replace(staging / inner, folder)
    shutil.rmtree(staging, ignore_errors=True)


_OXFORD_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat"
_SETS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Records]]] = {
    "ants_bees": (_fetch_ants_bees, _read_ants_bees),
    "oxford_pets": (partial(_by_torchvision, "OxfordIIITPet", _OXFORD_PETS), _read_oxford_pets),
    "eurosat": (
        partial(_by_torchvision, "EuroSAT", _EUROSAT),
        lambda folder: scan(folder / "eurosat" / "2750"),
    ),
}
"""How each is fetched, and read from its folder."""
