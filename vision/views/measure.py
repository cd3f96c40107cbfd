"""How well the PA classifier tells PA films from all others, on all films and on each group of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vision import metrics
from vision.bootstrap import Interval, interval, replicates, resample
from vision.data import LabelTable, Problem, read_csv, read_labels
from vision.errors import InputError, nearest
from vision.views.classifier import Classifier


@dataclass(frozen=True)
class Group:
    """The films of a table that share a value of a column; each interval holds one number."""

    name: str
    films: int
    pa: int
    auc: Interval
    sensitivity: Interval
    specificity: Interval


def read_views(
    labels: Path,
    images: Path | None = None,
    *,
    column: str = "is_pa",
    leave_out: Sequence[str] = (),
    hold_out: float = 0.0,
    seed: int = 0,
) -> LabelTable:
    """A CSV with an image column and a column of 1 for PA and 0 for all else, as a table of one class.

    Args:
        leave_out: `COLUMN=TEXT`, rows whose column contains this text, for example `licence=NC`.
        hold_out: share of the training patients that becomes valid where no row is; 0 for none.

    Raises:
        InputError: no such columns.
    """
    options: dict[str, Any] = {"hold_out": bool(hold_out), "valid_fraction": hold_out or 0.3, "seed": seed}
    conditions = []
    for text in leave_out:
        name, equals, part = text.partition("=")
        if not equals or not part:
            raise InputError(f"--leave-out {text}: no COLUMN=TEXT, for example licence=NC")
        conditions.append((name, part))
    table = read_labels(labels, images, classes=[column], **options)
    for name, part in conditions:
        values = column_of(table, name)
        table = table.take([row for row in range(len(table)) if part not in values[row]])
    if not len(table):
        raise InputError(f"{labels}:1:1: no row is left, --leave-out names them all")
    return table


def column_of(table: LabelTable, name: str) -> list[str]:
    """The values of another column of the table's file."""
    header, rows = read_csv(table.source)
    if name not in header:
        raise InputError(f"{table.source}:1:1: no column {name!r}{nearest(name, header)} (it has {', '.join(header)})")
    at, by_line = header.index(name), dict(rows)
    return [by_line[line][at] for line in table.lines]


def measure(
    classifier: Classifier,
    table: LabelTable,
    *,
    by: Sequence[str] = (),
    threshold: float = 0.5,
    n: int = 3000,
    seed: int = 0,
) -> tuple[list[Group], list[Problem]]:
    """All films, and the films of each value of the columns `by`; 95 % intervals, drawn by patient where known."""
    scores, failed = classifier.score(table.paths)
    problems = [(error.kind, f"{table.paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    good = np.flatnonzero(~np.isnan(scores))
    if not len(good):
        raise InputError([*(line for _, line in problems[:1]), f"{table.source}:1:1: none of the films can be read"])
    table, scores = table.take(good), scores[good, None]
    members = {"all": np.arange(len(table))}
    for name in by:
        values = np.array(column_of(table, name))
        members |= {f"{name} {value or '(blank)'}": np.flatnonzero(values == value) for value in np.unique(values)}
    groups = []
    for name, rows in members.items():
        part = table.take(rows)
        y, s = part.targets.astype(np.float64), scores[rows]
        counts = resample(len(rows), n=n, seed=seed, groups=part.groups())
        drawn, point = replicates(y, s, thresholds=threshold, counts=counts), metrics.measure(y, s, threshold)
        found = {key: interval(point[key], drawn[key]) for key in ("auc", "sensitivity", "specificity")}
        groups.append(Group(name, len(rows), int(y.sum()), **found))
    return groups, problems
