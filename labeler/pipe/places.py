"""Where a finding is: its extent in the line, its side, its place."""

from __future__ import annotations

from collections.abc import Container

from labeler.lexicon import Lexicon
from labeler.meanings import Unit
from labeler.pipe.clauses import Clauses, Hit
from labeler.pipe.items import CONJUNCTION, CUE, SIDE, SIGN, STRUCTURE, Item

_OTHERS_BEGIN = frozenset({SIGN, CONJUNCTION, CUE})


class Places:
    """Sides of findings, as the words of a rule set tell them."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._pairs: dict[Unit, bool] = {}

    def sides(self, clauses: Clauses) -> None:
        """Give every finding its side."""
        items = clauses.items
        named = {j: str(i.unit.role) for j, i in enumerate(items) if i.kind == SIDE and i.unit and _is_side(items, j)}
        for hits in clauses.hits.values():
            for hit in hits:
                if hit.sense.finding:
                    hit.side = self._side(clauses, named, *extent(clauses, hit)) or _of_field(clauses, named, hit)

    def _side(self, clauses: Clauses, named: dict[int, str], first: int, last: int) -> str | None:
        """The side named inside a finding, else after it, else before; `named` are the sides of the line."""
        if named:
            for j in range(first, last + 1):
                if j in named:
                    return named[j]
            near = _ahead(clauses, named, last)
            if near is None:
                near = _back(clauses, named, first)
            if near is not None:
                return named[near]
        for item in clauses.items[first : last + 1]:
            if item.kind == STRUCTURE and self.is_pair(item.unit):
                return "both"
        return None

    def is_pair(self, unit: Unit | None) -> bool:
        """Whether a structure begins with words for both sides: "hai đáy phổi" is one structure."""
        if unit is None:
            return False
        if unit not in self._pairs:
            heads = (self.lexicon.find(unit.words[:i]) for i in range(1, len(unit.words)))
            self._pairs[unit] = any(head is not None and head.role == "both" for head in heads)
        return self._pairs[unit]


def _ahead(clauses: Clauses, named: Container[int], last: int) -> int | None:
    """The first named item after a finding that still speaks of it."""
    items, segment = clauses.items, clauses.segment
    for j in range(last + 1, len(items)):
        if segment[j] != segment[last] or items[j].kind in _OTHERS_BEGIN:
            return None
        if j in named:
            return j
    return None


def _back(clauses: Clauses, named: Container[int], first: int) -> int | None:
    """The nearest named item before a finding in its segment, back to another sign."""
    items, segment = clauses.items, clauses.segment
    for j in range(first - 1, -1, -1):
        if segment[j] != segment[first] or items[j].kind == SIGN:
            return None
        if j in named:
            return j
    return None


def _of_field(clauses: Clauses, named: dict[int, str], hit: Hit) -> str | None:
    """The side of a field that its sentence fills in, for what is said of no other region: "phổi phải: không mờ"."""
    first, _ = clauses.sentence_of(hit.item) if named else (0, 0)
    colon = next((j for j in range(first, hit.item) if clauses.items[j].key == ":"), first)
    field = clauses.items[first:colon]
    if not field or any(item.kind in (SIGN, CUE) for item in field):
        return None
    if hit.anchor is not None and hit.anchor > colon:
        regions = {_region(item) for item in field if item.kind == STRUCTURE}
        if regions and _region(clauses.items[hit.anchor]) not in regions:
            return None
    sides = {named[j] for j in range(first, colon) if j in named}
    return sides.pop() if len(sides) == 1 else None


def _region(item: Item) -> str | None:
    structure = item.unit.structure if item.unit is not None else None
    return structure.region if structure is not None else None


def _is_side(items: list[Item], j: int) -> bool:
    """Whether a word for a side names one here: "2" does in "2 đáy phổi", not in "2 cm"."""
    if not items[j].key.isdigit() or items[j].last - items[j].first > 1:
        return True
    return j + 1 < len(items) and items[j + 1].kind == STRUCTURE


def extent(clauses: Clauses, hit: Hit) -> tuple[int, int]:
    """First and last item of a finding: sign and structure with what stands between, within a segment."""
    if hit.anchor is not None and clauses.segment[hit.anchor] == clauses.segment[hit.item]:
        return min(hit.item, hit.anchor), max(hit.item, hit.anchor)
    return hit.item, hit.item


def location(clauses: Clauses, first: int, last: int) -> int | None:
    """The item that says where a finding is (lobe, zone, rib ...): inside it, else after, else before."""
    items = clauses.items
    for j in (*range(first, last + 1), *range(last + 1, len(items)), *range(first - 1, -1, -1)):
        if clauses.segment[j] != clauses.segment[last] or (j > last and items[j].kind == SIGN):
            continue
        unit = items[j].unit
        if items[j].kind == STRUCTURE and unit is not None and unit.structure is not None and unit.structure.location:
            return int(j)
    return None
