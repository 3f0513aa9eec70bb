"""Tell JupyterLab to trust the lessons as they came, so that their stored widgets are drawn."""

import subprocess
from pathlib import Path


def trust_unchanged(folder: Path) -> list[Path]:
    """Sign the lessons in a folder that are as git has them; leave the others to the learner.

    JupyterLab draws no widget of a notebook that was neither run on this machine nor signed.

    Parameters
    ----------
    folder : Path
        Holds the notebooks. Where it is not part of a git checkout, nothing is signed.

    Returns
    -------
    list of Path
        Those that are signed now.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    names = _git(folder, "ls-files", "*.ipynb")
    changed = set(_git(folder, "ls-files", "--modified", "*.ipynb"))
    paths = [folder / name for name in names if name not in changed]
    notary = NotebookNotary()
    try:
        for path in paths:
            notary.sign(nbformat.read(path, as_version=4))
    finally:
        notary.store.close()
    return paths


def _git(folder: Path, *words: str) -> list[str]:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    except OSError:  # there is no git
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
