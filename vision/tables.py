"""Numbers, intervals and tables as text: what is undefined stays the word `undefined`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vision.bootstrap import Interval


class Table(NamedTuple):
    """Cells of a table; the first of `rows` is below `header`."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float, digits: int = 4) -> str:
    """A number for a table; `undefined` stays a word."""
    return "undefined" if math.isnan(value) else f"{value:.{digits}f}"


def with_interval(interval: Interval, column: int = 0) -> str:
    """`0.4483 (0.327, 0.559)`, the paper's way; says how many replicates were undefined, where any were."""
    point = number(float(interval.point[column]))
    if math.isnan(interval.low[column]):
        return point
    left_out = int(interval.undefined[column])
    note = f"; {left_out} undefined" if left_out else ""
    return f"{point} ({interval.low[column]:.3f}, {interval.high[column]:.3f}{note})"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def title(name: str) -> str:
    """`chest_wall` is Chest wall."""
    return name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


def number_or_none(value: float) -> float | None:
    """None for undefined."""
    return None if math.isnan(value) else float(value)


def interval_record(interval: Interval, column: int = 0) -> dict[str, float | int | None]:
    """One column of an interval; None is undefined."""
    return {
        "value": number_or_none(interval.point[column]),
        "low": number_or_none(interval.low[column]),
        "high": number_or_none(interval.high[column]),
        "undefined_replicates": int(interval.undefined[column]),
    }


def to_csv(records: Sequence[dict[str, Any]]) -> str:
    """Records as CSV; what is None is the word undefined where it is a measure, and blank where it does not apply."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        values = {k: "undefined" for k in ("value", "low", "high", "all_positive") if k in record and record[k] is None}
        writer.writerow(record | values)
    return text.getvalue()
