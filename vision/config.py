"""A run's configuration: one YAML file plus `--set key=value`, validated; the paper's settings are the defaults."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from vision.data import Policy
from vision.errors import InputError, nearest
from vision.losses import AsymmetricLoss, BinaryCrossEntropy, DistributionBalancedLoss, MultiLabelLoss

LOSSES: dict[str, type[MultiLabelLoss]] = {
    "bce": BinaryCrossEntropy,
    "asl": AsymmetricLoss,
    "dbl": DistributionBalancedLoss,
}
_GIVEN_BY_DATA = {"self", "class_counts", "n_samples", "reduction"}

Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Augment(_Strict):
    """Random change of each training film, uniform within +-value. No flips: the heart has a side."""

    rotate: Annotated[float, Field(ge=0, le=180)] = 5.0
    """degrees"""
    shift: Share = 0.04
    """share of the side"""
    scale: Share = 0.05
    """share of the size"""
    contrast: Share = 0.1
    """share of the grey range"""
    brightness: Share = 0.05
    """share of the grey range"""


class TrainConfig(_Strict):
    """Everything that decides a run's outcome. Where the paper is silent, the comment says so."""

    # data
    labels: Path
    images: Path | None = None  # the folder of `labels`
    cache: Path | None = None  # `.cache` beside the run's folder
    classes: list[str] | None = None
    image_column: str | None = None
    patient_column: str | None = None
    status: list[str] = ["auto", "reviewed"]
    uncertain: Policy | dict[str, Policy] = "ones"
    blank: Literal["auto", "ignore", "zeros"] = "auto"
    views: Literal["frontal", "all"] = "frontal"
    valid_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    # model
    model: str = "efficientnet_b2"
    init: str = "imagenet"
    drop_rate: Share = 0.0  # not in the paper
    loss: Literal["bce", "asl", "dbl"] = "asl"
    loss_options: dict[str, float | list[float] | bool | None] = {}
    # pixels
    size: Annotated[int, Field(ge=8)] = 768
    mean: float = 0.449  # not in the paper: ImageNet's mean and deviation over the three channels, of 0..1
    std: Annotated[float, Field(gt=0)] = 0.226
    augment: Augment = Augment()  # not in the paper
    # optimisation
    batch_size: Count = 16  # of one optimiser step, over all ranks and micro-batches
    accumulate: Count = 1  # micro-batches a step is made of, over all ranks
    eval_batch_size: Count = 32
    epochs: Count = 160
    steps: Count | None = None  # instead of `epochs`
    lr: Annotated[float, Field(gt=0)] = 1e-3
    min_lr: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] | None = None  # not in the paper: one epoch, at most a tenth of the run
    valid_every: Count = 413
    save_every: Count | None = None  # each validation
    patience: Count | None = None  # validations without a better macro F1 until an early stop; None for none
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5  # not in the paper: of the F1 that chooses the checkpoint
    seed: int = 0
    # machine
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Count = 1
    precision: Literal["32", "bf16"] = "32"
    threads: Count | None = None
    channels_last: bool = True
    fused: bool | None = None  # on a GPU
    compile: bool = False

    @field_validator("labels", "images", "cache")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()  # the saved configuration is valid from any folder

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        accepted = set(inspect.signature(LOSSES[self.loss]).parameters) - _GIVEN_BY_DATA
        for option in self.loss_options:
            if option not in accepted:
                hint = nearest(option, accepted)
                raise ValueError(
                    f"loss_options: {self.loss} has no {option!r}{hint} (it has {', '.join(sorted(accepted))})"
                )
        micro_batches = max(self.accumulate, self.devices)
        if micro_batches % self.devices or self.batch_size % micro_batches:
            raise ValueError(
                f"batch_size {self.batch_size} does not divide into {self.accumulate} micro-batches "
                f"on {self.devices} devices, both divisions must be even"
            )
        return self

    @property
    def micro_batches(self) -> int:
        """Micro-batches of one optimiser step over all ranks: at least one a rank."""
        return max(self.accumulate, self.devices)


def parse_yaml(path: Path) -> dict[str, Any]:
    """A YAML 1.2 file as a plain mapping; `{}` for an empty one."""
    try:
        loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}:1:1: no such file, a YAML configuration is needed") from None
    except (IsADirectoryError, UnicodeDecodeError):
        raise InputError(f"{path}:1:1: no text file, a YAML configuration is needed") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InputError(
            f"{path}:{line}:{column}: {' '.join(str(error.problem).split())}, valid YAML is needed"
        ) from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise InputError(f"{path}:1:1: not a mapping, `key: value` lines are needed")
    return loaded


def apply_settings(values: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """`values` with each `key=value` put in; `a.b=1` reaches into mappings, values are read as YAML."""
    result = dict(values)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise InputError(f"--set {setting}: no key=value, for example --set lr=0.0005")
        try:
            value = YAML(typ="safe").load(text) if text else None
        except MarkedYAMLError:
            raise InputError(f"--set {setting}: the value is no YAML, quote it") from None
        target = result
        *outer, last = key.split(".")
        for part in outer:
            inner = target.get(part)
            # a single policy such as `uncertain: ones` becomes the default of the mapping that is reached into
            target[part] = dict(inner) if isinstance(inner, Mapping) else {"default": inner} if inner else {}
            target = target[part]
        target[last] = value
    return result


def validate(values: Mapping[str, Any], source: str) -> TrainConfig:
    """The configuration made of these values.

    Raises:
        InputError: a line for each wrong key or value, with the nearest valid key.
    """
    try:
        return TrainConfig.model_validate(dict(values))
    except ValidationError as error:
        problems = dict[str, None]()  # a union reports the same once for each member
        for item in error.errors():
            parts = [str(p) for p in item["loc"] if str(p) in values or isinstance(p, int) or "[" not in str(p)]
            key = ".".join(parts)
            if item["type"] == "extra_forbidden":
                fields = Augment.model_fields if parts[0] == "augment" else TrainConfig.model_fields
                what = f"no such key{nearest(parts[-1], fields)}"
            elif item["type"] == "missing":
                what = "missing, it is needed"
            else:
                message = item["msg"].removeprefix("Value error, ")
                what = message if not key else f"{message} (got {item['input']!r})"
            problems[f"{source}: {key}: {what}" if key else f"{source}: {what}"] = None
        raise InputError(list(problems)) from None


def to_yaml(config: TrainConfig) -> str:
    """The configuration as YAML that `--config` reads again."""
    stream = StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.dump(config.model_dump(mode="json"), stream)
    return stream.getvalue()
