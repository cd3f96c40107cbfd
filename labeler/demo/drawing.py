"""Films drawn from findings: no anatomy to learn from, but what a report says can be seen in its film.

A film is a map of densities, 0 air to 1 metal, on a unit square seen from the front: the patient's right is on the
left of the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeler.demo.findings import Finding

Map = NDArray[np.float32]
ROWS, COLUMNS = 576, 512
_LUNG_X, _LUNG_Y, _LUNG_RX, _LUNG_RY = 0.205, 0.46, 0.165, 0.335
_RIBS = 9
_BROKEN_RIB = 5


def chest(findings: list[Finding], seed: int, *, supine: bool = False) -> Map:
    """A frontal film."""
    rng = np.random.default_rng(seed)
    x, y = _grid()
    drawn = {finding.drawn: finding.side for finding in findings}
    wide = 1 + rng.normal(0, 0.03)
    x = (x - 0.5) / wide + 0.5
    body = _soft(1 - ((x - 0.5) / 0.47) ** 4 - ((y - 0.62) / 0.66) ** 4, 0.05)
    density = 0.42 * body
    right, left = _lung(x, y, -1, rng), _lung(x, y, 1, rng)
    lungs = np.maximum(right, left)
    density -= 0.30 * lungs
    density += _vessels(x, y, rng) * lungs
    density += 0.16 * _soft(0.055 - abs(x - 0.5), 0.01) * _soft(y - 0.05, 0.02)  # spine and mediastinum
    density += 0.10 * _soft(0.11 - abs(x - 0.5 + 0.015 * np.sin(9 * y)), 0.02) * _soft(0.55 - y, 0.05)
    size = 1.6 if "large_heart" in drawn else (1.12 if supine else 1.0)
    heart = _soft(1 - ((x - 0.535 - 0.05 * (size - 1)) / (0.125 * size)) ** 2 - ((y - 0.64) / (0.135 * (0.6 + 0.4 * size))) ** 2, 0.08)
    density += 0.26 * heart * np.maximum(lungs, 0.25)
    density = _ribs(density, x, y, drawn.get("fracture"), body)
    for side, sign in (("right", -1), ("left", 1)):
        lung = right if sign < 0 else left
        if drawn.get("effusion") == side:  # the meniscus climbs along the chest wall
            outward = (sign * (x - 0.5) - _LUNG_X).clip(-0.15, 0.15)
            density += 0.28 * lung * _soft(y - (0.655 - 4.5 * (outward + 0.05).clip(0) ** 2), 0.008)
        if side in (drawn.get("opacity"), drawn.get("upper_opacity")):
            height = 0.42 if drawn.get("opacity") == side else 0.25
            cx, cy = 0.5 + sign * (_LUNG_X + rng.normal(0, 0.02)), height + rng.normal(0, 0.03)
            blob = np.exp(-(((x - cx) / 0.06) ** 2 + ((y - cy) / 0.055) ** 2))
            density += (0.24 * blob * (1 + 0.5 * _clouds(rng, 24))) * lung
        if drawn.get("pneumothorax") == side:
            rim = _lung(x + sign * 0.035, y - 0.035, sign, rng)
            outside = (lung - rim).clip(0)
            density -= 0.085 * outside
            density += 0.10 * np.exp(-(((rim - 0.5) / 0.22) ** 2)) * lung
    if "device" in drawn:
        box = _soft(1 - ((x - 0.755) / 0.06) ** 4 - ((y - 0.27) / 0.045) ** 4, 0.1)
        lead = np.exp(-(((x - (0.545 + 0.19 * (1 - np.clip((y - 0.2) / 0.42, 0, 1)) ** 3)) / 0.006) ** 2))
        density = np.maximum(density, np.maximum(0.93 * box, 0.88 * lead * ((y > 0.24) & (y < 0.66))))
    if supine:
        density += 0.03
    return _finished(density, rng)


def lateral(seed: int) -> Map:
    """A film from the side."""
    rng = np.random.default_rng(seed)
    x, y = _grid()
    density = 0.42 * _soft(1 - ((x - 0.5) / 0.36) ** 4 - ((y - 0.6) / 0.66) ** 4, 0.05)
    lung = _soft(1 - ((x - 0.48) / 0.24) ** 2 - ((y - 0.45) / 0.34) ** 2, 0.05) * _soft(0.72 - y + 0.25 * (x - 0.4), 0.02)
    density -= 0.27 * lung
    density += 0.2 * _soft(1 - ((x - 0.38) / 0.11) ** 2 - ((y - 0.6) / 0.12) ** 2, 0.08)
    spine = 0.72 + 0.05 * np.sin(3 * y)
    density += (0.2 + 0.05 * np.sign(np.sin(60 * y))) * _soft(0.045 - abs(x - spine), 0.01)
    return _finished(density + _vessels(x, y, rng) * lung, rng)


def hand(seed: int) -> Map:
    """A film that is no chest."""
    rng = np.random.default_rng(seed)
    x, y = _grid()
    density = 0.3 * _soft(1 - ((x - 0.5) / 0.24) ** 2 - ((y - 0.7) / 0.2) ** 2, 0.1)
    for n in range(5):
        cx, length = 0.29 + 0.105 * n, (0.42, 0.2, 0.14, 0.18, 0.28)[n]
        middle = cx + (0.5 - cx) * (y - length) * 0.6
        finger = _soft(0.036 - abs(x - middle), 0.006) * _soft(y - length, 0.01) * _soft(0.85 - y, 0.01)
        bone = _soft(0.016 - abs(x - middle), 0.004) * _soft(y - length - 0.02, 0.01) * _soft(0.8 - y, 0.01)
        gaps = 1 - np.exp(-(((y - length) % 0.16 - 0.08) / 0.008) ** 2)
        density = np.maximum(density, 0.28 * finger) + 0.38 * bone * gaps
    return _finished(density, rng)


def _grid() -> tuple[Map, Map]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    return x / COLUMNS, y / ROWS


def _soft(value: Any, width: float) -> Map:
    """A step at zero with a soft edge."""
    step: Map = (1 / (1 + np.exp(-(np.asarray(value) / width).clip(-40, 40)))).astype(np.float32)
    return step


def _lung(x: Map, y: Map, sign: int, rng: np.random.Generator) -> Map:
    inner = 0.5 + sign * _LUNG_X
    shape = 1 - (abs(x - inner) / _LUNG_RX) ** 2.4 - (abs(y - _LUNG_Y) / _LUNG_RY) ** 2.4
    dome = 0.715 + (0.02 if sign > 0 else 0.0) - 0.075 * np.cos(((x - inner) / _LUNG_RX).clip(-1.2, 1.2) * 1.5) + 0.075
    return _soft(shape, 0.035) * _soft(dome - 0.01 - y, 0.006)


def _ribs(density: Map, x: Map, y: Map, broken: str | None, body: Map) -> Map:
    """Ribs fall towards the side; a broken one has a gap, and a step behind it."""
    out = density.copy()
    for side, sign in (("right", -1), ("left", 1)):
        outward = sign * (x - 0.5)
        for n in range(_RIBS):
            height = 0.16 + 0.066 * n + 0.55 * (outward - 0.05).clip(0) ** 1.6
            if n == _BROKEN_RIB and broken == side:
                height = height + 0.022 * (outward > 0.27)
            rib = np.exp(-(((y - height) / 0.0105) ** 2)) * _soft(outward - 0.05, 0.01) * _soft(0.385 - outward, 0.01)
            if n == _BROKEN_RIB and broken == side:
                rib = rib * (1 - np.exp(-(((outward - 0.27) / 0.008) ** 2)))
            out += 0.115 * rib * body
        clavicle = np.exp(-(((y - 0.155 - 0.10 * (0.25 - outward)) / 0.013) ** 2))
        out += 0.13 * clavicle * _soft(outward - 0.04, 0.01) * _soft(0.37 - outward, 0.02)
    return out


def _vessels(x: Map, y: Map, rng: np.random.Generator) -> Map:
    """Markings, denser towards the hila."""
    hilum = np.exp(-(((abs(x - 0.5) - 0.09) / 0.09) ** 2 + ((y - 0.47) / 0.16) ** 2))
    marks: Map = (0.11 * hilum + 0.022 * _clouds(rng, 14) + 0.016 * _clouds(rng, 40)).astype(np.float32)
    return marks


def _clouds(rng: np.random.Generator, cells: int) -> Map:
    """Smooth noise, about -1 to 1."""
    coarse = Image.fromarray(rng.normal(0, 0.5, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((COLUMNS, ROWS), Image.Resampling.BICUBIC))


def _finished(density: Map, rng: np.random.Generator) -> Map:
    grain = rng.normal(0, 0.008, density.shape)
    done: Map = (density * (1 + rng.normal(0, 0.02)) + grain + 0.05).clip(0, 1).astype(np.float32)
    return done
