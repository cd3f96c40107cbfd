"""What each rule does on a corpus: how often it fires, with which others it agrees or disagrees, how often it is right.

Two rules overlap in a report when both say the same of the same finding there, and are in conflict when one asserts
and the other denies it on the same side, or when one calls the whole film normal and the other finds something.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from labeler.explaining import Reading
from labeler.io.gold import GoldReport
from labeler.pipe.items import CUE
from labeler.report import ASSERTED
from labeler.rules import RuleKey
from labeler.workbench.catalog import Catalog, Rule
from labeler.workbench.reading import Reader

COUNTED = ("findings", "normal", "templates", "cues", "headings")


class Vote(NamedTuple):
    """What one rule says in a line: of a finding, or (None) that something is normal."""

    rule: RuleKey
    finding: str | None
    region: str | None
    assertion: str
    side: str | None
    whole_film: bool


@dataclass(slots=True)
class Tally:
    """The counts of one rule.  `class_of` are the reports with gold in which it found something, `class_right` those
    where gold has its class; `finding_of` and `finding_right` the same for the finding, where gold lists findings."""

    rule: Rule
    reports: int = 0
    mentions: int = 0
    asserted: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0
    conflicts: int = 0
    class_of: int = 0
    class_right: int = 0
    finding_of: int = 0
    finding_right: int = 0


class Pair(NamedTuple):
    """Two rules that meet in reports over one finding."""

    first: RuleKey
    second: RuleKey
    finding: str
    kind: str  # overlap, conflict


class Stats:
    """Counts over a corpus, a report at a time."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.tallies = {rule.key: Tally(rule) for rule in catalog.rules.values() if rule.kind in COUNTED}
        self.pairs: Counter[Pair] = Counter()
        self.reports = self.judged = 0
        self._reader = Reader(catalog.labeler, self._look)

    def _look(self, reading: Reading) -> tuple[list[Vote], list[RuleKey]]:
        """The votes of a line, and the cues and headings in it."""
        votes = [
            Vote(hit.sense.rule, hit.sense.finding, hit.sense.region, hit.assertion, hit.side, hit.sense.whole_film)
            for _, hit in self.catalog.labeler.interpolator.attribution.hits(reading.clauses)
        ]
        items = reading.clauses.items
        others = [item.cue.rule for item in items if item.kind == CUE and item.cue is not None]
        for k in reading.clauses.headings:
            unit = items[k].unit
            heading = self.catalog.heading(unit) if unit is not None else None
            if heading is not None:
                others.append(heading)
        return votes, others

    def add(self, text: str, gold: GoldReport | None = None) -> None:
        """Count one report, and with its gold hold it against that."""
        self.reports += 1
        self.judged += gold is not None
        labeler = self.catalog.labeler
        report = labeler.label(text)
        if report.method == "template":
            key = ("templates", str(report.template), "id")
            self._fired({key: 1})
            if gold is not None:
                self.tallies[key].class_of += 1
                self.tallies[key].class_right += not any(gold.labels.values())
            return
        votes: list[Vote] = []
        fired: Counter[RuleKey] = Counter()
        for said, others in self._reader.read(text):
            votes += said
            fired.update(others)
        for vote in votes:
            fired[vote.rule] += 1
            self.tallies[vote.rule].asserted[vote.assertion if vote.finding else "normal"] += 1
        self._fired(fired)
        self._compare(votes)
        if gold is not None:
            self._judge(votes, gold)

    def _fired(self, fired: dict[RuleKey, int]) -> None:
        for key, times in fired.items():
            self.tallies[key].reports += 1
            self.tallies[key].mentions += times

    def _compare(self, votes: list[Vote]) -> None:
        by_finding: dict[str, set[Vote]] = {}
        for vote in votes:
            if vote.finding is not None and vote.assertion in (*ASSERTED, "absent"):
                by_finding.setdefault(vote.finding, set()).add(vote)
        pairs: set[Pair] = set()
        for finding, said in by_finding.items():
            for a, b in combinations(sorted(said, key=str), 2):
                first, second = sorted((a.rule, b.rule))
                if (a.assertion == "absent") != (b.assertion == "absent"):
                    if {a.side, b.side} != {"left", "right"}:
                        pairs.add(Pair(first, second, finding, "conflict"))
                elif a.rule != b.rule:
                    pairs.add(Pair(first, second, finding, "overlap"))
        for film in {vote.rule for vote in votes if vote.whole_film and vote.assertion == "present"}:
            for vote in votes:
                if vote.finding is not None and vote.assertion in ASSERTED:
                    pairs.add(Pair(film, vote.rule, vote.finding, "conflict"))
        for kind in ("overlap", "conflict"):
            for key in {key for pair in pairs if pair.kind == kind for key in (pair.first, pair.second)}:
                tally = self.tallies[key]
                if kind == "overlap":
                    tally.overlaps += 1
                else:
                    tally.conflicts += 1
        self.pairs.update(pairs)

    def _judge(self, votes: list[Vote], gold: GoldReport) -> None:
        for rule, finding, region in {(v.rule, v.finding, v.region) for v in votes if v.assertion in ASSERTED}:
            if finding is None or region is None:
                continue
            tally = self.tallies[rule]
            name = region if region in self.catalog.ruleset.classes else "abnormal"
            if name not in gold.debatable:
                tally.class_of += 1
                tally.class_right += gold.labels[name]
            if gold.findings is not None:
                tally.finding_of += 1
                tally.finding_right += finding in gold.findings

    def never(self) -> list[Rule]:
        """Rules that no report brought to speak, in the order of the files."""
        return [tally.rule for tally in self.tallies.values() if not tally.reports]
