"""Where things lie: the checkout, the folder of the data, the results, the real photographs."""

from __future__ import annotations

import os
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[2]
"""The folder that holds the package."""


def checkout() -> Path | None:
    """Return the root of the course's repository, or None where only the package is installed."""
    return BESIDE if (BESIDE / "pyproject.toml").is_file() else None


def user_path(path: str | os.PathLike) -> Path:
    """Return a path with a leading ``~`` replaced by the home folder, as a shell would do."""
    return Path(os.path.expanduser(path))


def shown(path: str | os.PathLike) -> str:
    r"""Return a path, or a part of one, as text that can be printed and stored.

    What is no valid UTF-8 in a name is escaped: the Latin-1 bytes of ``café`` become ``caf\xe9``.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def data_root() -> Path:
    """Return the folder of the data, there or not: ``TLCOURSE_DATA``, else the checkout's ``data``.

    Without a checkout it is ``data`` in the working directory.
    """
    if named := os.environ.get("TLCOURSE_DATA"):
        return user_path(named)
    return (checkout() or Path.cwd()) / "data"


def cache_root() -> Path:
    """Return the folder of what can be computed again (activations), ``data_root() / "cache"``."""
    return data_root() / "cache"


def shared_root() -> Path:
    """Where the real photographs lie: ``TLCOURSE_SHARED``, else beside the checkout."""
    return user_path(os.environ.get("TLCOURSE_SHARED") or BESIDE.parent / "shared" / "datasets")


def results_folder() -> Path:
    """Return the folder of the measured results: the committed ones, else those of the data."""
    committed = BESIDE / "data" / "results"
    return committed if committed.is_dir() else data_root() / "results"
