"""Label CSV to trained and measured models: the trainer beside the labeler.

Everything here is imported when it is asked for, so that `vnvision --help` does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.bootstrap import Interval as Interval
    from vision.bootstrap import intervals as intervals
    from vision.cam import grad_cam as grad_cam
    from vision.config import TrainConfig as TrainConfig
    from vision.data import LabelTable as LabelTable
    from vision.data import read_labels as read_labels
    from vision.errors import InputError as InputError
    from vision.losses import AsymmetricLoss as AsymmetricLoss
    from vision.losses import BinaryCrossEntropy as BinaryCrossEntropy
    from vision.losses import DistributionBalancedLoss as DistributionBalancedLoss
    from vision.models import Checkpoint as Checkpoint
    from vision.models import load_checkpoint as load_checkpoint
    from vision.schedule import lr_at as lr_at
    from vision.schemes import load_scheme as load_scheme
    from vision.views.classifier import Classifier as Classifier

_HOME = {
    "Interval": "bootstrap",
    "intervals": "bootstrap",
    "grad_cam": "cam",
    "TrainConfig": "config",
    "LabelTable": "data",
    "read_labels": "data",
    "InputError": "errors",
    "AsymmetricLoss": "losses",
    "BinaryCrossEntropy": "losses",
    "DistributionBalancedLoss": "losses",
    "Checkpoint": "models",
    "load_checkpoint": "models",
    "lr_at": "schedule",
    "load_scheme": "schemes",
    "Classifier": "views.classifier",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vision' has no attribute {name!r}")
    return getattr(import_module(f"vision.{_HOME[name]}"), name)
