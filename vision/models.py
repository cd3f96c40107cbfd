"""Models by their timm names, for films of one channel, and whatever weights there are to begin with."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import safetensors
import torch
from huggingface_hub import constants
from safetensors.torch import load_file
from torch import Tensor, nn

from vision._timm import timm
from vision.errors import InputError
from vision.files import write_with


@dataclass(frozen=True)
class ModelSpec:
    """What is needed to build a model and to feed it: stored in every checkpoint."""

    model: str
    classes: tuple[str, ...]
    size: int
    mean: float
    std: float


@dataclass(frozen=True)
class Checkpoint:
    """A trained model: its spec, weights, and what is known of it (`step`, `labels`, `macro_f1`, ...)."""

    spec: ModelSpec
    weights: dict[str, Tensor]
    about: dict[str, Any]

    @property
    def thresholds(self) -> list[float]:
        """One a class: those it was exported with, else the one that chose the checkpoint."""
        given = self.about.get("thresholds", self.about.get("threshold", 0.5))
        return list(given) if isinstance(given, list) else [float(given)] * len(self.spec.classes)

    def build(self) -> nn.Module:
        """The model, in evaluation mode, on the CPU."""
        model = create(self.spec.model, len(self.spec.classes), self.spec.size)
        model.load_state_dict(self.weights)
        return model.eval()

    def save(self, path: Path, **beside: object) -> None:
        """Writes the checkpoint atomically, with whatever is wanted `beside` it (the optimiser's state)."""
        spec = {**asdict(self.spec), "classes": list(self.spec.classes)}
        weights = {key: value.detach().cpu() for key, value in self.weights.items()}
        content = {"spec": spec, "model": weights, "about": self.about, **beside}
        write_with(path, lambda temporary: torch.save(content, temporary))


def load_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint of `vnvision train`, or what `vnvision export` made of one as safetensors.

    Raises:
        InputError: no such file, or not one of ours.
    """
    content = _read(path)
    if "spec" not in content:
        raise InputError(f"{path}:1:1: weights without a spec, a checkpoint of vnvision train is needed (best.pt)")
    spec = ModelSpec(**{**content["spec"], "classes": tuple(content["spec"]["classes"])})
    return Checkpoint(spec, content["model"], content["about"])


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """The first 12 hex digits of the SHA-256 over names and values."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(key.encode() + weights[key].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def resolve(name: str) -> str:
    """The timm name that is meant: `EfficientNet-B2` is `efficientnet_b2`.

    Raises:
        InputError: no such model, with the nearest names.
    """
    if timm.is_model(name):
        return name
    key = _letters(name)
    names = timm.list_models()
    found = next((known for known in names if _letters(known) == key), None)
    if found:
        return str(found)
    near = ", ".join(get_close_matches(name.lower(), names, n=3, cutoff=0.5)) or "resnet50, densenet121, inception_v3"
    raise InputError(f"model {name!r}: no such timm model, nearest are {near}")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def create(name: str, classes: int, size: int, *, drop_rate: float = 0.0, **options: Any) -> nn.Module:
    """A model with random weights: films (B, 1, `size`, `size`) to logits (B, `classes`).

    `options` are timm's for this model, its widths for example.

    Raises:
        InputError: a size that the model cannot take.
    """
    name = resolve(name)
    try:
        sized = _sized(name, size)
        model: nn.Module = timm.create_model(
            name, in_chans=1, num_classes=classes, drop_rate=drop_rate, **sized, **options
        )
        with torch.no_grad():
            model.eval()(torch.zeros(1, 1, size, size))
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"size {size}: {name} cannot take it ({reason}), another size is needed") from None
    return model


def _sized(name: str, size: int) -> dict[str, Any]:
    """Models with a fixed input, vision transformers above all, are built for their size."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return {"img_size": size} if config and config.fixed_input_size else {}


def initialise(model: nn.Module, spec: ModelSpec, init: str) -> list[str]:
    """Puts the weights that `init` names into `model`, and says in words what fitted and what did not.

    Args:
        model: as `create` gives it.
        spec: what it was created as; the classifier of a checkpoint of ours is taken only for the same classes.
        init: `random`, `imagenet` (needs the network once), or a file: a checkpoint of ours, a timm or torchvision
            state dict, `.pt`, `.pth` or `.safetensors`. A classifier of other classes stays random; the first
            convolution is summed over its channels, which for a grey film is the same as showing it in all of them.

    Raises:
        InputError: no such file, no state dict, weights of another model, no network.
    """
    if init == "random":
        return ["weights: random"]
    if init == "imagenet":
        return _fit(model, spec.model, _imagenet(spec.model, spec.size), "imagenet")
    content = _read(Path(init))
    weights = _state_dict(content, init)
    if "spec" in content and tuple(content["spec"]["classes"]) != spec.classes:
        head = _head_of(model)
        weights = {key: value for key, value in weights.items() if not key.startswith(head)}
    return _fit(model, spec.model, weights, init)


def _imagenet(name: str, size: int) -> dict[str, Tensor]:
    try:
        with _quick_to_fail():
            return dict(timm.create_model(resolve(name), pretrained=True, **_sized(resolve(name), size)).state_dict())
    except Exception as error:  # the hub's client raises a dozen kinds, none of them documented
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"--init imagenet: no weights for {name} ({reason}); "
            "without network give --init FILE (a timm or torchvision state dict) or --init random"
        ) from None


@contextmanager
def _quick_to_fail() -> Iterator[None]:
    """Where the hub cannot be reached only its local cache is asked, instead of a minute of retries."""
    before = constants.HF_HUB_OFFLINE
    hub = urlsplit(constants.ENDPOINT)
    try:
        if not getproxies():
            socket.create_connection((hub.hostname, hub.port or 443), timeout=5).close()
    except OSError:
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return _exported(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}:1:1: no such file, a checkpoint or state dict is needed") from None
    except IsADirectoryError:
        raise InputError(f"{path}:1:1: a folder, a checkpoint or state dict is needed (best.pt in it)") from None
    except safetensors.SafetensorError as error:
        raise InputError(f"{path}:1:1: no safetensors file ({error}), a whole one is needed") from None
    except Exception as error:  # torch raises whatever unpickling did
        reason = str(error).strip().splitlines()[0][:100] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}:1:1: no checkpoint that is safe to load ({reason}), a state dict is needed") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}:1:1: holds a {type(content).__name__}, a checkpoint or state dict is needed")
    return dict(content)


def _exported(path: Path) -> dict[str, Any]:
    """Weights, and with them whatever `vision.export` put into the file's metadata."""
    weights = dict(load_file(path))
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if not {"model", "classes", "thresholds", "size", "mean", "std"} <= set(metadata):
        return weights
    numbers = {"size": int(metadata["size"]), "mean": float(metadata["mean"]), "std": float(metadata["std"])}
    about = {**json.loads(metadata.get("about", "{}")), "thresholds": json.loads(metadata["thresholds"])}
    spec = {"model": metadata["model"], "classes": json.loads(metadata["classes"]), **numbers}
    return {"spec": spec, "model": weights, "about": about}


def _state_dict(content: dict[str, Any], source: str) -> dict[str, Tensor]:
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = dict(content[wrapper])
            break
    weights = {
        re.sub(r"^(module\.|_orig_mod\.|model\.)+", "", k): v for k, v in content.items() if isinstance(v, Tensor)
    }
    if not weights:
        raise InputError(f"{source}:1:1: holds no weights, a checkpoint or state dict is needed")
    return weights


def _fit(model: nn.Module, name: str, weights: dict[str, Tensor], source: str) -> list[str]:
    own = model.state_dict()
    head = _head_of(model)
    weights = {_modern_densenet(k): v for k, v in weights.items() if not k.startswith("AuxLogits.")}
    shared = set(weights) & set(own)
    if len(shared) < 0.9 * len(own):
        weights = _by_order(own, weights, head)
    said, fitted = [], {}
    for key, value in weights.items():
        if key not in own:
            continue
        target = own[key]
        if value.dim() == 4 and (target.shape[0], 1, *value.shape[2:]) == target.shape != value.shape:
            said.append(f"weights: {key} summed over {value.shape[1]} channels to one")
            value = value.sum(dim=1, keepdim=True)
        if value.shape == target.shape:
            fitted[key] = value
        elif not key.startswith(head):
            what = f"{key} is {tuple(value.shape)}, not {tuple(target.shape)}"
            raise InputError(f"{source}: {what}, weights of {name} are needed")
    missing = [key for key in own if key not in fitted and not key.startswith(head) and "num_batches" not in key]
    if missing:
        raise InputError(
            f"{source}: {len(missing)} of {len(own)} weights missing ({missing[0]}, ...), weights of {name} are needed"
        )
    model.load_state_dict(fitted, strict=False)
    if not any(key.startswith(head) for key in fitted):
        said.append("weights: the classifier is of other classes and begins at random")
    return [f"weights: {len(fitted)} of {len(own)} tensors from {source}", *said]


def _head_of(model: nn.Module) -> str:
    classifier = model.get_classifier()  # type: ignore[operator]  # timm's convention, on every model
    return next(f"{name}." for name, module in model.named_modules() if module is classifier)


def _modern_densenet(key: str) -> str:
    """torchvision's first densenet weights say `norm.1` where the modules say `norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", key)


def _by_order(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    """torchvision's EfficientNets have other names for the same layers in the same order: match by order and shape."""
    ours = [key for key in own if not key.startswith(head) and "num_batches" not in key]
    theirs = [key for key in weights if not key.startswith("classifier.") and "num_batches" not in key]
    alike = len(ours) == len(theirs) and all(
        own[a].shape[2:] == weights[b].shape[2:] and own[a].shape[:1] == weights[b].shape[:1]
        for a, b in zip(ours, theirs, strict=True)
    )
    if not alike:
        return dict(weights)
    renamed = {a: weights[b] for a, b in zip(ours, theirs, strict=True)}
    heads = {key: f"classifier.1.{key.rpartition('.')[2]}" for key in own if key.startswith(head)}
    return {**renamed, **{a: weights[b] for a, b in heads.items() if b in weights}}
