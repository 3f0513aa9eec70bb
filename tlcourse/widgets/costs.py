"""What a choice of frozen stages costs: the formulas behind the freeze explorer.

Pure functions of three things, all ready for JSON:

`network`
    What `tlcourse.widgets.measure.describe` measured, with `classes` (number of outputs) and
    `speed` (`forward` and `backward`, seconds a picture through all stages, or None).
`choice`
    `frozen` and `adapting` (names of the stages whose parameters are frozen, and whose batch norm
    follows the batches), `kept` (number of stages kept from the first), `hidden` (units of an own
    hidden layer, 0: none), `start` ("pretrained" or "random": the weights that thawed stages begin
    with), `dataset`, `per_class` (training pictures per class) and `batch` (pictures a batch).
`measured`
    Rows with `dataset`, `strategy`, `train_per_class`, `mean`, `low`, `high`, `n`.

`costs.js` holds the same formulas for pages without a kernel; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import CourseError

#: Bytes a trained parameter takes beside itself: its gradient and AdamW's two moments, float32.
OPTIMIZER_BYTES = 12
FLOAT_BYTES = 4


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


def summarise(network: dict, choice: dict, measured: Sequence[dict] = ()) -> dict:
    """All figures of a choice.

    Returns
    -------
    dict
        `parameters`: trained (the new ones included), new, frozen, removed.
        `work`: shares of the multiplications of training the whole network: forward, backward,
        total, cached_forward, cached_total.
        `memory`: bytes of activations kept for the backward pass of one batch, the same if all
        were trained (`activations_all`), and bytes of gradients and optimizer state.
        `cache`: through (last stage of the longest frozen prefix, or None), stages, bytes.
        `seconds`: of an epoch, estimated: plain, cached, filling (once); None without a speed.
        `strategy`: the name of the strategy that it is, or None; `measured`: the row, or None.
        `warnings`: list of [kind, *stages].
    """
    facts = _stage_facts(network, choice)
    work = _work(network, choice, facts)
    strategy = strategy_name(network, choice)
    return {
        "parameters": _parameters(network, choice, facts),
        "work": work,
        "memory": _memory(network, choice, facts),
        "cache": _cache(network, choice, facts),
        "seconds": _seconds(network, choice, facts),
        "strategy": strategy,
        "measured": find_measured(measured, strategy, choice),
        "warnings": warnings(network, choice),
    }


def _stage_facts(network: dict, choice: dict) -> dict:
    """The kept stages, the lowest trained one's index, and the length of the frozen prefix."""
    kept = network["stages"][: choice["kept"]]
    frozen = [stage["name"] in choice["frozen"] for stage in kept]
    still = [
        f and not (stage["batch_norm"] and stage["name"] in choice["adapting"])
        for f, stage in zip(frozen, kept, strict=True)
    ]
    return {
        "kept": kept,
        "frozen": frozen,
        "lowest": frozen.index(False) if False in frozen else len(kept),
        "prefix": still.index(False) if False in still else len(kept),
        "channels": kept[-1]["output"][0],
    }


def _head_sizes(network: dict, choice: dict, facts: dict) -> list[tuple[int, int]]:
    units = [facts["channels"], *([choice["hidden"]] if choice["hidden"] else [])]
    return list(zip(units, [*units[1:], network["classes"]], strict=True))


def _parameters(network: dict, choice: dict, facts: dict) -> dict:
    head = sum(i * o + o for i, o in _head_sizes(network, choice, facts))
    frozen = sum(s["parameters"] for s, f in zip(facts["kept"], facts["frozen"], strict=True) if f)
    kept = sum(stage["parameters"] for stage in facts["kept"])
    total = sum(stage["parameters"] for stage in network["stages"])
    return {"trained": kept - frozen + head, "new": head, "frozen": frozen, "removed": total - kept}


def _work(network: dict, choice: dict, facts: dict) -> dict:
    """Shares of the work of training everything.

    A backward pass through a trained layer computes two products as large as its forward pass, the
    gradient of its weights and that of its input; through a frozen layer only the second; below
    the lowest trained layer none, whose input needs no gradient.
    """
    sizes = _head_sizes(network, choice, facts)
    head = sum(i * o for i, o in sizes)
    forward = sum(stage["macs"] for stage in facts["kept"]) + head
    prefix = sum(stage["macs"] for stage in facts["kept"][: facts["prefix"]])
    lowest = facts["lowest"]
    backward = 2 * head
    for stage, frozen in list(zip(facts["kept"], facts["frozen"], strict=True))[lowest:]:
        backward += stage["macs"] * (1 if frozen else 2)
    if lowest < len(facts["kept"]):
        backward -= facts["kept"][lowest]["entry"]
    else:
        backward -= sizes[0][0] * sizes[0][1]
    whole = sum(stage["macs"] for stage in network["stages"]) + head
    whole_backward = 2 * whole - network["stages"][0]["entry"]
    return {
        "forward": forward / whole,
        "backward": backward / whole_backward,
        "total": (forward + backward) / (whole + whole_backward),
        "cached_forward": (forward - prefix) / whole,
        "cached_total": (forward - prefix + backward) / (whole + whole_backward),
        "prefix": prefix / whole,
    }


def _memory(network: dict, choice: dict, facts: dict) -> dict:
    sizes = _head_sizes(network, choice, facts)
    head = FLOAT_BYTES * (sizes[0][0] + 2 * choice["hidden"])
    kept = sum(stage["kept"] for stage in facts["kept"][facts["lowest"] :]) + head
    everything = sum(stage["kept"] for stage in network["stages"]) + head
    return {
        "activations": choice["batch"] * kept,
        "activations_all": choice["batch"] * everything,
        "optimizer": OPTIMIZER_BYTES * _parameters(network, choice, facts)["trained"],
    }


def _pictures(network: dict, choice: dict) -> int:
    return choice["per_class"] * network["classes"]


def _cache(network: dict, choice: dict, facts: dict) -> dict:
    stages = facts["kept"][: facts["prefix"]]
    if not stages:
        return {"through": None, "stages": 0, "numbers": 0, "bytes": 0}
    channels, height, width = stages[-1]["output"]
    # After the last stage only the mean over the picture is needed.
    numbers = channels if len(stages) == len(facts["kept"]) else channels * height * width
    return {
        "through": stages[-1]["name"],
        "stages": len(stages),
        "numbers": numbers,
        "bytes": numbers * FLOAT_BYTES * _pictures(network, choice),
    }


def _seconds(network: dict, choice: dict, facts: dict) -> dict | None:
    """Time of an epoch, from the measured speed; reading pictures or the cache is left out."""
    speed = network.get("speed")
    if speed is None:
        return None
    work, pictures = _work(network, choice, facts), _pictures(network, choice)
    backward = speed["backward"] * work["backward"]
    return {
        "plain": pictures * (speed["forward"] * work["forward"] + backward),
        "cached": pictures * (speed["forward"] * work["cached_forward"] + backward),
        "filling": pictures * speed["forward"] * work["prefix"],
    }


def warnings(network: dict, choice: dict) -> list[list[str]]:
    """What does not make sense in a choice: [kind, *stages], in a fixed order.

    `adapting`: batch norm alive in frozen stages. `below`: stages thawed below a frozen one.
    `random_below`: such stages begin from random weights.
    """
    facts = _stage_facts(network, choice)
    found = []
    pairs = list(zip(facts["kept"], facts["frozen"], strict=True))
    adapting = [
        stage["name"]
        for stage, frozen in pairs
        if frozen and stage["batch_norm"] and stage["name"] in choice["adapting"]
    ]
    if adapting:
        found.append(["adapting", *adapting])
    highest_frozen = max((i for i, (_, frozen) in enumerate(pairs) if frozen), default=-1)
    below = [stage["name"] for stage, frozen in pairs[: highest_frozen + 1] if not frozen]
    if below:
        kind = "below" if choice["start"] == "pretrained" else "random_below"
        found.append([kind, *below])
    return found


def strategy_name(network: dict, choice: dict) -> str | None:
    """Name of the strategy that a choice is; None where it is a mixture."""
    facts = _stage_facts(network, choice)
    trained = choice["kept"] - facts["lowest"]
    if any(facts["frozen"][facts["lowest"] :]):  # a frozen stage above a thawed one
        return None
    alive = {
        stage["name"] in choice["adapting"]
        for stage in facts["kept"][facts["lowest"] :]
        if stage["batch_norm"]
    }
    for entry in network["strategies"]:
        same = all(entry[key] == choice[key] for key in ("kept", "hidden"))
        begun = not trained or network["weights"] is None or entry["start"] == choice["start"]
        if same and begun and entry["trained"] == trained and alive <= {entry["adapting"]}:
            frozen = (stage for stage in facts["kept"][: facts["lowest"]] if stage["batch_norm"])
            drifting = any(stage["name"] in choice["adapting"] for stage in frozen)
            return None if drifting else entry["name"]
    return None


def find_measured(measured: Sequence[dict], strategy: str | None, choice: dict) -> dict | None:
    """The measured row of a strategy on the chosen data set and size; None where there is none."""
    for row in measured:
        if (row["strategy"], row["dataset"], row["train_per_class"]) == (
            strategy,
            choice["dataset"],
            choice["per_class"],
        ):
            return dict(row)
    return None
