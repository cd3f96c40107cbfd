"""Where a finding is: its extent in the line, its side, its place."""

from __future__ import annotations

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
        for hits in clauses.hits.values():
            for hit in hits:
                if hit.sense.finding:
                    hit.side = self._side(clauses, *extent(clauses, hit))

    def _side(self, clauses: Clauses, first: int, last: int) -> str | None:
        items = clauses.items
        for j in range(first, last + 1):
            if _is_side(items, j):
                return str(items[j].unit.role)  # type: ignore[union-attr]
        for j in range(last + 1, len(items)):
            if clauses.segment[j] != clauses.segment[last] or items[j].kind in (SIGN, CONJUNCTION, CUE):
                break
            if _is_side(items, j):
                return str(items[j].unit.role)  # type: ignore[union-attr]
        for j in range(first - 1, -1, -1):
            if clauses.segment[j] != clauses.segment[first] or items[j].kind == SIGN:
                break
            if _is_side(items, j):
                return str(items[j].unit.role)  # type: ignore[union-attr]
        pair = any(item.kind == STRUCTURE and self._is_pair(item.unit) for item in items[first : last + 1])
        return "both" if pair else None

    def _is_pair(self, unit: Unit | None) -> bool:
        """Whether a structure begins with words for both sides: "hai đáy phổi" is one structure."""
        if unit is None:
            return False
        if unit not in self._pairs:
            heads = (self.lexicon.find(unit.words[:i]) for i in range(1, len(unit.words)))
            self._pairs[unit] = any(head is not None and head.role == "both" for head in heads)
        return self._pairs[unit]


def _is_side(items: list[Item], j: int) -> bool:
    """Whether an item names a side: "2" does in "2 đáy phổi", not in "2 cm"."""
    if items[j].kind != SIDE or not items[j].key.isdigit() or items[j].last - items[j].first > 1:
        return items[j].kind == SIDE
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
