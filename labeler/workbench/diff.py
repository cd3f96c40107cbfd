"""Which reports two rule sets label differently, and which rules make the difference.

A report is changed when its labels, status, method, uncertain classes, reasons or findings are.  Suspected are the
phrases that differ between the sets and take part in reading one of its lines that reads differently.  Where that
leaves one, it is the cause.  Where it leaves several, or none (an abbreviation, a word that is repaired another
way), differing entries are put back as they were, by halves, and those are the causes without which the change is
not the same.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from labeler import schema
from labeler.explaining import Reading
from labeler.report import Report
from labeler.rules import RuleKey, RuleSet, RuleSetError
from labeler.workbench.catalog import Catalog, Rule
from labeler.workbench.reading import Reader

MAX_TEXTS = 50_000  # distinct texts whose outcome is remembered
PHRASES = ("phrases", "measure", "examples", "not_examples")  # parts of an entry that are compared apart, or not at all

Finding = tuple[str, str, str | None]  # finding, assertion, side
Entry = tuple[str, str]  # kind and id


class Outcome(NamedTuple):
    """What a rule set makes of a report; findings with how often each is said."""

    labels: tuple[tuple[str, int], ...]
    status: str
    method: str
    uncertain: tuple[str, ...]
    reasons: tuple[str, ...]
    findings: tuple[tuple[Finding, int], ...]


class Cause(NamedTuple):
    """A rule behind a change: added or removed, or of an entry that changed otherwise than in its phrases."""

    change: str
    rule: Rule


@dataclass(slots=True)
class Change:
    """A report that the sets label differently."""

    report_id: str
    old: Outcome
    new: Outcome
    causes: tuple[Cause, ...] = ()


@dataclass(slots=True)
class Differences:
    """All changed reports, and how many were read."""

    reports: int = 0
    changes: list[Change] = field(default_factory=list)

    def by_cause(self) -> list[tuple[Cause, int]]:
        """Causes by the reports that they changed."""
        return Counter(cause for change in self.changes for cause in change.causes).most_common()


class _Line(NamedTuple):
    """What a set makes of an item of a report, and the rules that take part."""

    verdict: tuple[Any, ...]
    findings: tuple[Finding, ...]
    rules: frozenset[RuleKey]


class _Side:
    """One of the two sets."""

    def __init__(self, catalog: Catalog, classes: tuple[str, ...]) -> None:
        self.catalog, self.classes = catalog, classes
        self._reader = Reader(catalog.labeler, self._look)

    def _look(self, reading: Reading) -> _Line:
        interpolator = self.catalog.labeler.interpolator
        hits = list(interpolator.attribution.hits(reading.clauses))
        verdict = interpolator.verdict(reading.clauses, reading.said, reading.match.doubt, reading.section)
        rules = {hit.sense.rule for _, hit in hits}
        said = {k for k, _ in hits}
        for k, item in enumerate(reading.clauses.items):
            if item.unit is not None and k not in said:
                rules |= self.catalog.behind(item.unit)
        findings = tuple(
            (hit.sense.finding, hit.assertion, hit.side) for _, hit in hits if hit.sense.finding is not None
        )
        regions = verdict.definite, verdict.uncertain, verdict.reasons, verdict.conclusion_normal, verdict.section
        return _Line(regions, findings, frozenset(rules))

    def read(self, text: str) -> tuple[Outcome, list[_Line]]:
        """What the set makes of a text, as a whole and item by item."""
        labeler = self.catalog.labeler
        report = labeler.label(text)
        if report.method == "template":
            rule = ("templates", str(report.template), "id")
            lines = [_Line((), (), frozenset({rule}))]
        else:
            lines = self._reader.read(text)
        said = Counter(finding for line in lines for finding in line.findings)
        labels = tuple((name, report.labels.get(name, 0)) for name in self.classes)
        findings = tuple(sorted(said.items(), key=str))
        return Outcome(labels, report.status, report.method, report.uncertain, report.reasons, findings), lines


def compare(old: Catalog, new: Catalog, reports: Iterable[Report]) -> Differences:
    """Label reports with both sets, and find what made each change."""
    return _Comparison(old, new).run(reports)


class _Comparison:
    def __init__(self, old: Catalog, new: Catalog) -> None:
        self.old, self.new = old, new
        self.classes = tuple(dict.fromkeys((*old.ruleset.classes, *new.ruleset.classes)))
        self.sides = _Side(old, self.classes), _Side(new, self.classes)
        self.differing: dict[Entry, tuple[dict[RuleKey, Cause], dict[RuleKey, Cause]]] = _differing(old, new)
        self._causes = tuple(
            {key: cause for sides in self.differing.values() for key, cause in sides[i].items()} for i in (0, 1)
        )

    def run(self, reports: Iterable[Report]) -> Differences:
        out = Differences()
        known: dict[str, tuple[Outcome, Outcome] | None] = {}
        changed: dict[str, list[Change]] = {}
        suspects: dict[str, tuple[Cause, ...]] = {}
        for report in reports:
            out.reports += 1
            text = report.text
            if text not in known:
                if len(known) >= MAX_TEXTS:
                    known.clear()
                (old, before), (new, after) = (side.read(text) for side in self.sides)
                known[text] = None if old == new else (old, new)
                if old != new:
                    suspects[text] = self._suspects(before, after)
            outcomes = known[text]
            if outcomes is not None:
                change = Change(report.report_id, *outcomes)
                out.changes.append(change)
                changed.setdefault(text, []).append(change)
        self._settle(changed, suspects)
        for text, changes in changed.items():
            for change in changes:
                change.causes = suspects[text]
        return out

    def _suspects(self, before: list[_Line], after: list[_Line]) -> tuple[Cause, ...]:
        """Differing rules that take part in the lines that read differently."""
        if len(before) == len(after):
            told = [(a, b) for a, b in zip(before, after, strict=True) if a[:2] != b[:2]]
            before, after = [a for a, _ in told] or before, [b for _, b in told] or after
        found = {
            causes[key]
            for causes, lines in zip(self._causes, (before, after), strict=True)
            for line in lines
            for key in line.rules
            if key in causes
        }
        return tuple(sorted(found, key=_place))

    # when it is not plain which rule it was

    def _settle(self, changed: dict[str, list[Change]], suspects: dict[str, tuple[Cause, ...]]) -> None:
        """Find the causes of changes that have several suspects, or none."""
        open_: dict[str, Outcome] = {}
        for text, causes in suspects.items():
            if len({_entry(cause) for cause in causes}) != 1:
                open_[text] = changed[text][0].new
        several = {text: new for text, new in open_.items() if suspects[text]}
        guilty = self._guilty(sorted({_entry(c) for text in several for c in suspects[text]}), several)
        guilty |= self._guilty(list(self.differing), {t: new for t, new in open_.items() if not guilty.get(t)})
        for text, entries in guilty.items():
            own = tuple(cause for cause in suspects[text] if _entry(cause) in entries)
            more = (entry for entry in entries if entry not in {_entry(cause) for cause in own})
            causes = (*own, *(cause for entry in more for cause in self._all(entry)))
            suspects[text] = tuple(sorted(causes, key=_place))

    def _all(self, entry: Entry) -> list[Cause]:
        return list(dict.fromkeys(cause for side in self.differing[entry] for cause in side.values()))

    def _guilty(self, entries: list[Entry], texts: dict[str, Outcome]) -> dict[str, set[Entry]]:
        """By text the entries without whose difference the new set would not make of it what it does."""
        if not entries or not texts:
            return {}
        touched = texts
        side = self._put_back(entries)
        if side is not None:
            touched = {text: new for text, new in texts.items() if side.read(text)[0] != new}
        if not touched:
            return {}
        if len(entries) == 1:
            return {text: set(entries) for text in touched} if side is not None else {}
        half = len(entries) // 2
        out: dict[str, set[Entry]] = {text: set() for text in touched}
        for part in (entries[:half], entries[half:]):
            for text, found in self._guilty(part, touched).items():
                out[text] |= found
        if side is not None:  # what only takes effect together
            for found in out.values():
                found.update(entries if not found else ())
        return {text: found for text, found in out.items() if found}

    def _put_back(self, entries: list[Entry]) -> _Side | None:
        """The new set with these entries as the old one has them; None if they do not fit."""
        rules: RuleSet = copy.copy(self.new.ruleset)
        rules.__dict__.pop("regions", None)
        rules.__dict__.pop("classes", None)
        rules.entries = {kind: dict(held) for kind, held in rules.entries.items()}
        for kind, name in entries:
            held = self.old.ruleset.entries[kind].get(name)
            if held is not None:
                rules.entries[kind][name] = held
            else:
                rules.entries[kind].pop(name, None)
        try:
            return _Side(Catalog(rules), self.classes)
        except RuleSetError:
            return None


def _differing(old: Catalog, new: Catalog) -> dict[Entry, tuple[dict[RuleKey, Cause], dict[RuleKey, Cause]]]:
    """Per differing entry the rules that are not in the other set, by key: those of the old set, those of the new."""
    out: dict[Entry, tuple[dict[RuleKey, Cause], dict[RuleKey, Cause]]] = {}
    by_entry = tuple(_by_entry(catalog) for catalog in (old, new))
    for kind in schema.KINDS:
        for name in dict.fromkeys((*old.ruleset.entries[kind], *new.ruleset.entries[kind])):
            a, b = (catalog.ruleset.entries[kind].get(name) for catalog in (old, new))
            if a is not None and b is not None and _matter(a.entry) == _matter(b.entry):
                continue
            rules = tuple(side.get((kind, name), []) for side in by_entry)
            whole = a is not None and b is not None and _rest(a.entry) != _rest(b.entry)
            found: list[dict[RuleKey, Cause]] = []
            for own, other, change in ((rules[0], rules[1], "removed"), (rules[1], rules[0], "added")):
                known = {rule.pattern for rule in other} if not whole else set()
                how = "changed" if whole else change
                found.append({rule.key: Cause(how, rule) for rule in own if rule.pattern not in known})
            out[kind, name] = found[0], found[1]
    return out


def _by_entry(catalog: Catalog) -> dict[Entry, list[Rule]]:
    out: dict[Entry, list[Rule]] = {}
    for rule in catalog.rules.values():
        out.setdefault((rule.kind, rule.id), []).append(rule)
    return out


def _matter(entry: schema.Entry) -> dict[str, Any]:
    return entry.model_dump(exclude={"examples", "not_examples"})


def _rest(entry: schema.Entry) -> dict[str, Any]:
    """All of an entry that is no phrase; the whole of one that has none."""
    rest = entry.model_dump(exclude=set(PHRASES))
    measure = getattr(entry, "measure", None)
    return {**rest, "above": measure.above if measure is not None else None}


def _entry(cause: Cause) -> Entry:
    return cause.rule.kind, cause.rule.id


def _place(cause: Cause) -> tuple[str, int, int]:
    return cause.rule.file, cause.rule.line, cause.rule.column
