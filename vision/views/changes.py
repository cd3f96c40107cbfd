"""Training films as other machines, hands and archives would have made them, and some that are no chest film at all.

The sets of films differ in the share of PA, so whatever tells the sets apart would be learnt in place of the view:
sharpness, aspect and padding, exposure, how closely the film is cropped, what stands in its corners. All of it is drawn
anew for every film, the same for both classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Strength:
    """How far films are changed, uniform within the range or +-value; shares are of the side or of the grey range."""

    rotate: float = 10.0  # degrees
    stretch: float = 0.12  # of the aspect ratio
    crop: tuple[float, float] = (0.75, 1.1)  # each side; above 1 leaves a black border
    gamma: float = 0.5  # of its logarithm
    contrast: float = 0.3
    brightness: float = 0.15
    noise: float = 0.03
    coarse: float = 0.3  # of the films are taken down to 1/4 to 4/5 of the size and up again
    erased: int = 2  # rectangles at most
    unlike: float = 0.12  # of the films become something that is no PA chest film


def vary(films: Tensor, rng: np.random.Generator, size: int, by: Strength) -> tuple[Tensor, Tensor]:
    """Films (B, 1, R, R) in 0..1, changed, at `size`: (B, 1, size, size); and (B,) 0 for those made unlike, else 1."""
    count = len(films)
    kind = rng.choice(4, count, p=[1 - by.unlike, by.unlike / 2, by.unlike / 4, by.unlike / 4])
    x = _photographed(_framed(films, rng, size, by, kind), rng, by)
    drawn = torch.from_numpy(kind == 3)
    if drawn.any():
        x[drawn] = _drawn(int(drawn.sum()), rng, size).to(x)
    return _erased(x, rng, by).clamp_(0, 1), torch.from_numpy((kind == 0).astype(np.float32)).to(films)


def _framed(films: Tensor, rng: np.random.Generator, size: int, by: Strength, kind: NDArray[np.intp]) -> Tensor:
    """Another rotation, aspect and crop, resized with padding as every film is.

    Kind 1 is one half of the chest drawn wide, with the spine at its edge as on a lateral film; kind 2 a small part.
    """
    count = len(films)

    def uniform(low: float, high: float) -> Array:
        return rng.uniform(low, high, count).astype(np.float32)

    width, height = uniform(*by.crop), uniform(*by.crop)
    half, part = kind == 1, kind == 2
    stretch = np.exp(uniform(-by.stretch, by.stretch))
    width = np.where(half, uniform(0.35, 0.5), np.where(part, uniform(0.12, 0.35), width))
    stretch = np.where(half, uniform(1.3, 2.0), stretch)  # its width on the film over its width as it is
    height = np.where(part, width * uniform(0.7, 1.4), height)
    room_x, room_y = np.abs(1 - width), np.abs(1 - height)
    x0, y0 = room_x * uniform(-1, 1), room_y * uniform(-1, 1)
    x0 = np.where(half, np.sign(x0) * (width + uniform(-0.08, 0.08)), x0)

    shown_width = width * stretch
    side = np.maximum(shown_width, height)
    angle = np.deg2rad(uniform(-by.rotate, by.rotate))
    cos, sin = np.cos(angle), np.sin(angle)
    mirrored = rng.choice(np.array([-1, 1], dtype=np.float32), count)
    a, b = mirrored * side / stretch, side  # output to film, before the rotation
    theta = np.stack([cos * a, -sin * b, x0, sin * a, cos * b, y0], axis=1).astype(np.float32).reshape(-1, 2, 3)
    grid = F.affine_grid(torch.from_numpy(theta).to(films), [count, 1, size, size], align_corners=False)
    out = F.grid_sample(films, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    at = torch.linspace(-1, 1, size, device=films.device)
    inside_x = at.abs() <= torch.from_numpy(shown_width / side).to(films).view(-1, 1)
    inside_y = at.abs() <= torch.from_numpy(height / side).to(films).view(-1, 1)
    return out * (inside_y.view(-1, 1, size, 1) & inside_x.view(-1, 1, 1, size))


def _photographed(films: Tensor, rng: np.random.Generator, by: Strength) -> Tensor:
    """Another exposure, sharpness and noise; padding stays black."""
    count, size = len(films), films.shape[-1]

    def uniform(reach: float) -> Tensor:
        return torch.from_numpy(rng.uniform(-reach, reach, (count, 1, 1, 1)).astype(np.float32)).to(films)

    black = films == 0
    x = films.clamp_min(1e-4) ** torch.exp(uniform(by.gamma))
    x = (x - 0.5) * (1 + uniform(by.contrast)) + 0.5 + uniform(by.brightness)
    x = torch.where(black, films, x)
    coarse = torch.from_numpy(rng.random(count) < by.coarse)
    if coarse.any():
        small = int(rng.uniform(0.25, 0.8) * size)
        down = F.interpolate(x[coarse], size=small, mode="bilinear", antialias=True)
        x[coarse] = F.interpolate(down, size=size, mode="bilinear")
    seed = int(rng.integers(2**31))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    return x + noise * uniform(by.noise)


def _erased(films: Tensor, rng: np.random.Generator, by: Strength) -> Tensor:
    """Rectangles of one grey: markers, text and edges are not always to be seen."""
    count, size = len(films), films.shape[-1]
    at = torch.arange(size, device=films.device).view(1, -1)
    for number in range(by.erased):
        boxes = rng.uniform(0, 1, (4, count, 1)).astype(np.float32)
        grey = torch.from_numpy(rng.uniform(0, 1, (count, 1, 1, 1)).astype(np.float32)).to(films)
        sides = (0.04 + 0.2 * boxes[:2]) * size * (rng.random((1, count, 1)) < 1 - number / by.erased)
        left, top = torch.from_numpy(boxes[2:] * (size - sides)).to(films)
        wide, high = torch.from_numpy(sides).to(films)
        inside_x, inside_y = (at >= left) & (at < left + wide), (at >= top) & (at < top + high)
        films = torch.where(inside_y.view(count, 1, size, 1) & inside_x.view(count, 1, 1, size), grey, films)
    return films


def _drawn(count: int, rng: np.random.Generator, size: int) -> Tensor:
    """What is no radiograph: empty fields, slopes and clouds of any coarseness."""
    cells = int(rng.integers(1, 12))
    field = torch.from_numpy(rng.uniform(0, 1, (count, 1, cells, cells)).astype(np.float32))
    return F.interpolate(field, size=size, mode="bicubic", antialias=True)
