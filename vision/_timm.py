"""`timm`, importable beside a CPU build of torch as well.

The registry's torchvision is built for CUDA. Beside a CPU torch its compiled operators do not load, and its import ends
with "operator torchvision::nms does not exist". No model here calls them, so it is enough that their schemas exist.
"""

from __future__ import annotations

import sys

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for schema in _SCHEMAS:
        torch.library.define(f"torchvision::{schema.partition('(')[0]}", schema[schema.index("(") :])
    import torchvision  # noqa: F401

import timm as timm  # noqa: E402  (only after the cure)
