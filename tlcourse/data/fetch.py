"""Fetch data sets once, check them, unpack them safely, and find them again without a network.

Whatever is interrupted, a data set is there as a whole or not at all: files are written beside
their place and moved there when they are complete. Proxies are taken from the environment
(``HTTPS_PROXY``, ``NO_PROXY``).
"""

import http.client
import json
import os
import shutil
import socket
import stat
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..base.errors import CourseError
from ..base.files import sha256_of
from ..base.progress import progress_bar
from .find import find_photos
from .layout import scan
from .photo_checks import Photo, Records

ANTS_BEES_URL = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"
ANTS_BEES_COUNTS = {"train/ants": 124, "train/bees": 121, "val/ants": 70, "val/bees": 83}
"""Picture files in the archive. One of train/ants is a web site's 'image not found' notice."""

TIMEOUT_S = 10
"""Seconds that a server may keep silent."""
ATTEMPTS = 3
"""How often a connection that breaks off is taken up again."""
MAX_UNPACKED = 4 * 2**30
"""Bytes that an archive may unpack to."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)


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
        Saying what to do: there is no network, or what came is damaged.
    """
    folder = Path(root) / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _FETCH[name](folder)
    found = _READ[name](folder)
    found.name = name
    return found


def fetch(url: str, target: str | Path) -> None:
    """Download a file; continue where an earlier try was cut off.

    What has come so far is kept beside the target as ``NAME.part``. It is continued only where the
    server vouches (by ETag or date) that the file is still the same; else it starts again. The
    hash of the first download is noted in ``NAME.sha256``, and every later one must have it.

    Parameters
    ----------
    target
        Written only when complete.

    Raises
    ------
    DownloadError
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part, pin = (target.with_name(target.name + end) for end in (".part", ".sha256"))
    remedy = (
        "check the connection and the proxy settings and run this again, or fetch the file on "
        f"another machine and put it at {target}"
    )
    for attempt in range(ATTEMPTS):
        try:
            if _transfer(url, part):
                break
        except urllib.error.HTTPError as error:
            raise DownloadError(
                f"{url}: the server says {error.code} {error.reason}; {remedy}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            # Without a connection at all, more tries only keep the user waiting.
            if attempt + 1 == ATTEMPTS or not part.exists():
                reason = getattr(error, "reason", None) or error
                raise DownloadError(f"{url} cannot be fetched ({reason}); {remedy}") from error
    else:
        kept = part.stat().st_size
        raise DownloadError(
            f"{url}: the connection was cut {ATTEMPTS} times; {kept} bytes are kept and the next "
            f"run continues from there; {remedy}"
        )
    found = sha256_of(part)
    known = pin.read_text(encoding="ascii").strip() if pin.is_file() else found
    if found != known:
        part.unlink()
        raise DownloadError(
            f"{url}: what came has the SHA-256 {found}, not the one of the first download, noted "
            f"in {pin}, {known}; it was deleted; run this again, and if it stays so, do not use "
            "the file"
        )
    pin.write_text(found + "\n", encoding="ascii")
    os.replace(part, target)
    _stamp(part).unlink(missing_ok=True)


def _validator(stamp: Path) -> str | None:
    """What tells whether the file is still the one begun; None where it is not known."""
    try:
        found = json.loads(stamp.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else None


def _transfer(url: str, part: Path) -> bool:
    """Add to ``part`` what is missing; return whether it is now complete."""
    have = part.stat().st_size if part.exists() else 0
    stamp = _stamp(part)
    validator = _validator(stamp) if have else None
    request = urllib.request.Request(url, headers={"User-Agent": "tlcourse"})
    if validator:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is as long as the file, or longer: start again
            raise
        part.unlink()
        return False
    with response:
        continued = response.status == 206
        start = have if continued else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isascii() and length.isdecimal() else None
        if not continued:
            found = response.headers.get("ETag", response.headers.get("Last-Modified"))
            if found and not found.startswith("W/"):
                stamp.write_text(json.dumps(found), encoding="utf-8")
            else:
                stamp.unlink(missing_ok=True)
        bar = progress_bar(total=total, initial=start, what=part.stem, unit="B", unit_scale=True)
        with bar, part.open("ab" if continued else "wb") as file:
            while chunk := response.read(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))
    return total is None or part.stat().st_size == total


def _stamp(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def extract_zip(archive: str | Path, target: str | Path) -> None:
    """Unpack a zip archive into a new folder, whole or not at all.

    A single folder at the top of the archive is left away. Checksums are verified.

    Raises
    ------
    DownloadError
        Where a member would land outside the target, is a link, the archive is damaged, unpacks
        to more than ``MAX_UNPACKED`` bytes or cannot be written. Nothing is left behind then.
    """
    archive, target = Path(archive), Path(target)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if not m.filename.startswith("__MACOSX/")]
            for member in members:
                _refuse_unsafe(archive, member)
            if sum(member.file_size for member in members) > MAX_UNPACKED:
                raise DownloadError(
                    f"{archive} unpacks to more than {MAX_UNPACKED} bytes; delete it"
                )
            for member in progress_bar(members, what=f"unpacking {archive.name}", unit="file"):
                packed.extract(member, staging)
        inside = list(staging.iterdir())
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else staging
        top.chmod(0o755)
        os.replace(top, target)
    except DownloadError:
        raise
    except OSError as error:  # a full disk, as a rule; damage seldom
        raise DownloadError(
            f"{archive} cannot be unpacked to {target} ({error.strerror or error}); make room and "
            "run this again, and if it stays so, delete the archive"
        ) from error
    except (*_DAMAGED, NotImplementedError, RuntimeError, ValueError) as error:
        raise DownloadError(
            f"{archive} is damaged ({error}); delete it, and {archive.name}.sha256 where that "
            "stands beside it, and run this again"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _refuse_unsafe(archive: Path, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or ":" in member.filename
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise DownloadError(
            f"{archive} has a member that points outside its folder, {member.filename!r}; nothing "
            "was unpacked; delete the archive and do not use it"
        )


def _fetch_ants_bees(folder: Path) -> None:
    archive = folder.parent / "archives" / ANTS_BEES_URL.rpartition("/")[2]
    if not archive.is_file():
        fetch(ANTS_BEES_URL, archive)
    extract_zip(archive, folder)


def _read_ants_bees(folder: Path) -> Records:
    for below, expected in ANTS_BEES_COUNTS.items():
        there = len(find_photos(folder / below)[0])
        if there < expected:
            raise DownloadError(
                f"{folder / below} has {there} pictures of {expected}; delete {folder} to have it "
                "unpacked or fetched again"
            )
    found = scan(folder)
    # The archive has no third part. Its val pictures are what results are reported on elsewhere.
    found.notes.append("the val folder of the archive serves as the test pictures")
    return found


def _fetch_oxford_pets(folder: Path) -> None:
    from torchvision.datasets import OxfordIIITPet

    with _staged(folder, "https://www.robots.ox.ac.uk/~vgg/data/pets/") as staging:
        OxfordIIITPet(staging, download=True)


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


def _fetch_eurosat(folder: Path) -> None:
    from torchvision.datasets import EuroSAT

    with _staged(folder, "https://huggingface.co/datasets/torchgeo/eurosat") as staging:
        EuroSAT(staging, download=True)


def _read_eurosat(folder: Path) -> Records:
    return scan(folder / "eurosat" / "2750")


@contextmanager
def _staged(folder: Path, page: str) -> Iterator[Path]:
    """Let torchvision download and unpack beside ``folder``, and move it there when complete.

    torchvision takes unpacked folders for complete ones even where unpacking was interrupted, so
    those of an earlier try are deleted; archives are kept, and it checks their MD5.
    """
    staging = folder.with_name(f".{folder.name}.part")
    if staging.is_dir():
        for unpacked in [path for path in staging.glob("*/*") if path.is_dir()]:
            shutil.rmtree(unpacked)
    staging.mkdir(exist_ok=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)  # torchvision sets none
    try:
        yield staging
    except (OSError, RuntimeError, http.client.HTTPException, tarfile.TarError) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(
            f"{folder.name} cannot be fetched from {page} ({reason}); check the connection and the "
            f"proxy settings and run this again, or copy {folder} from a machine that has it"
        ) from error
    except _DAMAGED as error:
        raise DownloadError(f"{staging}: a damaged archive ({error}); delete the folder") from error
    finally:
        socket.setdefaulttimeout(before)
    for archive in [path for path in staging.glob("*/*") if path.is_file()]:
        archive.unlink()
    os.replace(staging, folder)


_FETCH = {
    "ants_bees": _fetch_ants_bees,
    "oxford_pets": _fetch_oxford_pets,
    "eurosat": _fetch_eurosat,
}
_READ = {"ants_bees": _read_ants_bees, "oxford_pets": _read_oxford_pets, "eurosat": _read_eurosat}
