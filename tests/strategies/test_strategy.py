"""Strategies: each does what its sentence says, on every network, to the bit."""

import copy
import warnings
from dataclasses import FrozenInstanceError, replace

import pytest
import torch

import tlcourse as tl
from tlcourse.base.errors import CourseError
from tlcourse.networks.freezing import count_parameters, fingerprint, frozen_stages
from tlcourse.strategies import apply as applying, strategy as strategies
from tlcourse.strategies.strategy import (
    ALL,
    FAMILIES,
    STRATEGIES,
    Strategy,
    StrategyError,
    get_strategy,
)
from tlcourse.training import fit as training, optimizer

# One member of each family: stage3 and two stages exist in every network of the course.
NAMES = [*STRATEGIES, "cut_stage3", "random_cut_stage3", "last_2", "reinit_2", "reinit_updated_2"]
NAMES += ["hidden_2"]


@pytest.fixture(scope="module")
def pets():
    return tl.load_dataset(
        "pets", train_per_class=3, validation_per_class=2, test_per_class=1, size=64
    )


@pytest.fixture(scope="module")
def lite0():
    return tl.load_backbone()


@pytest.fixture(scope="module", params=["efficientnet_lite0", "resnet18"])
def backbone(request, lite0):
    if request.param == "efficientnet_lite0":
        return lite0
    return tl.load_backbone(request.param, weights=None)


def bits(network, names=None):
    return {
        name: fingerprint(stage)
        for name, stage in network.stages.named_children()
        if names is None or name in names
    }


def quick(model, data, **options):
    short = {"epochs": 2, "head_epochs": 2}
    return tl.train(model, data, progress=False, batch_size=5, **{**short, **options})


def check_strategy(name, backbone, data, device="cpu"):
    strategy = get_strategy(name, backbone)
    before = bits(backbone)
    model = tl.apply(name, backbone, data.classes)
    kept = model.stage_names
    assert kept == strategy.kept(backbone)
    started = bits(model)
    trained, random = strategy.trained_stages(backbone), strategy.random_stages(backbone)
    for stage in kept:  # pretrained to the bit, or proved different
        assert (started[stage] == before[stage]) == (stage not in random), stage
    head = fingerprint(model.head)

    # Without validation pictures the last epoch counts, in which everything has been thawed.
    unchecked = replace(data, validation=data.validation.subset([]))
    history = quick(model, unchecked, device=device)

    after = bits(model)
    for stage in kept:  # trained, or frozen to the bit
        assert (after[stage] == started[stage]) == (stage not in trained), stage
    assert fingerprint(model.head) != head
    assert bits(backbone) == before
    first = kept.index(trained[0]) if trained else len(kept)
    assert history.cached_through == (kept[first - 1] if first else None)
    assert tl.evaluate(model, data.test, device=device, progress=False).probabilities.shape == (
        3,
        3,
    )
    return model


@pytest.mark.parametrize("name", NAMES)
def test_what_is_frozen_stays_and_what_is_trained_moves(name, backbone, pets):
    check_strategy(name, backbone, pets)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_strategies_on_cuda(name, backbone, pets):
    model = check_strategy(name, backbone, pets, device="cuda")
    assert next(model.parameters()).is_cuda


@pytest.mark.parametrize("name", NAMES)
def test_the_diagram_counts_what_the_model_has(name, backbone, pets):
    rows = get_strategy(name, backbone).diagram(backbone, classes=3)
    model = tl.apply(name, backbone, pets.classes)
    counted = {part: number for part, (number, _) in count_parameters(model).by_stage.items()}
    assert [row[0] for row in rows] == [*backbone.stage_names, "head"]
    assert {part: number for part, state, number in rows if state != "removed"} == counted
    if not STRATEGIES.get(name, Strategy("own")).gradual:  # which thaws while it trains
        frozen = {part for part, state, _ in rows if state == "frozen"}
        random_and_frozen = name in ("random_frozen", "random_cut_stage3")
        assert frozen == (set() if random_and_frozen else set(frozen_stages(model)))


def test_the_diagram_can_be_drawn(lite0):
    from tlcourse.plots import network_diagram

    for name in ("hidden_2", "reinit_2", "last_2", "random_frozen"):
        assert network_diagram(get_strategy(name, lite0).diagram(lite0)).axes


def test_a_diagram_has_all_five_states(lite0):
    own = Strategy("own", deleted=2, trained=3, reinitialised=1)
    states = [state for _, state, _ in own.diagram(lite0)]
    assert states == ["frozen"] * 4 + ["trained"] * 2 + ["re-initialised", "removed", "removed"] + [
        "new"
    ]


def test_random_weights_follow_the_seed_and_leave_the_global_state_alone(lite0, pets):
    state = torch.random.get_rng_state()
    one, same, other = (
        bits(tl.apply("scratch", lite0, pets.classes, seed=seed)) for seed in (1, 1, 2)
    )
    assert one == same
    assert all(one[stage] != other[stage] for stage in one)
    assert torch.equal(state, torch.random.get_rng_state())


def test_weights_are_named_for_what_they_are(lite0, pets):
    assert tl.apply("scratch", lite0, pets.classes).weights is None
    assert tl.apply("random_cut_stage3", lite0, pets.classes).weights is None
    assert tl.apply("reinit_2", lite0, pets.classes).weights == "imagenet"


def test_every_strategy_is_a_sentence_of_its_own(lite0):
    sentences = {name: str(get_strategy(name, lite0)) for name in NAMES}
    for name, same in (("kept_frozen", "linear_probe"), ("kept_updated", "finetune_all")):
        assert sentences.pop(name) == sentences[same]
    assert len(set(sentences.values())) == len(sentences)
    for sentence in sentences.values():
        assert sentence.endswith(".") and "None" not in sentence
    assert "freeze all but the last 2 stages" in sentences["last_2"]
    assert "from random weights" in sentences["reinit_2"]
    assert "Remove the last 2 stages" in sentences["hidden_2"]
    assert "256 hidden units" in sentences["hidden_2"]
    assert "up to stage3" in sentences["cut_stage3"]
    assert "none of their weights" in sentences["random_frozen"]
    assert "first, alone" in sentences["last_2"] and "first" not in sentences["random_frozen"]
    words = [len(part.split()) for text in sentences.values() for part in text.split(". ")]
    assert max(words) <= 25, "several short sentences"


def test_a_strategy_is_a_value(lite0):
    strategy = get_strategy("last_2", lite0)
    assert strategy == get_strategy("last_2", lite0) and hash(strategy) == hash(copy.copy(strategy))
    with pytest.raises(FrozenInstanceError):
        strategy.trained = 3


def test_any_stages_may_be_trained_also_below_frozen_ones(lite0):
    own = Strategy("own", cut="stage3", trained=("stage1", "stage3"), reinitialised=("stage3",))
    model = tl.apply(own, lite0, ["a", "b"])
    assert frozen_stages(model) == ("stem", "stage2")
    pretrained = bits(lite0)
    same = {name: value == pretrained[name] for name, value in bits(model).items()}
    assert same == {"stem": True, "stage1": True, "stage2": True, "stage3": False}
    assert own.thawed_stages(model) == ("stage1",) and own.new_stages(model) == ("stage3",)
    assert "give stage3 random weights; freeze all but stage1 and stage3" in str(own)


def test_probe_then_finetune_trains_the_head_alone_first(lite0, pets):
    model = tl.apply("finetune_all", lite0, pets.classes)
    start, seen = bits(model), []
    history = quick(model, pets, on_epoch=lambda row: seen.append(bits(model)))
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4]
    assert seen[0] == seen[1] == start
    assert seen[2] != start
    assert 3 <= history.best_epoch <= 4
    assert not frozen_stages(model)


@pytest.mark.parametrize(("lr", "kept"), [(1.0, False), (1e-6, True)])
def test_stages_that_training_spoilt_get_their_weights_back(lite0, lr, kept):
    data = tl.load_dataset("pets", train_per_class=6, validation_per_class=12, size=64)
    model = tl.apply("last_1", lite0, data.classes)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = quick(model, data, epochs=1, head_epochs=20, lr=lr)
    assert ["lower lr" in str(warning.message) for warning in said] == [True] * (not kept)
    alone, both = max(history["validation_accuracy"][:20]), history["validation_accuracy"][20]
    assert (both > alone - 0.2) == kept, "what this test needs"
    assert (history.best_epoch > 20) == kept and (bits(model) != bits(lite0)) == kept
    now = tl.evaluate(model, data.validation, progress=False).accuracy
    assert now == pytest.approx(history["validation_accuracy"][history.best_epoch - 1])


def test_a_picture_fewer_is_no_harm(lite0):
    def one(accuracy):
        row = {"epoch": 1, "validation_accuracy": accuracy}
        return training.History(seed=0, device="cpu", rows=[row], best_epoch=1)

    assert not applying._harm(one(0.9), one(0.8), 40)
    assert "from 0.90 to 0.60" in applying._harm(one(0.9), one(0.6), 40)
    assert applying._harm(one(0.9), one(0.8), 400)
    assert not applying._harm(one(None), one(None), 0)


def test_an_end_in_the_first_phase_is_the_end(lite0, pets):
    model = tl.apply("finetune_all", lite0, pets.classes)
    history = quick(model, pets, on_epoch=lambda row: False)
    assert len(history) == 1 and history.interrupted
    assert bits(model) == bits(lite0)


@pytest.mark.parametrize("epochs", [2, 3, 4, 7, 12, 40])
def test_gradual_unfreezing_starts_with_the_head_and_ends_with_all(lite0, epochs):
    at = get_strategy("gradual_unfreezing", lite0).unfreeze_at(lite0, epochs)
    stages = [lite0.stage_names.index(at[epoch]) for epoch in sorted(at)]
    assert min(at) == 2 and max(at) <= max(2, epochs * 2 / 3)
    assert stages == sorted(stages, reverse=True) and stages[-1] == 0


def test_gradual_unfreezing_thaws_the_last_stages_first(lite0, pets):
    model = tl.apply("gradual_unfreezing", lite0, pets.classes)
    frozen = []
    quick(model, pets, epochs=6, on_epoch=lambda row: frozen.append(frozen_stages(model)))
    assert frozen[0] == lite0.stage_names and frozen[-1] == ()
    assert all(few == many[: len(few)] for many, few in zip(frozen, frozen[1:], strict=False))


def test_gradual_unfreezing_after_a_probe_is_gradual(lite0, pets):
    model = tl.apply(
        Strategy("own", trained=3, gradual=True, probe_first=True), lite0, pets.classes
    )
    frozen = []
    quick(model, pets, epochs=4, on_epoch=lambda row: frozen.append(len(frozen_stages(model))))
    assert frozen[:3] == [9] * 3 and frozen[-1] == 6  # the probe, and the first epoch after it


def test_gradual_unfreezing_thaws_batch_norm_as_the_strategy_says(lite0, pets):
    model = tl.apply(
        Strategy("own", trained=1, gradual=True, batch_norm="frozen"), lite0, pets.classes
    )
    quick(model, pets, epochs=3)
    assert not model.stages.stage8.frozen and model.stages.stage8.batch_norm == "frozen"


def test_gradual_unfreezing_of_some_stages_caches_those_below(lite0, pets):
    model = tl.apply(Strategy("own", trained=2, gradual=True), lite0, pets.classes)
    below = lite0.stage_names[:-2]
    start = bits(model, below)
    assert quick(model, pets).cached_through == below[-1]
    assert frozen_stages(model) == below and bits(model, below) == start


def test_discriminative_rates_fall_towards_the_stem(lite0):
    rates = get_strategy("finetune_discriminative", lite0).stage_lrs(lite0, lr=1e-2)
    assert list(rates) == list(lite0.stage_names)
    values = list(rates.values())
    assert values == sorted(values) and values[-1] == 1e-2
    assert values[0] == pytest.approx(1e-2 * 0.6**8)
    same = get_strategy("finetune_all", lite0).stage_lrs(lite0, lr=1e-2)
    assert set(same.values()) == {1e-2} and list(same) == list(lite0.stage_names)


def test_rates_of_head_and_stages_reach_the_optimizer(lite0, pets, monkeypatch):
    seen = []
    build = training.make_optimizer

    def spy(*arguments):
        seen.append(build(*arguments))
        return seen[-1]

    monkeypatch.setattr(training, "make_optimizer", spy)
    quick(tl.apply("last_2", lite0, pets.classes), pets, lr=1e-4)
    alone, together = ({g["name"]: g["max_lr"] for g in made.param_groups} for made in seen)
    assert alone == {"head": optimizer.HEAD_LR}
    assert together == {"stage7": 1e-4, "stage8": 1e-4, "head": 1e-4 * applying.HEAD_FACTOR}
    seen.clear()
    quick(tl.apply("finetune_naive", lite0, pets.classes), pets, lr=1e-4)
    assert {g["max_lr"] for made in seen for g in made.param_groups} == {1e-4} and len(seen) == 1


def test_new_stages_are_trained_before_pretrained_ones_and_their_batch_norm_adapts(lite0, pets):
    model = tl.apply("reinit_updated_2", lite0, pets.classes)
    start, seen = bits(model), []
    quick(model, pets, on_epoch=lambda row: seen.append(bits(model)))
    moved = [{name for name in start if now[name] != start[name]} for now in seen]
    assert moved[0] == moved[1] == {"stage7", "stage8"} and moved[3] == set(start)
    modes = {name: stage.batch_norm for name, stage in model.stages.named_children()}
    assert modes.pop("stage7") == modes.pop("stage8") == "adapt" and set(modes.values()) == {
        "frozen"
    }


def test_epochs_make_enough_steps_for_few_pictures_and_many(lite0):
    way = STRATEGIES["finetune_all"]
    count = {n: applying.epochs_of(way, lite0, n, 16) for n in (20, 400, 6000)}
    assert count[20] == 24 and count[6000] == 4
    assert count[400] * 25 >= applying.PRETRAINED_STEPS["steps"]
    scratch, probe = (
        applying.epochs_of(STRATEGIES[n], lite0, 400, 16) for n in ("scratch", "linear_probe")
    )
    assert scratch > count[400] and probe > count[400]


def test_batch_norm_statistics_can_stay_while_weights_are_trained(lite0, pets):
    model = tl.apply(replace(STRATEGIES["finetune_all"], batch_norm="frozen"), lite0, pets.classes)
    quick(model, pets)
    norm, original = model.stages.stem[1], lite0.stages.stem[1]
    assert torch.equal(norm.running_mean, original.running_mean)
    assert not torch.equal(norm.weight, original.weight)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut_stage12", "stem, stage1, stage2"),
        ("cut_input", "stem, stage1, stage2"),
        ("random_cut_stage0", "stem, stage1, stage2"),
        ("last_0", "from 1 to 9"),
        ("last_10", "from 1 to 9"),
        ("reinit_-1", "from 1 to 9"),
        ("hidden_9", "from 1 to 8"),
        ("everything_frozen", "linear_probe"),
        ("last_two", "last_<k>"),
        ("cut_", "cut_<stage>"),
        ("finetune_al", "Did you mean finetune_all?"),
    ],
)
def test_names_that_mean_nothing_are_answered_with_those_there_are(lite0, name, said):
    with pytest.raises(StrategyError) as error:
        tl.apply(name, lite0, ["a", "b"])
    assert said in str(error.value) and name in str(error.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": (0,)}, "at least 1"),
        ({"hidden": 0}, "hidden=0: give"),
        ({"trained": -1}, "head is new and trained"),
        ({"trained": "none"}, "'all'"),
        ({"trained": True}, "trained=True"),
        ({"reinitialised": 1.5}, "'all'"),
        ({"cut": "stage3", "deleted": 1}, "not with both"),
        ({"batch_norm": "off"}, '"adapt" or "frozen"'),
        ({"lr_decay": 0}, "above 0"),
        ({"cut": "stage12"}, "stem, stage1, stage2"),
        ({"deleted": 9}, "from 0 to 8"),
        ({"deleted": -1}, "from 0 to 8"),
        ({"deleted": 3, "trained": 7}, "from 0 to 6"),
        ({"cut": "stem", "reinitialised": 2}, "from 0 to 1"),
        ({"trained": ()}, "tuple of names"),
        ({"trained": ("stage2", "stage5"), "gradual": True}, "gradual=True thaws the last stages"),
        ({"trained": ALL, "reinitialised": 2, "gradual": True}, "reinitialised=2"),
        ({"trained": 2, "reinitialised": 2, "gradual": True}, "leave it out"),
        ({"cut": "stage1", "trained": ("stem", "stage4")}, "stage4 is not kept"),
    ],
)
def test_settings_that_cannot_be_carried_out_are_refused(lite0, settings, said):
    with pytest.raises(CourseError) as error:
        tl.apply(Strategy("own", **settings), lite0, ["a", "b"])
    assert said in str(error.value)


@pytest.mark.parametrize(
    "option", [{"batch_norm": "adapt"}, {"stage_lrs": {"stem": 1e-5}}, {"unfreeze_at": {2: "stem"}}]
)
def test_what_a_strategy_sets_is_no_option_of_train(lite0, pets, option):
    model = tl.apply("finetune_all", lite0, pets.classes)
    before = fingerprint(model)
    with pytest.raises(StrategyError, match=f"{next(iter(option))} follows.*finetune_all"):
        quick(model, pets, **option)
    assert fingerprint(model) == before


def test_all_stages_are_random_however_they_are_counted(lite0, pets, monkeypatch):
    seen = []
    monkeypatch.setattr(applying, "fit", lambda *_, epochs, **__: seen.append(epochs))
    own = Strategy("own", trained=ALL, reinitialised=9)
    tl.train(tl.apply(own, lite0, pets.classes), pets)
    assert seen == [60]


def test_a_diagram_draws_no_random_numbers(lite0):
    before = torch.get_rng_state()
    get_strategy("hidden_2", lite0).diagram(lite0)
    assert torch.equal(before, torch.get_rng_state())


def test_gradual_unfreezing_needs_two_epochs(lite0, pets):
    with pytest.raises(StrategyError, match="at least 2 epochs"):
        quick(tl.apply("gradual_unfreezing", lite0, pets.classes), pets, epochs=1)


def test_a_model_without_a_strategy_is_sent_to_fit(lite0, pets):
    with pytest.raises(StrategyError, match=r"tl\.apply.*tl\.fit"):
        quick(tl.replace_head(lite0, pets.classes), pets)


def test_every_family_has_a_member_that_is_tested():
    patterns = [family.partition("<")[0] for family in FAMILIES]
    assert all(any(name.startswith(start) for name in NAMES) for start in patterns)
    assert strategies.STRATEGIES["finetune_all"].trained == ALL


def test_what_is_refused_leaves_the_model_as_it_was_built(lite0, pets):
    model = tl.apply("finetune_all", lite0, pets.classes)
    with pytest.raises(CourseError, match="patience"):
        quick(model, pets, patience=0)
    assert not frozen_stages(model)


def test_cut_short_the_stages_are_no_worse_than_their_start():
    def history(accuracy, interrupted):
        row = {"epoch": 1, "validation_accuracy": accuracy}
        return training.History(0, "cpu", rows=[row], best_epoch=1, interrupted=interrupted)

    assert applying._harm(history(0.75, False), history(0.70, True), 20)
    assert not applying._harm(history(0.75, False), history(0.75, True), 20)
