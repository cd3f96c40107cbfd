"""Accounting for every word of a line: which ones nothing explains, and which of those cannot well matter."""

from __future__ import annotations

from labeler.pipe.clauses import UNATTACHED, Clauses
from labeler.pipe.items import CONJUNCTION, CUE, NEUTRAL, SIDE, SIGN, STRUCTURE, UNKNOWN, Item
from labeler.pipe.sentence import Assertions
from labeler.report import ASSERTED
from labeler.typing_slips import EDIT

MAX_HARMLESS = 2  # unknown words beside an understood predicate
GUESS = 0.2  # cost from which a lone word taken for another one explains nothing


def residue(clauses: Clauses, said: Assertions) -> list[int]:
    """Items that nothing explains, unless they are not about this film or their existence is denied."""
    if not (clauses.puzzling or clauses.unattached or said.residue):
        return []
    items, excluded = clauses.items, said.excluded
    out: set[int] = set()
    for k, item in enumerate(items):
        if excluded[k]:
            continue
        if item.kind == UNKNOWN:
            if k not in said.denied:
                out.add(k)
        elif is_far_fetched(item) and not clauses.takes_sign(k):
            out.add(k)  # "phổi lát đá" names no spleen (lách)
        elif _modifies(item) and k not in said.denied and not _beside_finding(clauses, k):
            out.add(k)
    for k in clauses.unattached:
        if (
            not excluded[k]
            and not _names_field(clauses, k)
            and any(h.assertion in ASSERTED for h in clauses.hits[k])
        ):
            out.add(k)
    out.update(k for k in said.residue if not excluded[k])
    return sorted(out)


def is_harmless(clauses: Clauses, k: int) -> bool:
    """Whether an unknown word cannot well change a label: one or two that describe a finding which is there.

    "Đám mờ xyz đáy phổi" says what it says; "hai phổi sáng xyz", "phổi phải xyz", "có xyz" and "đám mờ và xyz" may say
    anything, and so may "tràn dịch xyz", which may be where the fluid is.
    """
    items, segment = clauses.items, clauses.segment
    j = k - 1
    while j >= 0 and items[j].kind in (UNKNOWN, NEUTRAL) and segment[j] == segment[k]:
        j -= 1
    if j >= 0 and segment[j] == segment[k] and items[j].kind in (CONJUNCTION, CUE):
        return False
    if j >= 0 and segment[j] == segment[k] and items[j].kind in (STRUCTURE, SIDE) and j == k - 1:
        return False  # said of the structure itself: "tim lờm xờm không to"
    unknown = predicates = 0
    for m, item in enumerate(items):
        if segment[m] != segment[k]:
            continue
        if item.kind == UNKNOWN:
            unknown += 1
        for hit in clauses.hits.get(m, ()):
            if hit.sense is not UNATTACHED:
                predicates += 1
                there = hit.sense.finding is not None and hit.assertion in ASSERTED
                if not there or m > k:
                    return False  # what stands before a finding may deny it, beside a normal word be one
                if hit.structure is None and m == j:
                    return False
    return predicates > 0 and unknown <= MAX_HARMLESS


def _names_field(clauses: Clauses, k: int) -> bool:
    """Whether a sign only names a field that is filled in with a finding: "Vôi: nốt vôi đỉnh phổi phải"."""
    items = clauses.items
    if k or len(items) < 3 or items[1].key != ":":
        return False
    return any(
        hit.assertion in ASSERTED and not hit.sense.generic
        for hit in clauses.findings(2, len(items), clauses.segment[2])
    )


def _modifies(item: Item) -> bool:
    return item.kind == NEUTRAL and item.unit is not None and item.unit.role == "modifier"


def _beside_finding(clauses: Clauses, k: int) -> bool:
    """Whether the sentence of a modifier ("không đồng nhất") holds a finding that it can describe."""
    return bool(clauses.findings(*clauses.sentence_of(k)))


def is_far_fetched(item: Item) -> bool:
    """Whether another word was taken for this one with no phrase around it that would speak for it.

    A sign is not meant: what it says is shown, and doubted elsewhere.
    """
    lone = item.last - item.first == 1
    return item.guess and item.kind != SIGN and item.cost >= (GUESS if lone else EDIT)
