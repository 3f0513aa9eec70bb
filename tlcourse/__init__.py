"""Helpers behind the transfer-learning course.

The names below are loaded on first use, so that ``import tlcourse`` and ``tlcourse --help`` do not
wait for PyTorch.
"""

import os
from importlib import import_module

# On a busy machine, OpenMP's threads that wait by spinning take the processor from those that
# work; asleep they cost nothing, but small networks wait for them to wake. GNU's OpenMP, the one
# of PyTorch on Linux, spins a moment first. It counts only where PyTorch is not imported yet.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"

_HOME = {
    "CourseError": "errors",
    "load_backbone": "backbones",
    "BACKBONES": "backbones",
    "load_dataset": "datasets",
    "data_root": "datasets",
    "replace_head": "heads",
    "freeze": "freezing",
    "unfreeze": "freezing",
    "frozen_stages": "freezing",
    "frozen_prefix": "freezing",
    "frozen_guard": "freezing",
    "count_parameters": "freezing",
    "fingerprint": "freezing",
    "fit": "training",
    "evaluate": "evaluation",
    "predict": "evaluation",
    "make_optimizer": "training",
    "pick_device": "batches",
    "save_model": "saving",
    "load_model": "saving",
    "export": "portable.page",
    "cache_activations": "activations",
    "Strategy": "strategies",
    "STRATEGIES": "strategies",
    "get_strategy": "strategies",
    "apply": "applying",
    "train": "applying",
    "claim": "claims",
    "advise": "advice",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'tlcourse' has no attribute {name!r}")
    value = getattr(import_module(f"tlcourse.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
