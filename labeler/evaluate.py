"""Labels against gold: counts and scores per class, finding, file and tag (the paper's Table 3), and what went wrong.

A class on which careful readers may differ (`debatable`) is left out of every count and reported apart.  A report is
wrong when one of its other classes is, and auto-and-wrong when it was not sent to a person either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeler.io.gold import GoldReport
from labeler.report import AUTO, REVIEW, LabeledReport

if TYPE_CHECKING:
    from labeler.labeler import Labeler

REPLICATES = 3000
LEVEL = (2.5, 97.5)  # percentiles of a 95 % interval
CHANGES = ("mended", "broken", "to_review", "to_auto", "new", "gone")
_BLOCK = 64 << 20  # bytes of resamples worked on at a time

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gold report and what the labeler made of it."""

    gold: GoldReport
    labels: dict[str, int]
    uncertain: tuple[str, ...]
    status: str
    method: str
    reasons: tuple[str, ...]
    findings: frozenset[str]

    @property
    def wrong(self) -> tuple[str, ...]:
        """Classes that are not as in gold, debatable ones apart."""
        gold, debatable = self.gold.labels, self.gold.debatable
        return tuple(name for name, value in self.labels.items() if gold[name] != value and name not in debatable)

    @property
    def auto_wrong(self) -> bool:
        """Wrong, and nobody would look."""
        return bool(self.wrong) and self.status == AUTO

    def to_dict(self) -> dict[str, Any]:
        """What `--compare` needs of it; no text."""
        return {"labels": self.labels, "status": self.status, "wrong": list(self.wrong)}


def outcome(gold: GoldReport, report: LabeledReport) -> Outcome:
    """Hold a labelled report against its gold."""
    return Outcome(gold, report.labels, report.uncertain, report.status, report.method, report.reasons, report.findings)


def outcomes(labeler: Labeler, gold: Iterable[GoldReport]) -> list[Outcome]:
    """Label gold reports and hold each against its labels."""
    return [outcome(one, labeler.label(one.description)) for one in gold]


class Counts(NamedTuple):
    """True and false positives and negatives, (C,) each; scores are nan where nothing defines them."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array

    @property
    def precision(self) -> Array:
        """tp / (tp + fp)."""
        return _divide(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Array:
        """tp / (tp + fn)."""
        return _divide(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Array:
        """2 tp / (2 tp + fp + fn)."""
        return _divide(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def micro(self) -> Counts:
        """All classes as one, (1,) each."""
        return Counts(*(part.sum(axis=-1, keepdims=True) for part in self))


def _divide(a: Array, b: Array) -> Array:
    out = np.full(np.shape(b), np.nan)
    np.divide(a, b, out=out, where=b > 0)
    return out


class Cells(NamedTuple):
    """Which of the four counts each class of each report adds to, (N, C) of 0 and 1 each."""

    tp: Array
    fp: Array
    tn: Array
    fn: Array

    def counts(self) -> Counts:
        """Sums over the reports."""
        return Counts(*(part.sum(axis=0) for part in self))


def cells(found: Sequence[Outcome], classes: Sequence[str], policy: str = "positive", debatable: bool = False) -> Cells:
    """Each class of each report as true or false positive or negative.

    With `policy` negative, a class that nothing definite sets counts 0, in gold and in the labels.  With `debatable`
    only the debatable classes are counted, else only the others.
    """
    shape = (len(found), len(classes))
    truth, given, counted = (np.zeros(shape, dtype=bool) for _ in range(3))
    for i, one in enumerate(found):
        argued = set(one.gold.debatable)
        if policy == "negative":
            argued |= {name.removeprefix("uncertain:") for name in argued}
        for j, name in enumerate(classes):
            unsure = policy == "negative"
            truth[i, j] = one.gold.labels[name] and not (unsure and name in one.gold.uncertain)
            given[i, j] = one.labels[name] and not (unsure and name in one.uncertain)
            counted[i, j] = (name in argued) == debatable
    parts = (truth & given, ~truth & given, ~truth & ~given, truth & ~given)
    return Cells(*((part & counted).astype(np.float64) for part in parts))


class Interval(NamedTuple):
    """A score and its 95 % interval, nan where undefined."""

    value: float
    low: float
    high: float


def bootstrap(table: Cells, replicates: int = REPLICATES, seed: int = 0) -> dict[str, list[Interval]]:
    """Percentile intervals (Efron and Tibshirani 1993) over resampled reports, all replicates at once.

    Gives `precision`, `recall` and `f1` per class, and `macro` and `micro`, each precision, recall and F1.  A replicate
    in which a score is undefined is left out of its interval; a macro average is over the classes that are defined.
    """
    drawn = _resampled(table, replicates, seed)
    whole = table.counts()
    out: dict[str, list[Interval]] = {"macro": [], "micro": []}
    for name in ("precision", "recall", "f1"):
        value, values = getattr(whole, name), getattr(drawn, name)
        out[name] = [_interval(value[j], values[:, j]) for j in range(values.shape[1])]
        out["macro"].append(_interval(_mean(value[None])[0], _mean(values)))
        one, many = getattr(whole.micro(), name), getattr(drawn.micro(), name)
        out["micro"].append(_interval(one[0], many[:, 0]))
    return out


def _resampled(table: Cells, replicates: int, seed: int) -> Counts:
    """Counts (B, C) of resamples with replacement: how often each report is drawn, times what it adds."""
    size, classes = table.tp.shape
    stacked = np.concatenate(table, axis=1).astype(np.float32)
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // (8 * max(size, 1)))
    sums: list[Array] = []
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = random.integers(size, size=(rows, size)) + np.arange(rows)[:, None] * size
        times = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float32)
        sums.append((times @ stacked).astype(np.float64))
    return Counts(*np.split(np.concatenate(sums), [classes, 2 * classes, 3 * classes], axis=1))


def _mean(values: Array) -> Array:
    defined = ~np.isnan(values)
    return _divide(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def _interval(value: float, drawn: Array) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    low, high = np.percentile(defined, LEVEL) if len(defined) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Summary:
    """How a group of reports fared: shares are of its reports, F1 values are macro averages."""

    reports: int
    template: int
    rules: int
    review: int
    wrong: int
    auto_wrong: int
    macro_f1: float

    def to_dict(self) -> dict[str, Any]:
        """Counts, and the shares of them that matter."""
        size = max(self.reports, 1)
        return {
            "reports": self.reports, "template": self.template, "rules": self.rules, "review": self.review,
            "wrong": self.wrong, "auto_wrong": self.auto_wrong, "review_share": round(self.review / size, 4),
            "auto_wrong_share": round(self.auto_wrong / size, 4), "macro_f1": number(self.macro_f1),
        }  # fmt: skip


def summary(found: Sequence[Outcome], classes: Sequence[str]) -> Summary:
    """Sum up a group.  `template` and `rules` count reports that nobody need look at, by what decided them."""
    auto = [one for one in found if one.status != REVIEW]
    template = sum(one.method == "template" for one in auto)
    f1 = cells(found, classes).counts().f1
    return Summary(
        len(found), template, len(auto) - template, len(found) - len(auto), sum(bool(one.wrong) for one in found),
        sum(one.auto_wrong for one in found), float(_mean(f1[None])[0]),
    )  # fmt: skip


def groups(found: Sequence[Outcome], names: Callable[[Outcome], Iterable[str]]) -> dict[str, list[Outcome]]:
    """Outcomes by name, most reports first; one may be in several groups."""
    out: dict[str, list[Outcome]] = {}
    for one in found:
        for name in names(one):
            out.setdefault(name, []).append(one)
    return dict(sorted(out.items(), key=lambda item: -len(item[1])))


def finding_counts(found: Sequence[Outcome], known: Iterable[str]) -> tuple[dict[str, Counts], dict[str, int]]:
    """Counts per finding over the reports whose gold lists findings, and the listed ids that no rule has."""
    ids = list(known)
    at = {name: j for j, name in enumerate(ids)}
    listed = [one for one in found if one.gold.findings is not None]
    tp, fp, fn = (np.zeros(len(ids)) for _ in range(3))
    unknown: dict[str, int] = {}
    for one in listed:
        gold = set(one.gold.findings or ())
        for name in gold - at.keys():
            unknown[name] = unknown.get(name, 0) + 1
        for name in gold & at.keys():
            (tp if name in one.findings else fn)[at[name]] += 1
        for name in (one.findings & at.keys()) - gold:
            fp[at[name]] += 1
    tn = len(listed) - tp - fp - fn
    by_id = {name: Counts(*(part[j : j + 1] for part in (tp, fp, tn, fn))) for name, j in at.items()}
    return {name: c for name, c in by_id.items() if c.tp[0] + c.fp[0] + c.fn[0]}, unknown


def twins(found: Iterable[Outcome]) -> dict[str, Any]:
    """Misspelt copies (`twin_of`) of reports with the same gold labels, and which are labelled unlike their original."""
    by_id = {one.gold.report_id: one for one in found}
    pairs = [(one, by_id[one.gold.twin_of]) for one in by_id.values() if one.gold.twin_of in by_id]
    pairs = [(one, other) for one, other in pairs if one.gold.labels == other.gold.labels]
    return {"pairs": len(pairs), "differ": [one.gold.report_id for one, other in pairs if one.labels != other.labels]}


def changes(before: Mapping[str, Mapping[str, Any]], found: Iterable[Outcome]) -> dict[str, list[str]]:
    """Report ids by what became of them since an earlier run: `Outcome.to_dict` by id, as `--json` has them."""
    out: dict[str, list[str]] = {name: [] for name in CHANGES}
    seen: set[str] = set()
    for one in found:
        seen.add(one.gold.report_id)
        was = before.get(one.gold.report_id)
        if was is None:
            out["new"].append(one.gold.report_id)
            continue
        had, has = set(was["wrong"]), set(one.wrong)
        if had - has:
            out["mended"].append(one.gold.report_id)
        if has - had:
            out["broken"].append(one.gold.report_id)
        if was["status"] != one.status:
            out["to_review" if one.status == REVIEW else "to_auto"].append(one.gold.report_id)
    out["gone"] = [name for name in before if name not in seen]
    return out


def number(value: float | np.floating[Any]) -> float | None:
    """A score as JSON holds it: None where it is undefined."""
    return None if np.isnan(value) else round(float(value), 6)
