"""Values of the wrong kind end in an error that says what to give, whatever function gets them."""

import inspect
import io
import os
import pickle
from typing import get_type_hints

import numpy as np
import pytest

import tlcourse as tl
from tlcourse.base.kinds import ArgumentError, check_kinds, checked

WRONG = (object(), b"3", "three", 2.5, float("nan"), True, [b"3"], {b"3": b"3"}, -1)
FUNCTIONS = [name for name in tl.__all__ if inspect.isfunction(getattr(tl, name))]
CHECKED = (int, float, bool, int | None, float | None)


def plain(function):
    """Names of the parameters that take a number or a truth value, and no class of ours."""
    return [name for name, hint in get_type_hints(function).items() if hint in CHECKED]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if plain(getattr(tl, name))])
def test_every_public_function_refuses_numbers_that_are_none(name):
    function = getattr(tl, name)
    for parameter in set(plain(function)) - {"return"}:
        with pytest.raises(ArgumentError, match=f"^{name}: {parameter}=b'3': give [aT]"):
            # Refused before anything is done: what else it takes need not be given.
            function(**{parameter: b"3"})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_public_functions_take_is_annotated(name):
    free = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(getattr(tl, name)).parameters.values()
    without = {p.name for p in parameters if p.annotation is p.empty and p.kind not in free}
    assert without <= {"name_or_path", "group"}


def takes(
    whole: int = 1,
    number: float | None = None,
    yes: bool = True,
    rates: dict[str, float] | None = None,
    units: list[int] | None = None,
    path: str | os.PathLike = "",
    seed: int = 0,
):
    """What is asked for, and what is done with it."""
    return whole


@pytest.mark.parametrize("name", ["whole", "number", "yes", "rates", "units", "path"])
def test_one_kind_does_not_pass_for_another(name):
    fitting = {
        "whole": (-1,), "number": (2.5, -1), "yes": (True,), "rates": (), "units": (),
        "path": ("three",),
    }[name]  # fmt: skip
    for value in WRONG:
        if any(value is one or value == one and type(value) is type(one) for one in fitting):
            check_kinds(takes, {name: value})
        else:
            with pytest.raises(ArgumentError, match=f"{name}="):
                check_kinds(takes, {name: value})


def test_numbers_of_numpy_are_numbers():
    check_kinds(takes, {"whole": np.int64(3), "number": np.float32(0.1), "yes": np.bool_(True)})
    check_kinds(takes, {"rates": {"stage1": 1e-3}, "units": [np.int32(3)], "number": 3})


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_have_bounds(seed):
    with pytest.raises(ArgumentError, match=f"seed={seed}: give a whole number, from 0 to"):
        checked(takes)(seed=seed)


@pytest.mark.parametrize("name", ["evaluate", "fit", "train"])
def test_a_batch_has_a_picture_at_least(name):
    with pytest.raises(ArgumentError, match="batch_size=0: give a whole number, from 1 to"):
        getattr(tl, name)(batch_size=0)


def test_a_checked_function_shows_itself():
    assert tl.fit is tl.fit
    assert "def fit(" in inspect.getsource(tl.fit) and tl.fit.__doc__.startswith("Train")
    assert list(inspect.signature(tl.fit).parameters)[:2] == ["model", "data"]
    assert pickle.load(io.BytesIO(pickle.dumps(tl.read_photo))) is tl.read_photo
    assert checked(takes)(5) == checked(takes)(whole=5) == 5


def test_what_python_says_of_missing_and_unknown_arguments_stays():
    with pytest.raises(TypeError, match="missing 2 required positional arguments"):
        tl.fit()
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        checked(takes)(colour=1)


@pytest.mark.parametrize(
    "values", [{"flip": "often"}, {"flip": 2}, {"crop": 0}, {"crop": 1.5}, {"brightness": -1}]
)
def test_augmentation_that_cannot_be_is_refused_before_a_picture_is_changed(values):
    with pytest.raises(ArgumentError, match=f"{next(iter(values))}"):
        tl.Augment(**values)


@pytest.mark.parametrize("values", [{"gradual": "yes"}, {"lr_decay": "x"}, {"hidden": 64}])
def test_strategies_take_what_they_are_annotated_with(values):
    with pytest.raises(ArgumentError, match=next(iter(values))):
        tl.Strategy("own", **values)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("load_dataset", {"name_or_path": "pets", "group_by": 3}),
        ("train", {"model": None, "data": None, "patience": "3"}),
    ],
)
def test_what_is_passed_on_is_checked_too(name, options):
    if name == "train":
        options["model"] = tl.apply("linear_probe", tl.load_backbone(weights=None), ["a", "b"])
    with pytest.raises(ArgumentError, match=f"{name}: (group_by=3|patience='3')"):
        getattr(tl, name)(**options)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("make_optimizer", ()),
        ("frozen_stages", ()),
        ("frozen_prefix", ()),
        ("training_memory", (2,)),
        ("weights_file", ()),
        ("write_pictures", ("new",)),
        ("load_backbone", ()),
    ],
)
def test_something_else_in_the_first_place_is_explained(name, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tl.CourseError):
        getattr(tl, name)(3, *more)
    assert not list(tmp_path.iterdir())


def test_a_strategy_of_no_network_is_explained():
    with pytest.raises(tl.CourseError, match="load_backbone"):
        tl.get_strategy("linear_probe", "efficientnet_lite0")
