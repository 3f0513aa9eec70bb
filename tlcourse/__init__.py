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
    "CourseError": "base.errors",
    "load_backbone": "networks.backbones",
    "BACKBONES": "networks.backbones",
    "load_dataset": "data.catalog",
    "data_root": "base.paths",
    "ImageSet": "data.sets",
    "ImageSplits": "data.sets",
    "BadFilesWarning": "data.folders",
    "read_photo": "data.photo",
    "write_pictures": "data.export",
    "draw_pet": "data.drawn.pets",
    "Augment": "networks.preprocess",
    "weights_file": "networks.backbones",
    "keep_freed_memory": "base.process",
    "lesson_setup": "base.lesson",
    "replace_head": "networks.heads",
    "freeze": "networks.freezing",
    "unfreeze": "networks.freezing",
    "frozen_stages": "networks.freezing",
    "frozen_prefix": "networks.freezing",
    "frozen_guard": "networks.freezing",
    "count_parameters": "networks.freezing",
    "fingerprint": "networks.freezing",
    "FrozenMovedError": "networks.freezing",
    "FrozenChangedError": "training.fit",
    "fit": "training.fit",
    "evaluate": "training.evaluate",
    "predict": "training.evaluate",
    "make_optimizer": "training.fit",
    "pick_device": "base.process",
    "save_model": "networks.saving",
    "load_model": "networks.saving",
    "cache_activations": "activations.cache",
    "Strategy": "strategies.strategy",
    "STRATEGIES": "strategies.strategy",
    "get_strategy": "strategies.strategy",
    "apply": "strategies.apply",
    "train": "strategies.apply",
    "claim": "base.claims",
    "distinct_per_class": "advice.probe",
    "training_memory": "study.sweep",
    "advise": "advice.advise",
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
