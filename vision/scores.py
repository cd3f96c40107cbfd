"""Scores of named films: which films there are, and the CSV that their scores go into and come from."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.cache import IMAGE_SUFFIXES
from vision.data import Problem, find_column, read_csv, read_images
from vision.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores (N, C) of named films."""

    images: tuple[str, ...]
    classes: tuple[str, ...]
    values: Array

    def to_csv(self) -> str:
        """`image` and a column a class, as `evaluate` reads it."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["image", *self.classes])
        for image, row in zip(self.images, self.values, strict=True):
            writer.writerow([image, *(f"{value:.9g}" for value in row)])
        return text.getvalue()


def read_scores(path: Path) -> Scores:
    """A predictions file: a column `image`, every other column a class with scores in 0..1.

    Raises:
        InputError: a line for each score that is none.
    """
    header, rows = read_csv(path)
    image_at = find_column(path, header, None, ("image",), "image")
    at = [c for c in range(len(header)) if c != image_at]
    if not at:
        raise InputError(f"{path}:1:1: no score column, one a class is needed")
    problems, values, images = [], [], []
    for line, row in rows:
        try:
            numbers = [float(row[c]) for c in at]
            if not all(0 <= value <= 1 for value in numbers):
                raise ValueError
        except (ValueError, IndexError):
            problems.append(f"{path}:{line}:1: a score is missing or none, numbers in 0..1 are needed")
            continue
        values.append(numbers)
        images.append(row[image_at])
    if problems or not rows:
        raise InputError(problems or f"{path}:2:1: no row, one a film is needed")
    return Scores(tuple(images), tuple(header[c] for c in at), np.array(values))


def list_films(
    source: Path,
    folder: Path | None = None,
    image_column: str | None = None,
    *,
    also: Callable[[Path], bool] = lambda path: False,
) -> tuple[list[str], list[Path], list[Problem]]:
    """Names and files of the films in a folder, or in a CSV's image column (relative to `folder` or the CSV's own).

    Args:
        also: which files of a folder are films, whatever their suffix.

    Returns:
        Names, files, and the rows of the CSV that name none.

    Raises:
        InputError: no such place, or no film in it.
    """
    if not source.is_dir():
        return read_images(source, folder, image_column)
    files = (p for p in source.rglob("*") if p.is_file() and not p.name.startswith("."))
    paths = sorted(p for p in files if p.suffix.lower() in IMAGE_SUFFIXES or also(p))
    if not paths:
        raise InputError(f"{source}:1:1: no image in this folder, {', '.join(IMAGE_SUFFIXES)} are looked for")
    return [path.relative_to(source).as_posix() for path in paths], paths, []
