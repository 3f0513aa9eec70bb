"""Widgets for learners, teachers and readers: thin views over functions tested by themselves."""

from .case_map import CaseMap
from .classroom import Classroom
from .decide import Decide
from .explorer import FreezeExplorer
from .look_inside import LookInside
from .teach_here import TeachHere
