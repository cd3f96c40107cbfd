"""From findings to classes: what each line says of each region, and what a report's lines say together.

`abnormal` is 1 when any region or `other` is 1.  A class is uncertain when nothing definite sets it.  Whatever the
lines say against one another is a reason for review.
"""

from __future__ import annotations

from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.patterns import words_of
from labeler.pipe.anchors import UNATTACHED, Clauses
from labeler.pipe.assertion import SECTIONS_ABOUT_THE_FILM, Assertions
from labeler.pipe.keywords import CUE, PUNCT, SIGN, STRUCTURE, UNKNOWN, Item


class RawMention(NamedTuple):
    """A mention with offsets in its line."""

    start: int
    end: int
    finding: str
    region: str
    side: str | None
    location: str | None
    rule: str
    layer: str
    assertion: str
    cue: tuple[int, int] | None
    repair: str | None
    score: float


class NormalStatement(NamedTuple):
    """A normal statement with offsets in its line: the regions it covers and the findings it clears."""

    start: int
    end: int
    regions: tuple[str, ...]
    clears: tuple[str, ...]
    rule: str


class LineResult(NamedTuple):
    """All that a line contributes, whatever report it stands in."""

    template_key: str
    definite: int  # regions with a present finding, one bit each
    uncertain: int  # regions with an uncertain finding
    present: frozenset[tuple[str, str | None]]  # findings present, with side
    absent: frozenset[tuple[str, str | None]]
    reasons: frozenset[str]
    conclusion_normal: bool
    mentions: tuple[RawMention, ...]
    normal: tuple[NormalStatement, ...]
    residue: tuple[tuple[int, int], ...]
    not_assessable: frozenset[str]
    region: str | None
    section: str  # in force after the line
    topic: str | None  # structure named by a heading line, for the lines below
    suspended: bool  # the section carries over although it is not about this film


EMPTY = frozenset[str]()


class Interpolator:
    """Turns anchored, asserted clauses into a LineResult."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.bits = {region: 1 << i for i, region in enumerate(lexicon.rules.regions)}

    def line(self, text: str, clauses: Clauses, said: Assertions, doubt: bool, section: str, topic: str | None) -> LineResult:
        """Interpret one line; `section` and `topic` are the context it was read in."""
        items = clauses.items
        reasons = set(said.reasons)
        if doubt:
            reasons.add("ambiguous_repair")
        definite = uncertain = 0
        present: set[tuple[str, str | None]] = set()
        absent: set[tuple[str, str | None]] = set()
        mentions: list[RawMention] = []
        normal: list[NormalStatement] = []
        conclusion_normal = False
        weak = self._weak_generics(clauses)
        for k in sorted(clauses.hits):
            in_conclusion = section == "conclusion" and not clauses.headings
            in_conclusion = in_conclusion or (said.conclusion_from is not None and k > said.conclusion_from)
            for hit in clauses.hits[k]:
                sense = hit.sense
                if sense is UNATTACHED:
                    continue
                cue = None if hit.cue is None else (items[hit.cue].start, items[hit.cue].end)
                if sense.finding is None:
                    if hit.assertion != "present":
                        continue
                    regions = sense.covers or ((hit.structure.region,) if hit.structure is not None else ())
                    clears = hit.structure.clears if hit.structure is not None else ()
                    if sense.whole_film or (hit.structure is None and not sense.covers):
                        regions = tuple(self.lexicon.rules.regions) if sense.whole_film else ()
                        conclusion_normal = conclusion_normal or in_conclusion or sense.whole_film
                    elif in_conclusion and len(self._regions_said(clauses, k)) > 1:
                        conclusion_normal = True
                    normal.append(NormalStatement(hit.start, hit.end, regions, clears, sense.rule))
                    continue
                region = sense.region or "other"
                if hit.structure is not None and sense.region is None:
                    region = hit.structure.region
                if k in weak and hit.assertion in ("present", "uncertain"):
                    continue
                assertion = hit.assertion
                unit = items[k].unit
                generic = unit is not None and unit.generic
                if assertion == "present":
                    definite |= self.bits[region]
                    present.add((sense.finding, hit.side))
                    if items[k].guess:
                        reasons.add("uncertain_repair")
                    if generic and hit.structure is None:
                        reasons.add("unspecified")
                elif assertion == "uncertain":
                    uncertain |= self.bits[region]
                    present.add((sense.finding, hit.side))
                elif assertion == "absent":
                    absent.add((sense.finding, hit.side))
                    if generic and in_conclusion and (hit.structure is None or len(self._regions_said(clauses, k)) > 1):
                        conclusion_normal = True
                elif assertion == "not_assessable":
                    said.not_assessable.add(region)
                    assertion = "absent"
                if assertion == "excluded":
                    assertion = "historical"
                repair, score = self._repair(items, hit.item, hit.anchor)
                mentions.append(
                    RawMention(
                        hit.start, hit.end, sense.finding, region, hit.side, hit.location, sense.rule, sense.layer,
                        assertion, cue, repair, score,
                    )
                )  # fmt: skip
        residue = self._residue(clauses, said)
        if any(items[k].kind == UNKNOWN for k in residue):
            reasons.add("residue")
        if any(k in clauses.unattached and k not in said.residue for k in residue):
            reasons.add("unattached_sign")
        heading_only = self._heading_topic(clauses)
        ends_open = bool(clauses.headings) and all(item.kind == PUNCT for item in items[clauses.headings[-1] + 1 :])
        section_after = said.section if (said.section in SECTIONS_ABOUT_THE_FILM or ends_open) else "description"
        if section not in SECTIONS_ABOUT_THE_FILM and not clauses.headings:
            section_after = section
        return LineResult(
            " ".join(words_of(text)), definite, uncertain, frozenset(present), frozenset(absent), frozenset(reasons), conclusion_normal,
            tuple(mentions), tuple(normal),
            tuple((items[k].start, items[k].end) for k in residue),
            frozenset(said.not_assessable), self._region(clauses, topic), section_after, heading_only,
            section_after not in SECTIONS_ABOUT_THE_FILM,
        )  # fmt: skip

    def _weak_generics(self, clauses: Clauses) -> set[int]:
        """Generic words ("tổn thương") that only introduce the finding right after them."""
        out: set[int] = set()
        items = clauses.items
        for k in clauses.hits:
            unit = items[k].unit
            if unit is None or not unit.generic:
                continue
            for j in range(k + 1, min(k + 5, len(items))):
                other = items[j].unit
                if clauses.segment[j] != clauses.segment[k] or items[j].kind == CUE:
                    break
                if items[j].kind == SIGN and other is not None:
                    if not other.generic and any(h.sense.finding for h in clauses.hits.get(j, ())):
                        out.add(k)
                    break
        return out

    def _regions_said(self, clauses: Clauses, k: int) -> set[str]:
        return {hit.structure.region for hit in clauses.hits[k] if hit.structure is not None}

    def _repair(self, items: list[Item], item: int, anchor: int | None) -> tuple[str | None, float]:
        used = [items[item]] if anchor is None else [items[i] for i in sorted((item, anchor))]
        cost = sum(i.cost for i in used)
        if cost < 0.02:
            return None, 1.0
        return " … ".join(i.unit.text for i in used if i.unit is not None), round(max(0.0, 1 - cost), 3)

    def _residue(self, clauses: Clauses, said: Assertions) -> list[int]:
        items = clauses.items
        out = {k for k, item in enumerate(items) if item.kind == UNKNOWN and not said.excluded[k] and k not in said.denied}
        for k in clauses.unattached:
            if not said.excluded[k] and any(h.assertion in ("present", "uncertain") for h in clauses.hits[k]):
                out.add(k)
        out.update(k for k in said.residue if not said.excluded[k])
        return sorted(out)

    def _heading_topic(self, clauses: Clauses) -> str | None:
        """The structure a line names when it says nothing else ("Màng phổi:")."""
        found: str | None = None
        for item in clauses.items:
            if item.kind == STRUCTURE and item.unit is not None and item.unit.structure is not None:
                found = found or item.unit.structure.id
            elif item.kind in (SIGN, CUE, UNKNOWN):
                return None
        return found

    def _region(self, clauses: Clauses, topic: str | None) -> str | None:
        for k, item in enumerate(clauses.items):
            if item.kind == STRUCTURE and item.unit is not None and item.unit.structure is not None:
                return item.unit.structure.region
            if item.kind == SIGN:
                for hit in clauses.hits.get(k, ()):
                    if hit.structure is not None:
                        return hit.structure.region
                    if hit.sense.region is not None:
                        return hit.sense.region
        return self.lexicon.structures[topic].region if topic is not None else None
