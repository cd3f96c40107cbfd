"""From cached pixels to batches on the device: what is in a batch depends on the seed and the step alone.

Everything here is a pure function of (seed, step), so that ranks, workers and a resumed run see the same films in the
same order, changed in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vision.cache import Pixels
from vision.config import Augment

_ROOM = 0.5  # share of the free GPU memory that films may take; the rest is for the model
_ORDER, _CHANGE = 0, 1  # streams of random numbers below one seed


@lru_cache(maxsize=2)
def _epoch(seed: int, epoch: int, n: int) -> NDArray[np.intp]:
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(n)


def stream(n: int, *, seed: int, start: int, count: int) -> NDArray[np.intp]:
    """Places `start` to `start + count` in the endless row of epochs, each a new order of 0..n-1: (count,).

    No film is dropped at the end of an epoch: a batch may hold the end of one and the beginning of the next.
    """
    places = np.arange(start, start + count)
    return np.array([_epoch(seed, int(p) // n, n)[p % n] for p in places], dtype=np.intp)


def draw_changes(count: int, *, seed: int, index: int) -> Tensor:
    """(count, 6) float32, uniform in -1..1: the random changes of the micro-batch number `index`."""
    values = np.random.default_rng([seed, _CHANGE, index]).uniform(-1, 1, (count, 6))
    return torch.from_numpy(values.astype(np.float32))


def augment(films: Tensor, changes: Tensor, by: Augment) -> Tensor:
    """Turns, shifts, scales and re-exposes films (B, 1, S, S) in 0..1; `changes` (B, 6) in -1..1 says how far of each.

    What comes in from outside the film is black.
    """
    angle, zoom, right, down, contrast, brightness = changes.to(films).unbind(1)
    angle, zoom = angle * (by.rotate * pi / 180), 1 + zoom * by.scale
    if by.rotate or by.scale or by.shift:
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        # grid coordinates span 2, so that a share of the side is twice as much
        rows = [cos, -sin, right * (2 * by.shift), sin, cos, down * (2 * by.shift)]
        theta = torch.stack(rows, dim=1).view(-1, 2, 3)
        grid = F.affine_grid(theta, list(films.shape), align_corners=False)
        films = F.grid_sample(films, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    if by.contrast or by.brightness:
        gain = (1 + contrast * by.contrast).view(-1, 1, 1, 1)
        films = (films * gain + (brightness * by.brightness).view(-1, 1, 1, 1)).clamp(0, 1)
    return films


def prepare(
    films: Tensor, *, mean: float, std: float, changes: Tensor | None = None, by: Augment | None = None
) -> Tensor:
    """uint8 films (B, 1, S, S) as the model's input: 0..1, changed where `changes` are given, normalised."""
    x = films.float() / 255
    if changes is not None and by is not None:
        x = augment(x, changes, by)
    return (x - mean) / std


class Films:
    """The films of a cache, batch by batch on a device.

    On a GPU the whole set is copied to its memory once where it fits; else, and on the CPU, a thread reads one batch
    ahead of the one in use.
    """

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self._rows, self._map, self.device = pixels.rows, pixels.open(), device
        self._resident: Tensor | None = None
        count, side = len(pixels.rows), pixels.shape[1]
        if device.type == "cuda" and count * side * side < _ROOM * torch.cuda.mem_get_info(device)[0]:
            self._resident = torch.empty((count, 1, side, side), dtype=torch.uint8, device=device)
            for start in range(0, count, 256):
                self._resident[start : start + 256] = self._read(np.arange(start, min(start + 256, count)))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def resident(self) -> bool:
        """Whether all films lie in GPU memory."""
        return self._resident is not None

    def _read(self, which: NDArray[np.intp]) -> Tensor:
        films = torch.from_numpy(self._map[self._rows[which]]).unsqueeze(1)
        return films.pin_memory() if self.device.type == "cuda" else films

    def batches(self, plan: Iterable[NDArray[np.intp]]) -> Iterator[Tensor]:
        """For each array of film numbers (B,) in `plan`, the films (B, 1, S, S) uint8 on the device."""
        if self._resident is not None:
            for which in plan:
                index = torch.from_numpy(which).pin_memory().to(self.device, non_blocking=True)
                yield self._resident.index_select(0, index)
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = None
            for which in plan:
                coming = reader.submit(self._read, which)
                if ahead is not None:
                    yield ahead.result().to(self.device, non_blocking=True)
                ahead = coming
            if ahead is not None:
                yield ahead.result().to(self.device, non_blocking=True)
