"""Notebooks as JupyterLab would write them, so that opening a lesson does not change it."""

import platform

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class LessonContents(AsyncLargeFileManager):
    """Jupyter's own manager of files, but for one entry of a notebook that is opened.

    Lessons are stored without the version of Python, which differs from machine to machine. When a
    kernel starts, JupyterLab adds it and calls the notebook unsaved; here it finds it in its place.
    """

    async def get(self, path, *args, **kwargs):
        """Return a file, as the manager of files does; a notebook names this Python."""
        model = await super().get(path, *args, **kwargs)
        if model["type"] == "notebook" and model["content"]:
            language = model["content"]["metadata"].get("language_info", {})
            if language.get("name") == "python":
                language.setdefault("version", platform.python_version())
        return model
