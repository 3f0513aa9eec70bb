"""The case map: size and similarity of your data, and what is recommended there."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from . import cases
from .assets import CourseWidget, join_scripts, join_styles
from .still import draw_map


class CaseMap(CourseWidget):
    """Two sliders, the four cases, and measured data sets as points among them.

    Parameters
    ----------
    points
        Measured data sets: dicts with `name`, `per_class`, `similarity` (0: nothing like the
        pictures the network learnt from, 1: alike) and `scores`, a list of dicts with `strategy`,
        `mean`, `low`, `high` (test accuracy over seeds). None: those that come with the course.
    regions
        What is recommended where (None: `tlcourse.widgets.cases.four_cases()`).
    per_class, similarity
        Where the sliders start.

    Raises
    ------
    CaseMapError
        Where a point or a region lacks something, or lies outside.
    """

    _esm = join_scripts("dom.js", "cases.js", "case_map.js")
    _css = join_styles("widgets.css", "case_map.css")

    points: traitlets.List = traitlets.List().tag(sync=True)
    regions: traitlets.List = traitlets.List().tag(sync=True)
    per_class = traitlets.Int(10, min=1, max=cases.LARGEST).tag(sync=True)
    similarity = traitlets.Float(0.8, min=0.0, max=1.0).tag(sync=True)

    def __init__(
        self,
        points: Sequence[dict] | None = None,
        regions: Sequence[dict] | None = None,
        *,
        per_class: int = 10,
        similarity: float = 0.8,
    ):
        super().__init__(
            points=cases.check_points(cases.measured_points() if points is None else points),
            regions=cases.check_regions(cases.four_cases() if regions is None else regions),
            per_class=per_class,
            similarity=similarity,
        )

    @property
    def recommended(self) -> dict | None:
        """The region in which the sliders stand."""
        return cases.region_at(self.regions, self.per_class, self.similarity)

    def still(self) -> bytes:
        return draw_map(self.regions, self.points, (self.per_class, self.similarity))

    @traitlets.validate("points", "regions")
    def _check(self, proposal):
        check = {"points": cases.check_points, "regions": cases.check_regions}
        return check[proposal["trait"].name](proposal["value"])
