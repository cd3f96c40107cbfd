"""What gold says of a report, where the reports come with labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Truth:
    """Gold labels by class without the debatable ones, and the findings if the gold lists them."""

    labels: dict[str, int]
    findings: frozenset[str] | None


def read_truth(path: str, classes: tuple[str, ...], id_column: str) -> dict[str, Truth]:
    """Gold by report id from a .jsonl (`labels` an object) or .csv (a column for each class); empty if there is none.

    Rows that cannot be read are left out: reading the reports tells of them.
    """
    file = Path(path)
    rows = {".jsonl": _objects, ".ndjson": _objects, ".csv": _records}.get(file.suffix.lower())
    if rows is None or not file.is_file():
        return {}
    out: dict[str, Truth] = {}
    text = file.read_text("utf-8-sig", errors="replace")
    for row in rows(text):
        labels = row.get("labels", row)
        if not isinstance(labels, dict) or any(str(labels.get(name)) not in ("0", "1") for name in classes):
            continue
        debatable = row.get("debatable") or ()
        findings = row.get("findings")
        out[str(row.get(id_column, "")).strip()] = Truth(
            {name: int(labels[name]) for name in classes if name not in debatable},
            frozenset(findings) if isinstance(findings, list) else None,
        )
    return out


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.split("\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _records(text: str) -> Iterable[dict[str, Any]]:
    return csv.DictReader(io.StringIO(text, newline=""))
