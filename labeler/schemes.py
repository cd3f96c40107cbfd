"""Label columns: the five classes, CheXpert's 14, VinDr-CXR's 22 local and 6 global, and what an uncertain one becomes.

An uncertain class is exported by a policy: positive 1, negative 0, missing blank, minus1 -1.  What is derived from
the classes (`abnormal`, `No Finding`) is derived after the policy is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from labeler import schema

if TYPE_CHECKING:
    from labeler.labeler import Labeler
    from labeler.meanings import FindingInfo
    from labeler.report import Explanation, LabeledReport

SCHEMES = ("classes", "chexpert", "vindr")
POLICIES = {"positive": "1", "negative": "0", "missing": "", "minus1": "-1"}
DEVICES = "Support Devices"
CATCH_ALL = frozenset({"Other lesion", "Other diseases"})  # that one of them is absent says nothing of the rest
REMEMBERED = 50_000  # distinct reports whose fine labels are remembered

Values = tuple[str, ...]


def default_policy(scheme: str) -> str:
    """What an uncertain label becomes unless said otherwise: 1 for the classes, -1 in CheXpert's manner."""
    return "positive" if scheme == "classes" else "minus1"


def class_values(classes: tuple[str, ...], labels: Mapping[str, int], uncertain: Iterable[str], policy: str) -> Values:
    """Values of the five classes under a policy.

    `abnormal` is 1 when anything definite stays, else what the policy makes of the uncertain.
    """
    unsure = set(uncertain)
    said = POLICIES[policy]
    out = [said if name in unsure else str(labels[name]) for name in classes if name != "abnormal"]
    out.append(said if "abnormal" in unsure else str(labels["abnormal"]))
    return tuple(out)


class Scheme:
    """Label columns of one scheme and policy, and their values for a labelled report."""

    def __init__(self, labeler: Labeler, name: str = "classes", policy: str | None = None) -> None:
        self.name = name
        self.policy = policy or default_policy(name)
        self._labeler = labeler
        self._memo: dict[str, Values] = {}
        self.columns = columns(name, labeler.classes)
        self._of = {info.id: _names(info, name) for info in labeler.lexicon.findings.values()}
        self._devices = {info.id for info in labeler.lexicon.findings.values() if info.chexpert == DEVICES}

    def values(self, report: LabeledReport) -> Values:
        """Column values, blank where nothing is said."""
        if self.name == "classes":
            return class_values(self._labeler.classes, report.labels, report.uncertain, self.policy)
        found = self._memo.get(report.text)
        if found is None:
            if len(self._memo) >= REMEMBERED:
                self._memo.clear()
            found = self._memo[report.text] = self._fine(self._labeler.explain(report), report)
        return found

    def _fine(self, why: Explanation, report: LabeledReport) -> Values:
        rank = {"0": 1, POLICIES["minus1"]: 2, "1": 3}  # present outweighs uncertain outweighs absent
        best: dict[str, str] = {}

        def say(name: str, value: str) -> None:
            if rank[value] > rank.get(best.get(name, ""), 0):
                best[name] = value

        definite = unsure = False
        for m in why.mentions:
            value = {"present": "1", "uncertain": "-1", "absent": "0"}.get(m.assertion)
            if value is None:
                continue
            for name in self._of[m.finding]:
                if value != "0" or name not in CATCH_ALL:
                    say(name, value)
            if m.finding not in self._devices:
                definite = definite or value == "1"
                unsure = unsure or value == "-1"
        for finding in why.cleared:
            for name in self._of.get(finding, ()):
                if report.method == "template" or name not in CATCH_ALL:
                    say(name, "0")
        unsure_value = POLICIES[self.policy]
        out = {name: unsure_value if value == "-1" else value for name, value in best.items()}
        nothing = not definite and not (unsure and self.policy != "negative")
        values = [out.get(name, "") for name in self.columns]
        for i, name in enumerate(self.columns):
            if name.lower() == "no finding":
                values[i] = "1" if nothing else ""
        return tuple(values)


def columns(scheme: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Label columns of a scheme."""
    if scheme == "chexpert":
        return schema.CHEXPERT
    if scheme == "vindr":
        return (*schema.VINDR_LOCAL, *schema.VINDR_GLOBAL)
    return classes


def _names(info: FindingInfo, scheme: str) -> tuple[str, ...]:
    if scheme == "vindr":
        return info.vindr
    return (info.chexpert,) if info.chexpert else ()
