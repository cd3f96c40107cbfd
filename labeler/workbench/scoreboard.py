"""One evaluation as one object: what `vnlabel eval` prints, writes as JSON and compares with an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from labeler import __version__
from labeler.evaluate import (
    REPLICATES,
    Counts,
    Interval,
    Outcome,
    bootstrap,
    cells,
    finding_counts,
    groups,
    number,
    summary,
    twins,
)
from labeler.io.gold import Gold, shown

if TYPE_CHECKING:
    from labeler.labeler import Labeler

SCORES = ("precision", "recall", "f1")


def scoreboard(labeler: Labeler, gold: Gold, found: Sequence[Outcome], replicates: int = REPLICATES) -> dict[str, Any]:
    """Scores of an evaluation, reports apart (gold/blind) in a block of their own; undefined scores are None."""
    main = [one for one in found if not one.gold.apart]
    apart = [one for one in found if one.gold.apart]
    info = labeler.rules.info
    return {
        "vnlabel": __version__,
        "rules": {"name": info.name, "version": info.version, "hash": labeler.rules.hash},
        "gold": {"files": [shown(file) for file in gold.files], "refused": [str(row) for row in gold.refused]},
        "main": block(labeler, main, replicates),
        "blind": block(labeler, apart, replicates) if apart else None,
        "reports": {one.gold.report_id: one.to_dict() for one in found},
    }


def block(labeler: Labeler, found: Sequence[Outcome], replicates: int) -> dict[str, Any]:
    """Scores of some reports: per class (the paper's Table 3), averages, and by file, tag and finding."""
    classes = labeler.classes
    table = cells(found, classes)
    spread = bootstrap(table, replicates) if found and replicates else {}
    counts, negative = table.counts(), cells(found, classes, "negative").counts()
    findings, unknown = finding_counts(found, labeler.lexicon.findings)
    argued = cells(found, classes, debatable=True).counts()
    return {
        "summary": summary(found, classes).to_dict(),
        "classes": {name: _class(j, counts, negative, spread) for j, name in enumerate(classes)},
        "macro": _average("macro", counts, spread, negative),
        "micro": _average("micro", counts, spread, negative),
        "debatable": {"labels": int(sum(map(np.sum, argued))), "as_gold": int((argued.tp + argued.tn).sum())},
        "files": {n: summary(g, classes).to_dict() for n, g in groups(found, lambda one: [one.gold.file]).items()},
        "tags": {n: summary(g, classes).to_dict() for n, g in groups(found, lambda one: one.gold.tags).items()},
        "twins": twins(found),
        "findings": {name: _finding(one) for name, one in findings.items()},
        "unknown_findings": unknown,
    }  # fmt: skip


def _class(j: int, counts: Counts, negative: Counts, spread: dict[str, list[Interval]]) -> dict[str, Any]:
    out: dict[str, Any] = {name: int(getattr(counts, name)[j]) for name in ("tp", "fp", "tn", "fn")}
    for name in SCORES:
        out[name] = _score(getattr(counts, name)[j], spread[name][j] if spread else None)
    out["f1_uncertain_negative"] = number(negative.f1[j])
    return out


def _average(kind: str, counts: Counts, spread: dict[str, list[Interval]], negative: Counts) -> dict[str, Any]:
    whole = counts if kind == "macro" else counts.micro()
    less = negative if kind == "macro" else negative.micro()
    out: dict[str, Any] = {}
    for i, name in enumerate(SCORES):
        values = getattr(whole, name)
        value = float(np.nanmean(values)) if not np.isnan(values).all() else np.nan
        out[name] = _score(value, spread[kind][i] if spread else None)
    out["f1_uncertain_negative"] = number(np.nanmean(less.f1)) if not np.isnan(less.f1).all() else None
    return out


def _score(value: float, spread: Interval | None) -> list[float | None]:
    return [number(value), *((number(spread.low), number(spread.high)) if spread else ())]


def _finding(counts: Counts) -> dict[str, Any]:
    out: dict[str, Any] = {name: int(getattr(counts, name)[0]) for name in ("tp", "fp", "fn")}
    out.update((name, number(getattr(counts, name)[0])) for name in SCORES)
    return out


def lowest_f1(result: dict[str, Any]) -> tuple[str, float | None]:
    """The class with the lowest F1 of the main block; a class that no report has counts for nothing."""
    scores = {name: one["f1"][0] for name, one in result["main"]["classes"].items() if one["f1"][0] is not None}
    return min(scores.items(), key=lambda item: item[1]) if scores else ("", None)
