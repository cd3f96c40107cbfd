"""Training of the PA classifier, small enough for a laptop: from films to an ONNX file, the loop in one piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from vision.batches import Films, stream
from vision.cache import build_cache
from vision.data import LabelTable, counted
from vision.devices import open_fabric
from vision.errors import InputError
from vision.export import to_onnx
from vision.files import write_with
from vision.models import create, weights_hash
from vision.progress import progress
from vision.schedule import lr_at
from vision.views.changes import Strength, vary

Say = Callable[[str], object]
_CHANGES = 2  # this stream of random numbers below the seed
_STRIDE = 32  # of the model: films of whole multiples waste no border


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what is learnt, beside the films. The defaults made the shipped classifier."""

    model: str = "resnet10t"
    options: dict[str, Any] = field(default_factory=lambda: {"channels": [16, 32, 64, 128], "stem_width": 16})  # timm's
    size: int = 192
    first_size: int = 96  # films grow to `size` over the first 7/10 of the steps: what is coarse is learnt cheaply
    epochs: int = 64
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 0.05
    average: float = 0.995  # of the weights' exponential moving average, which is what is kept
    mean: float = 0.449
    std: float = 0.226
    seed: int = 0
    changes: Strength = field(default_factory=Strength)

    def side(self, step: int, total: int) -> int:
        """Side of the films of a step."""
        grown = min(1.0, step / (0.7 * total))
        return max(_STRIDE, round((self.first_size + (self.size - self.first_size) * grown) / _STRIDE) * _STRIDE)


class Projection(nn.Module):
    """Films in 0..1, (N, 1, S, S), to the probability of PA, (N,)."""

    def __init__(self, model: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.model, self.mean, self.std = model, mean, std

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.logit(image))

    def logit(self, image: Tensor) -> Tensor:
        found: Tensor = self.model((image - self.mean) / self.std)
        return found.squeeze(1)


def train(
    table: LabelTable,
    out: Path,
    recipe: Recipe,
    *,
    cache: Path,
    accelerator: str = "auto",
    threads: int | None = None,
    allow_refused: bool = False,
    say: Say = print,
) -> None:
    """Trains on the rows that are `train`, and writes the ONNX file `out`.

    Raises:
        InputError: bad rows and films, each named (unless `allow_refused`, which leaves them out); or no film, or none
            of one of the two kinds.
    """
    table = table.take(np.flatnonzero(np.isin(table.splits, ("train", "all"))))
    if not len(table):
        raise InputError(f"{table.source}:1:1: no train rows, at least one is needed")
    # a quarter more than is shown, so that what is cropped is still sharp
    with progress("decoding films", len(table)) as advance:
        pixels, failed = build_cache(table.paths, recipe.size * 5 // 4, cache, workers=threads, progress=advance)
    unread = [(error.kind, f"{table.paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    problems = [*table.refused, *unread]
    if problems and not allow_refused:
        raise InputError([*counted(problems), "nothing was trained; --allow-refused leaves these rows out"])
    for line in counted(problems) if problems else ():
        say(line)
    keep = [row for row in range(len(table)) if row not in failed]
    table = table.take(keep)
    if not len(table) or len(set(table.targets[:, 0].tolist())) < 2:
        raise InputError(f"{table.source}:1:1: {len(table)} films to train on, some PA and some others are needed")
    positives = int(table.targets.sum())
    say(f"{len(table)} films, {positives} PA")
    fabric = open_fabric(accelerator)
    if threads:
        torch.set_num_threads(threads)
    model = fit(table, Films(pixels.take(keep), fabric.device), recipe)
    counts = {"films": len(table), "pa": positives, "labels_sha256": table.digest()}
    metadata = {
        "size": str(recipe.size),
        "version": weights_hash(model.state_dict()),
        "trained": json.dumps({**counts, "recipe": asdict(recipe)}),
    }
    graph = to_onnx(model.cpu(), recipe.size, output="pa", metadata=metadata, half=True)
    write_with(out, lambda temporary: temporary.write_bytes(graph))


def _average(decay: float, kept: Tensor, now: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential moving average that forgets the random beginning: the first updates weigh more."""
    if not kept.is_floating_point():
        return now
    return kept.lerp(now, 1 - min(decay, (1 + int(updates)) / (10 + int(updates))))


def fit(table: LabelTable, films: Films, recipe: Recipe) -> Projection:
    """The loop: every step's films, their order and their changes follow from the seed and the step alone."""
    device = films.device
    torch.manual_seed(recipe.seed)
    model = create(recipe.model, 1, recipe.size, **recipe.options)
    module = Projection(model, recipe.mean, recipe.std).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    kept = AveragedModel(module, avg_fn=partial(_average, recipe.average), use_buffers=True)
    parameters: dict[bool, list[Tensor]] = {True: [], False: []}
    for parameter in module.parameters():
        parameters[parameter.ndim > 1].append(parameter)  # biases and normalisation do not decay
    groups = [{"params": parameters[decays], "weight_decay": recipe.weight_decay * decays} for decays in (True, False)]
    optimizer = torch.optim.AdamW(groups, lr=recipe.lr)
    truth = torch.from_numpy(table.targets[:, 0]).to(device)
    count = recipe.batch_size
    total = max(1, recipe.epochs * len(table) // count)
    plan = [stream(len(table), seed=recipe.seed, start=step * count, count=count) for step in range(total)]

    with progress("training", total) as advance:
        for step, pixels in enumerate(films.batches(plan)):
            lr = lr_at(step, base_lr=recipe.lr, warmup_steps=total // 20, total_steps=total)
            for group in optimizer.param_groups:
                group["lr"] = lr
            rng = np.random.default_rng([recipe.seed, _CHANGES, step])
            x, like = vary(pixels.float() / 255, rng, recipe.side(step, total), recipe.changes)
            module.train()
            target = truth[torch.from_numpy(plan[step]).to(device)] * like
            F.binary_cross_entropy_with_logits(module.logit(x), target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            kept.update_parameters(module)
            advance(1)
    result: Projection = kept.module  # type: ignore[assignment]
    return result.eval()
