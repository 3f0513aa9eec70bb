"""What is chosen in the freeze explorer: which stages are frozen, and which strategy that is.

A choice is ready for JSON: `frozen` and `adapting` (names of the stages whose parameters are
frozen, and whose batch norm follows the batches), `kept` (number of stages kept from the first),
`hidden` (units of an own hidden layer, 0: none), `start` ("pretrained" or "random": the weights
that thawed stages begin with), `dataset`, `per_class` (training pictures per class) and `batch`
(pictures a batch).

A network is what `tlcourse.widgets.measure.count_stages` measured, with `classes` (number of
outputs) and `speed` (`forward` and `backward`, seconds a picture through all stages, or None). What
a choice costs is added up by the page, from these numbers: see `costs.js`.
"""

from __future__ import annotations

from ..base.errors import CourseError


class ChoiceError(CourseError, ValueError):
    """A choice that does not fit the network."""


def default_choice(network: dict) -> dict:
    """All stages kept and frozen under a linear head: the linear probe."""
    return {
        "frozen": [stage["name"] for stage in network["stages"]],
        "adapting": [],
        "kept": len(network["stages"]),
        "hidden": 0,
        "start": "pretrained",
        "dataset": "pets",
        "per_class": 10,
        "batch": 32,
    }


def check_choice(network: dict, choice: dict) -> dict:
    """Return the choice with its stages in the network's order.

    Raises
    ------
    ChoiceError
        Where it names what the network does not have, or a number is out of range.
    """
    names = [stage["name"] for stage in network["stages"]]
    if missing := default_choice(network).keys() - choice.keys():
        raise ChoiceError(f"the choice does not say: {', '.join(sorted(missing))}")
    unknown = (set(choice["frozen"]) | set(choice["adapting"])) - set(names)
    if unknown:
        raise ChoiceError(
            f"there is no stage {', '.join(sorted(unknown))}; the stages are {', '.join(names)}"
        )
    if not 1 <= choice["kept"] <= len(names):
        raise ChoiceError(f"kept={choice['kept']}: keep between 1 and {len(names)} stages")
    for key, least in (("hidden", 0), ("per_class", 1), ("batch", 1)):
        if not isinstance(choice[key], int) or choice[key] < least:
            raise ChoiceError(f"{key}={choice[key]!r}: it must be a whole number from {least} on")
    if choice["start"] not in ("pretrained", "random"):
        raise ChoiceError(f'start={choice["start"]!r}: choose "pretrained" or "random"')
    ordered = {key: [n for n in names if n in choice[key]] for key in ("frozen", "adapting")}
    return {**choice, **ordered}


def strategy_name(network: dict, choice: dict) -> str | None:
    """Name of the strategy that a choice is; None where it is a mixture."""
    kept = network["stages"][: choice["kept"]]
    frozen = [stage["name"] in choice["frozen"] for stage in kept]
    lowest = frozen.index(False) if False in frozen else len(kept)
    trained = len(kept) - lowest
    if any(frozen[lowest:]):  # a frozen stage above a thawed one
        return None
    drifting, alive = (
        {stage["name"] in choice["adapting"] for stage in part if stage["batch_norm"]}
        for part in (kept[:lowest], kept[lowest:])
    )
    if True in drifting:
        return None
    for entry in network["strategies"]:
        same = all(entry[key] == choice[key] for key in ("kept", "hidden"))
        begun = not trained or network["weights"] is None or entry["start"] == choice["start"]
        if same and begun and entry["trained"] == trained and alive <= {entry["adapting"]}:
            return entry["name"]
    return None
