"""Changes to a solution that a check takes, with the reason why it should.

By exercise: a part of what was changed, as `mutants` describes it, and the reason.
"""

EQUIVALENT: dict[str, dict[str, str]] = {}
