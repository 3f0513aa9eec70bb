"""Widgets for learners, teachers and readers: thin views over functions tested by themselves."""

from .explorer import FreezeExplorer

__all__ = ["FreezeExplorer"]
