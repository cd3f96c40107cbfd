"""Drawn chest films: lungs, heart, ribs, and findings that a small model can learn to see."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = ("chest_wall", "pleura", "parenchyma", "cardio", "abnormal")


def draw_film(labels: np.ndarray, rng: np.random.Generator, size: int = 96) -> Image.Image:
    """A film with the first four `labels` drawn into it: a broken rib, an effusion, a nodule, a wide heart."""
    wall, pleura, lung, cardio = (bool(v) for v in labels[:4])
    image = Image.new("L", (size, size), 150)
    draw = ImageDraw.Draw(image)
    unit = size / 96
    dx, dy = rng.uniform(-2, 2, 2)

    def box(x0: float, y0: float, x1: float, y1: float) -> list[float]:
        return [(x0 + dx) * unit, (y0 + dy) * unit, (x1 + dx) * unit, (y1 + dy) * unit]

    draw.ellipse(box(12, 12, 44, 84), fill=45)
    draw.ellipse(box(52, 12, 84, 84), fill=45)
    for y in range(18, 72, 9):
        for x0 in (12, 52):
            draw.arc(box(x0, y, x0 + 32, y + 14), 190, 350, fill=85, width=max(1, round(1.5 * unit)))
    wide = rng.uniform(15, 19) if cardio else rng.uniform(6, 9)
    draw.ellipse(box(50 - wide, 48, 50 + wide, 82), fill=175)
    side = int(rng.integers(2)) * 40
    if pleura:
        draw.chord(box(12 + side, 12, 44 + side, 84), 25, 155, fill=170)
    if lung:
        cx, cy = rng.uniform(20, 32) + side, rng.uniform(26, 44)
        draw.ellipse(box(cx - 5, cy - 5, cx + 5, cy + 5), fill=210)
    if wall:
        top = rng.uniform(20, 70)
        left = 3 if rng.random() < 0.5 else 86
        draw.line(box(left, top, left + 7, top + 6), fill=255, width=max(2, round(4 * unit)))
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6 * unit)), dtype=np.float64)
    pixels = pixels * rng.uniform(0.9, 1.1) + rng.normal(0, 5, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def draw_dataset(
    folder: Path, count: int, *, seed: int = 0, size: int = 96, splits: tuple[str, ...] = ("train", "valid", "test")
) -> Path:
    """`count` films and their `labels.csv`, two films a patient, shared 60:20:20 between the splits."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    labels = (rng.random((count, 4)) < 0.3).astype(int)
    rows = []
    for i, findings in enumerate(labels):
        name = f"film_{i:04d}.jpg"
        draw_film(findings, rng, size).save(folder / name, quality=92)
        patient = i // 2
        place = patient % 5
        split = splits[0] if place < 3 else splits[min(place - 2, len(splits) - 1)]
        rows.append([name, f"p{patient}", split, *findings, int(findings.any())])
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image", "patient_key", "split", *CLASSES], *rows])
    return path
