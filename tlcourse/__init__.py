"""Helpers behind the transfer-learning course.

The public names stand in ``__init__.pyi`` and are loaded on first use, so that ``import tlcourse``
and ``tlcourse --help`` do not wait for PyTorch.
"""

import os

import lazy_loader

# On a busy machine, OpenMP's threads that wait by spinning take the processor from those that
# work; asleep they cost nothing, but small networks wait for them to wake. GNU's OpenMP, the one
# of PyTorch on Linux, spins a moment first. It counts only where PyTorch is not imported yet.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = ["__version__", *__all__]


def __getattr__(name: str):
    """Load a public name; its arguments are checked, see `base.kinds`."""
    from .base.kinds import checked

    globals()[name] = value = checked(_load(name))
    return value
