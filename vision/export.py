"""A checkpoint for others to use: safetensors or ONNX, with everything that is needed to feed it and to read its scores.

Both carry the same metadata, every value a string: `model`, `classes` and `thresholds` (JSON lists in the order of the
scores), `size`, `mean` and `std` of the input in 0..1, `version` (a hash of the weights), `about` (a JSON object: what
the training said).
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import Tensor, nn

from vision.errors import InputError
from vision.files import write_with
from vision.models import Checkpoint, weights_hash

FORMATS = (".safetensors", ".onnx")


def export(checkpoint: Checkpoint, path: Path, *, thresholds: Sequence[float] | None = None) -> None:
    """Writes `checkpoint` to `path`, whose suffix says how; atomically.

    The ONNX graph takes `image`, float32 (N, 1, S, S) in 0..1, and gives `scores`, (N, C) probabilities: normalisation
    and sigmoid are in it. The safetensors file is a checkpoint that every command of `vnvision` takes.

    Args:
        thresholds: one a class; without, the checkpoint's own.

    Raises:
        InputError: another suffix.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"{path}:1:1: no format has this suffix, {' or '.join(FORMATS)} is needed")
    cuts = [float(t) for t in thresholds] if thresholds is not None else checkpoint.thresholds
    checkpoint = replace(checkpoint, about={**checkpoint.about, "thresholds": cuts})
    metadata = describe(checkpoint)
    if path.suffix == ".onnx":
        model = checkpoint.build()
        spec = checkpoint.spec
        graph = to_onnx(_Scores(model, spec.mean, spec.std), spec.size, output="scores", metadata=metadata)
        write_with(path, lambda temporary: temporary.write_bytes(graph))
    else:
        weights = {key: value.detach().cpu().contiguous() for key, value in checkpoint.weights.items()}
        write_with(path, lambda temporary: save_file(weights, temporary, metadata={"format": "pt", **metadata}))


def describe(checkpoint: Checkpoint) -> dict[str, str]:
    """The metadata of an exported checkpoint."""
    spec = checkpoint.spec
    about = {key: value for key, value in checkpoint.about.items() if key not in ("history", "thresholds")}
    return {
        "model": spec.model,
        "classes": json.dumps(list(spec.classes), ensure_ascii=False),
        "thresholds": json.dumps(checkpoint.thresholds),
        "size": str(spec.size),
        "mean": repr(spec.mean),
        "std": repr(spec.std),
        "version": weights_hash(checkpoint.weights),
        "about": json.dumps(about),
    }


class _Scores(nn.Module):
    """Films in 0..1 to probabilities."""

    def __init__(self, model: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.model, self.mean, self.std = model, mean, std

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.model((image - self.mean) / self.std))


def to_onnx(module: nn.Module, size: int, *, output: str, metadata: Mapping[str, str], half: bool = False) -> bytes:
    """`module` as an ONNX file of one input, `image` float32 (N, 1, `size`, `size`), and one output.

    Args:
        half: weights are stored as float16, half the size; what is computed stays float32.
    """
    batch = torch.export.Dim("N", min=1, max=1 << 16)
    with _quiet():
        program = torch.onnx.export(
            module.eval(), (torch.rand(2, 1, size, size),), dynamo=True, dynamic_shapes={"image": {0: batch}},
            input_names=["image"], output_names=[output], verbose=False,
        )  # fmt: skip
    model = cast(onnx.ModelProto, program.model_proto)  # type: ignore[union-attr]
    for value in (*model.graph.node, *model.graph.value_info):
        value.ClearField("metadata_props")  # paths and stack traces of this machine
        value.ClearField("doc_string")
    if half:
        _store_halves(model)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    return cast(bytes, model.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of its own deprecations and of operators that no model here has."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _store_halves(model: onnx.ModelProto) -> None:
    """Puts a cast to float32 behind every large weight, which runtimes fold away when they load the file."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 64:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
