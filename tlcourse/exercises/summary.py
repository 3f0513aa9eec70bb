"""What a learner has solved of a lesson: to look at, or as a line of CSV for a teacher."""

import csv
import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import CourseError

if TYPE_CHECKING:
    from tlcourse.exercises import Exercise


@dataclass(frozen=True)
class Summary:
    """How far a learner has come with the exercises of a lesson, in this session of the kernel.

    Attributes
    ----------
    lesson : str
        Its number, such as ``"03"``.
    rows : tuple of (str, str, bool, int, int, bool)
        Of each exercise: name, title, solved, tries, hints seen, solution seen.
    """

    lesson: str
    rows: tuple[tuple[str, str, bool, int, int, bool], ...]

    @property
    def solved(self) -> int:
        """How many are solved."""
        return sum(row[2] for row in self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `csv`: for each exercise whether it is solved (1 or 0), and the tries."""
        each = (f"{row[0]}{what}" for row in self.rows for what in ("", "_tries"))
        return ("learner", "lesson", "solved", "of", *each)

    def csv(self, learner: str) -> str:
        """One line, without its end; a name with commas or quotes is quoted."""
        each = (value for row in self.rows for value in (int(row[2]), row[3]))
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="")
        writer.writerow([learner, self.lesson, self.solved, len(self.rows), *each])
        return line.getvalue()

    def save(self, path: str | Path, learner: str) -> None:
        """Add the line of a learner to a CSV file, which begins with the names of the columns."""
        path, header = Path(path), ",".join(self.columns)
        before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        if before and before.splitlines()[0] != header:
            raise CourseError(
                f"{path} does not have the columns of lesson {self.lesson}; give each a file"
            )
        lines = [] if before else [header]
        if before and not before.endswith("\n"):
            lines = [""]  # an editor took the end of the last line
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write("\n".join([*lines, self.csv(learner), ""]))

    def __str__(self) -> str:
        width = max((len(row[1]) for row in self.rows), default=0)
        lines = [f"Lesson {self.lesson}: {self.solved} of {len(self.rows)} solved"]
        for name, title, solved, tries, hints, seen in self.rows:
            state = "solved" if solved else "open"
            tried = f"{tries} {'try' if tries == 1 else 'tries'}"
            helped = f", {hints} hint{'s' * (hints != 1)}" if hints else ""
            looked = ", solution seen" if seen else ""
            lines.append(f"{name:<3} {title:<{width}}  {state:<6}  {tried}{helped}{looked}")
        return "\n".join(lines)

    __repr__ = __str__


def lesson_summary(module: str) -> Callable[[], Summary]:
    """Make the `summary` of a lesson's module, whose name is given."""

    def summary() -> Summary:
        """What is solved of this lesson; `.csv(learner)` and `.save(path, learner)` export it."""
        content: Mapping[str, object] = vars(sys.modules[module])
        return summarise(module.rpartition("_")[2], content)

    return summary


def summarise(lesson: str, content: "Mapping[str, Exercise | object]") -> Summary:
    """Collect the state of all exercises among `content`, by name."""
    rows = [
        (name, e.title, e.solved, e.tries, e.hints_seen, e.solution_seen)
        for name, e in content.items()
        if hasattr(e, "solution_seen")
    ]
    return Summary(lesson, tuple(rows))
