"""Combining: from what the lines of a report contribute to its labels, its status and the reasons for a review."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from labeler.entries import Entry
from labeler.pipe.assertion import ASKS, OPEN_COURSE, SECTIONS_ABOUT_THE_FILM
from labeler.pipe.interpolation import COLLAPSED_LUNG, FLAG, Interpolator, Said
from labeler.report import AUTO, REVIEW, LabeledReport
from labeler.rules import RuleSet
from labeler.templates import Templates

if TYPE_CHECKING:
    from labeler.labeler import Labeler

NOT_FOR_REVIEW = frozenset({"not_assessable"})  # reasons that a person could not settle either

_TELLS = attrgetter("tells")


class Combiner:
    """Puts reports together."""

    def __init__(self, rules: RuleSet, interpolator: Interpolator, templates: Templates) -> None:
        self._interpolator, self._templates = interpolator, templates
        self._names = rules.classes
        self._regions = [(name, interpolator.bits[name]) for name in rules.regions if name != "other"]
        self._patterns: dict[tuple[int, int], tuple[dict[str, int], tuple[str, ...]]] = {}

    def combine(self, text: str, entries: list[Entry], labeler: Labeler) -> LabeledReport:
        """Put a report together from what its lines contribute; `labeler` can explain it."""
        equal = self.template_report(text, entries, labeler)
        if equal is not None:
            return equal
        loud = [entry for entry in entries if entry.loud]
        if not loud:
            zeros = dict.fromkeys(self._names, 0)
            if not any(map(_TELLS, entries)):  # no text, an empty form, "không thay đổi so với phim cũ"
                return LabeledReport(text, zeros, REVIEW, "rules", (), ("empty",), None, labeler)
            return LabeledReport(text, zeros, AUTO, "rules", (), (), None, labeler)
        definite = uncertain = 0
        conclusion_normal = 0
        reasons: frozenset[str] = frozenset()
        present: frozenset[Said] = frozenset()
        names: frozenset[str] = frozenset()
        for entry in loud:
            definite |= entry.definite
            uncertain |= entry.uncertain
            if entry.reasons:
                reasons |= entry.reasons
            if entry.present:
                present = present | entry.present if present else entry.present
                names = names | entry.findings if names else entry.findings
            conclusion_normal |= entry.conclusion_normal
        if reasons:
            reasons = self._settled(reasons, entries, names, present, conclusion_normal)
        if present:
            if conclusion_normal and self._interpolator.disagrees(names, conclusion_normal):
                reasons |= {"conclusion_disagrees"}
            for entry in entries:
                if entry.denied and not names.isdisjoint(entry.denied) and _contradict(present, entry.absent):
                    reasons |= {"contradiction"}
                    break
        if entries[-1].ends_in_past and entries[-1].after.section not in SECTIONS_ABOUT_THE_FILM:
            reasons |= {"open_section"}
        labels, unsure = self._classes(definite, uncertain)
        status = REVIEW if reasons and not reasons <= NOT_FOR_REVIEW else AUTO
        return LabeledReport(text, labels, status, "rules", unsure, tuple(sorted(reasons)), None, labeler, names)

    def _settled(
        self, reasons: frozenset[str], entries: list[Entry], names: frozenset[str], present: frozenset[Said],
        conclusion_normal: int,
    ) -> frozenset[str]:  # fmt: skip
        """Reasons of a report: what a line leaves open may be settled by the others."""
        if COLLAPSED_LUNG in reasons:
            reasons -= {COLLAPSED_LUNG}
            if self._interpolator.fills_with_air(present):
                reasons |= {"ambiguous_scope"}
        if FLAG in reasons:
            reasons -= {FLAG}
            if len(names) == 1:
                reasons |= {"unspecified"}
        if ASKS in reasons:
            reasons -= {ASKS}
            if _only_asked(entries):
                reasons |= {"unclear_indication"}
        if OPEN_COURSE in reasons:
            reasons -= {OPEN_COURSE}
            if not any(map(_TELLS, entries)):
                reasons |= {"empty"}
            elif conclusion_normal != self._interpolator.everywhere and _left_open(entries):
                reasons |= {"unclear_time"}
        return reasons

    def template_report(self, text: str, entries: list[Entry], labeler: Labeler) -> LabeledReport | None:
        """The report of a text that equals a no-finding template as a whole, else None."""
        template = self._templates.of(entries)
        if template is None:
            return None
        return LabeledReport(text, dict.fromkeys(self._names, 0), AUTO, "template", (), (), template, labeler)

    def _classes(self, definite: int, uncertain: int) -> tuple[dict[str, int], tuple[str, ...]]:
        found = self._patterns.get((definite, uncertain))
        if found is None:
            seen = definite | uncertain
            labels = {name: int(bool(seen & bit)) for name, bit in self._regions}
            labels["abnormal"] = int(bool(seen))
            unsure = [name for name, bit in self._regions if uncertain & bit and not definite & bit]
            if uncertain and not definite:
                unsure.append("abnormal")
            found = self._patterns[definite, uncertain] = (labels, tuple(unsure))
        return dict(found[0]), found[1]


def _left_open(entries: list[Entry]) -> bool:
    """Whether only the course is told of what was on an older film: "Phim cũ: nốt mờ đỉnh", and below "Phim nay: như cũ"."""
    told = past = False
    for entry in entries:
        opens = OPEN_COURSE in entry.reasons
        if entry.present:
            told, past = True, False
        elif entry.ends_in_past and not opens:
            told, past = False, True
        if opens and (past or (entry.ends_in_past and not told)):
            return True
    return False


def _only_asked(entries: list[Entry]) -> bool:
    """Whether a report opens with a bare diagnosis of a region that no line below calls ill."""
    first = next(entry for entry in entries if entry.tells or entry.loud)
    if ASKS not in first.reasons:
        return False
    below = [entry for entry in entries if entry is not first]
    return any(map(_TELLS, below)) and not any(
        (entry.definite | entry.uncertain) & (first.definite | first.uncertain) for entry in below
    )


def _contradict(present: frozenset[Said], absent: frozenset[Said]) -> bool:
    """Whether the same finding is both there and not, on the same side as far as the text says."""
    sided = {finding for finding, side in present if side is not None}
    return any(
        p[0] == a[0] and {p[1], a[1]} != {"left", "right"} and not (p[1] is None and a[1] is not None and p[0] in sided)
        for p in present
        for a in absent
    )
