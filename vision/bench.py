"""How fast training is, against the model alone in the same run, and what each means of speed is worth."""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from vision.batches import Films
from vision.cache import Pixels
from vision.config import LOSSES, TrainConfig
from vision.devices import open_fabric
from vision.models import create
from vision.train import build_optimizer, score, train_step, training_batches

PAPER = {"epochs": 160, "train": 7001, "valid": 3001, "evaluations": 170}
GAINS: dict[str, dict[str, Any]] = {
    "channels_last": {"channels_last": True},
    "bf16": {"precision": "bf16"},
    "fused Adam": {"fused": True},
    "torch.compile": {"compile": True},
}
_PLAIN = {"channels_last": False, "precision": "32", "fused": False, "compile": False}

Batches = Iterator[tuple[Tensor, Tensor]]


class _Trainer:
    """A model with everything that one optimiser step of `vision.train` needs."""

    def __init__(self, config: TrainConfig, classes: int = 5) -> None:
        self.config = config
        self.fabric = open_fabric(config.accelerator, precision=config.precision)
        torch.manual_seed(config.seed)
        layout = torch.channels_last if config.channels_last else torch.contiguous_format
        raw = create(config.model, classes, config.size)
        raw = raw.to(self.fabric.device, memory_format=layout)  # type: ignore[call-overload]
        optimizer = build_optimizer(config, raw, self.fabric.device)
        module = cast(nn.Module, torch.compile(raw)) if config.compile else raw
        self.module, self.optimizer = self.fabric.setup(module, optimizer)
        counts: dict[str, Any] = {"class_counts": [3] * classes, "n_samples": 10} if config.loss == "dbl" else {}
        self.criterion = LOSSES[config.loss](**counts | config.loss_options).to(self.fabric.device)

    def constant(self) -> Batches:
        """The same synthetic batch for ever, in the model's own form on the device."""
        each = self.config.batch_size // self.config.micro_batches
        x = torch.randn(each, 1, self.config.size, self.config.size, device=self.fabric.device)
        y = (torch.rand(each, 5, device=self.fabric.device) < 0.3).float()
        return itertools.repeat((x, y))

    def steps(self, batches: Batches, count: int) -> None:
        for _ in range(count):
            arguments = (self.criterion, batches, self.config.micro_batches, self.config.lr)
            train_step(self.fabric, self.module, self.optimizer, *arguments)

    def seconds(self, work: Callable[[], object]) -> float:
        self._finish()
        start = time.perf_counter()
        work()
        self._finish()
        return time.perf_counter() - start

    def _finish(self) -> None:
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize(self.fabric.device)


def bench(
    config: TrainConfig, *, steps: int = 10, rounds: int = 5, films: int = 256, gains: bool = True
) -> dict[str, Any]:
    """Images per second of the model alone on synthetic input, of real training and of evaluation; and the gains.

    Real training reads drawn pixels from a cache on disk, through everything a run does: memory map or GPU memory,
    order, augmentation, normalisation. Both are timed in turn, `rounds` times `steps` optimiser steps each, and the
    medians compared. Each gain is measured on the model alone against the plain model (contiguous, 32 bits, unfused,
    eager), in turn as well.
    """
    trainer = _Trainer(config)
    if trainer.fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        pixels = _drawn(Path(folder) / "pixels.u8", films, config.size)
        source = Films(pixels, trainer.fabric.device)
        targets = (torch.rand(films, 5) < 0.3).float().to(trainer.fabric.device)
        real = training_batches(source, targets, config, range(10_000), trainer.fabric)
        alone = trainer.constant()
        trainer.steps(alone, 2)
        trainer.steps(real, 2)
        alone_times, real_times = [], []
        for _ in range(rounds):
            alone_times.append(trainer.seconds(lambda: trainer.steps(alone, steps)))
            real_times.append(trainer.seconds(lambda: trainer.steps(real, steps)))
        real.close()  # type: ignore[attr-defined]  # a generator, with a reader thread to end
        score(trainer.fabric, trainer.module, source, config)
        scored = trainer.seconds(lambda: score(trainer.fabric, trainer.module, source, config))
    images = steps * config.batch_size
    ips, evaluated = images / median(real_times), films / scored
    device = trainer.fabric.device
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}, {_threads()}",
        "model": config.model,
        "size": config.size,
        "batch_size": config.batch_size,
        "precision": config.precision,
        "films_in_gpu_memory": source.resident,
        "model_alone_images_per_second": images / median(alone_times),
        "training_images_per_second": ips,
        "ratio": median(a / r for a, r in zip(alone_times, real_times, strict=True)),
        "evaluation_images_per_second": evaluated,
        "peak_memory_gib": _peak_memory(device),
        "projected_minutes_of_the_paper": (
            PAPER["epochs"] * PAPER["train"] / ips + PAPER["evaluations"] * PAPER["valid"] / evaluated
        )
        / 60,
    }
    if gains:
        result["gains"] = {name: _gain(config, change, steps, rounds) for name, change in GAINS.items()}
    return result


def _threads() -> str:
    return f"{torch.get_num_threads()} threads"


def _peak_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _gain(config: TrainConfig, change: dict[str, Any], steps: int, rounds: int) -> float | str:
    """How many times as fast as the plain model; or why it cannot be had here."""
    plain = _Trainer(config.model_copy(update=_PLAIN))
    try:
        changed = _Trainer(config.model_copy(update=_PLAIN | change))
        for trainer in (plain, changed):
            trainer.steps(trainer.constant(), 2)
        times = [
            [trainer.seconds(lambda t=trainer: t.steps(t.constant(), steps)) for trainer in (plain, changed)]  # type: ignore[misc]
            for _ in range(rounds)
        ]
    except RuntimeError as error:  # a missing compiler, or an operator that this device lacks
        return f"not here: {(str(error).strip().splitlines() or ['?'])[0]}"
    return median(before / after for before, after in times)


def _drawn(file: Path, films: int, size: int) -> Pixels:
    """A cache of noise: what is drawn does not matter to speed."""
    pixels = np.memmap(file, dtype=np.uint8, mode="w+", shape=(films, size, size))
    rng = np.random.default_rng(0)
    for film in pixels:
        film[:] = rng.integers(0, 256, (size, size), dtype=np.uint8)
    pixels.flush()
    return Pixels(file, (films, size, size), np.arange(films), ("",) * films)
