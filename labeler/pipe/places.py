"""Where a finding is: its extent in the line, its side, its place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from labeler.lexicon import Lexicon, Unit
from labeler.pipe.clauses import Clauses, Hit
from labeler.pipe.keywords import CONJUNCTION, CUE, SIDE, SIGN, STRUCTURE, Item


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
                    hit.side = self._side(clauses, named, *extent(clauses, hit))

    def _side(self, clauses: Clauses, named: dict[int, str], first: int, last: int) -> str | None:
        """The side named inside a finding, else after it, else before; `named` are the sides of the line."""
        items = clauses.items
        if named:
            for j in chain(range(first, last + 1), _ahead(clauses, last), _back(clauses, first)):
                if j in named:
                    return named[j]
        for item in items[first : last + 1]:
            if item.kind == STRUCTURE and self._is_pair(item.unit):
                return "both"
        return None

    def _is_pair(self, unit: Unit | None) -> bool:
        """Whether a structure begins with words for both sides: "hai đáy phổi" is one structure."""
        if unit is None:
            return False
        if unit not in self._pairs:
            heads = (self.lexicon.find(unit.words[:i]) for i in range(1, len(unit.words)))
            self._pairs[unit] = any(head is not None and head.role == "both" for head in heads)
        return self._pairs[unit]


def _ahead(clauses: Clauses, last: int) -> Iterator[int]:
    """The items after a finding that still speak of it."""
    for j in range(last + 1, len(clauses.items)):
        if clauses.segment[j] != clauses.segment[last] or clauses.items[j].kind in (SIGN, CONJUNCTION, CUE):
            return
        yield j


def _back(clauses: Clauses, first: int) -> Iterator[int]:
    """The items before a finding in its segment, back to another sign."""
    for j in range(first - 1, -1, -1):
        if clauses.segment[j] != clauses.segment[first] or clauses.items[j].kind == SIGN:
            return
        yield j


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
