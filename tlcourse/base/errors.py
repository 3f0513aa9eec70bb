"""The errors that the course expects and explains."""


class CourseError(Exception):
    """Base of every error whose message tells the user what was wrong, where, and what to do.

    The command line prints it without a traceback and ends with exit status 2.
    """


class TrainingError(CourseError, ValueError):
    """A training run or an evaluation that cannot start, or has gone wrong."""
