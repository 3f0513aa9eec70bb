"""The case map: size and similarity of your data, and what is recommended there."""

from __future__ import annotations

import traitlets

from . import cases
from .assets import CourseWidget, join_scripts, join_styles
from .still import draw_map


class CaseMap(CourseWidget):
    """Two sliders, the four cases, and measured data sets as points among them.

    Parameters
    ----------
    per_class, similarity
        Where the sliders start.
    """

    _esm = join_scripts("dom.js", "cases.js", "case_map.js")
    _css = join_styles("widgets.css", "case_map.css")

    points: traitlets.List = traitlets.List().tag(sync=True)
    regions: traitlets.List = traitlets.List().tag(sync=True)
    per_class = traitlets.Int(10, min=1, max=cases.LARGEST).tag(sync=True)
    similarity = traitlets.Float(0.8, min=0.0, max=1.0).tag(sync=True)

    def __init__(self, *, per_class: int = 10, similarity: float = 0.8):
        super().__init__(
            points=cases.measured_points(),
            regions=cases.four_cases(),
            per_class=per_class,
            similarity=similarity,
        )

    def still(self) -> bytes:
        return draw_map(self.regions, self.points, (self.per_class, self.similarity))
