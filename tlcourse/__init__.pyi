# The public names, and where they are defined: `__init__.py` loads them from here on first use.

from .activations.cache import cache_activations as cache_activations
from .advice.advise import advise as advise
from .advice.look import look as look
from .advice.probe import distinct_per_class as distinct_per_class
from .app.stream import predict_files as predict_files
from .base.claims import claim as claim
from .base.errors import CourseError as CourseError
from .base.lesson import lesson_setup as lesson_setup
from .base.paths import data_root as data_root
from .base.process import keep_freed_memory as keep_freed_memory, pick_device as pick_device
from .data.catalog import load_dataset as load_dataset
from .data.drawn.pets import draw_pet as draw_pet
from .data.export import write_pictures as write_pictures
from .data.folders import BadFilesWarning as BadFilesWarning
from .data.photo import read_photo as read_photo
from .data.sets import ImageSet as ImageSet, ImageSplits as ImageSplits
from .networks.freezing import (
    FrozenMovedError as FrozenMovedError,
    count_parameters as count_parameters,
    fingerprint as fingerprint,
    freeze as freeze,
    frozen_guard as frozen_guard,
    frozen_prefix as frozen_prefix,
    frozen_stages as frozen_stages,
    unfreeze as unfreeze,
)
from .networks.heads import replace_head as replace_head
from .networks.preprocess import Augment as Augment
from .networks.saving import load_model as load_model, save_model as save_model
from .networks.weights import weights_file as weights_file
from .networks.zoo import BACKBONES as BACKBONES, load_backbone as load_backbone
from .portable.page import export as export
from .strategies.apply import apply as apply, train as train
from .strategies.strategy import (
    STRATEGIES as STRATEGIES,
    Strategy as Strategy,
    get_strategy as get_strategy,
)
from .study.bench import training_memory as training_memory
from .training.calibrate import calibrate as calibrate
from .training.evaluate import evaluate as evaluate, predict as predict
from .training.explain import class_activation_map as class_activation_map
from .training.fit import fit as fit
from .training.optimizer import (
    FrozenChangedError as FrozenChangedError,
    make_optimizer as make_optimizer,
)

__version__: str
