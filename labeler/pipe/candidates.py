"""The structures that could take a sign: right of it, left of it, behind a list, named before.

A structure is told by the place of its item in the line; None where there is none.
"""

from __future__ import annotations

from labeler.meanings import Sense, Unit
from labeler.pipe.clauses import Clauses
from labeler.pipe.items import (
    AMOUNT,
    CONJUNCTION,
    CUE,
    HEADING,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    PUNCT,
    SIDE,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    Item,
    gives_cause,
)

_TRANSPARENT = frozenset({SIDE, AMOUNT, NEUTRAL, NUMBER, UNKNOWN})


def sense_at(clauses: Clauses, k: int, j: int, sign: Unit | None = None) -> Sense | None:
    """What the sign at k (or another one in its place) means of the structure at j."""
    unit, structure = sign or clauses.items[k].unit, clauses.items[j].unit
    assert unit is not None and structure is not None and structure.structure is not None
    found = unit.sense_for(structure.structure)
    if found is None and unit.alone is not None and unit.alone.finding is None:
        return unit.alone  # a normal descriptor fits any structure
    return found


def right_of(clauses: Clauses, k: int) -> int | None:
    """The next structure in the segment that takes the sign."""
    items, segment = clauses.items, clauses.segment
    for j in range(k + 1, len(items)):
        if segment[j] != segment[k]:
            return None
        kind = items[j].kind
        if kind == STRUCTURE:
            if j not in clauses.demoted and sense_at(clauses, k, j) is not None:
                return j
        elif kind == PUNCT:
            if items[j].key not in ("(", ")", "/", '"'):
                return None
        elif kind == SIGN and _filler(items[j]):
            continue
        elif (kind not in _TRANSPARENT and kind != LOCATIVE) or gives_cause(items[j]):
            return None  # "rốn phổi to là do mạch máu"
    return None


def left_of(clauses: Clauses, k: int) -> int | None:
    """The nearest structure before the sign in the segment that takes it."""
    items, segment = clauses.items, clauses.segment
    for j in range(k - 1, -1, -1):
        if segment[j] != segment[k]:
            return None
        if items[j].kind == STRUCTURE and j not in clauses.demoted and sense_at(clauses, k, j) is not None:
            return j
    return None


def filled_in(clauses: Clauses, k: int) -> int | None:
    """The structure that is all a field named by the sign at k is filled in with: "Hạch: (+) rốn phổi phải"."""
    items = clauses.items
    if k + 1 >= len(items) or items[k + 1].key != ":":
        return None
    answer: int | None = None
    for j in range(k + 2, len(items)):
        item = items[j]
        if clauses.segment[j] != clauses.segment[k + 2]:
            return answer
        if item.kind == STRUCTURE and answer is None and sense_at(clauses, k, j) is not None:
            answer = j
            continue
        tells = item.cue is not None and item.cue.assertion == "present"
        if not tells and item.kind != PUNCT and item.kind not in _TRANSPARENT:
            return None
    return answer


def claimed(clauses: Clauses, j: int) -> bool:
    """Whether the structure at j has a predicate of its own after it."""
    items, segment = clauses.items, clauses.segment
    for m in range(j + 1, len(items)):
        if segment[m] != segment[j]:
            return False
        kind = items[m].kind
        if kind == SIGN:
            return sense_at(clauses, m, j) is not None
        if kind == CUE:
            cue = items[m].cue
            return cue is not None and cue.assertion == "absent" and m + 1 < len(items) and items[m + 1].kind == SIGN
        if kind not in _TRANSPARENT:
            return False
    return False


def is_near(clauses: Clauses, k: int, j: int) -> bool:
    """Whether only fillers stand between the sign and the structure right of it."""
    return j - k <= 4 and all(
        item.kind in (NEUTRAL, AMOUNT, SIDE, UNKNOWN) or _filler(item) for item in clauses.items[k + 1 : j]
    )


def named_before(clauses: Clauses, k: int, same_sentence: bool) -> int | None:
    """The last structure named before this segment that takes the sign."""
    items = clauses.items
    for j in range(k - 1, -1, -1):
        if same_sentence and clauses.sentence[j] != clauses.sentence[k]:
            return None
        if items[j].kind == HEADING:
            return None
        takes = items[j].kind == STRUCTURE and j not in clauses.demoted and sense_at(clauses, k, j) is not None
        if takes and not _is_place(clauses, j):
            return j
    return None


def _is_place(clauses: Clauses, j: int) -> bool:
    """Whether a structure only says where a finding of another one lies: "màng phổi: mảng dày thành ngực"."""
    if clauses.takes_sign(j):
        return False
    named = clauses.items[j].unit
    region = named.structure.region if named is not None and named.structure is not None else None
    beside = clauses.findings(0, j, clauses.segment[j])
    return any(hit.structure is not None and hit.structure.region != region for hit in beside)


def shared_structure(clauses: Clauses, k: int) -> int | None:
    """The structure behind a list of signs ("dày, dính màng phổi")."""
    items = clauses.items
    signs: list[int] = []
    for j in range(k + 1, len(items)):
        if clauses.sentence[j] != clauses.sentence[k]:
            return None
        item = items[j]
        if item.kind == STRUCTURE:
            if j in clauses.demoted:
                continue
            agree = signs and all(sense_at(clauses, sign, j) is not None for sign in (k, *signs))
            return j if agree and not claimed(clauses, j) else None
        if item.kind == SIGN:
            signs.append(j)
        elif item.kind == CUE:
            if item.cue is None or item.cue.assertion != "absent":
                return None
        elif item.kind == PUNCT:
            if item.key not in (",", "/", "(", ")", "+"):
                return None
        elif item.kind not in (NEUTRAL, CONJUNCTION, UNKNOWN):
            return None
    return None


def placed_later(clauses: Clauses, k: int) -> int | None:
    """The place that a sign is given at the end of its description: "khối mờ 5 cm, bờ tua gai, nằm ở thùy dưới phổi"."""
    items = clauses.items
    for j in range(k + 1, len(items)):
        if clauses.sentence[j] != clauses.sentence[k] or items[j].kind in (SIGN, HEADING):
            return None
        if items[j].kind == STRUCTURE and sense_at(clauses, k, j) is not None:
            return j if clauses.segment[j] != clauses.segment[k] and not claimed(clauses, j) else None
    return None


def other_place(clauses: Clauses, k: int, region: str | None) -> bool:
    """Whether the segment names a structure of another region of which the sign could be said as well."""
    for j, item in enumerate(clauses.items):
        if item.kind == STRUCTURE and clauses.segment[j] == clauses.segment[k]:
            sense = sense_at(clauses, k, j)
            if sense is not None and sense.finding is not None and sense.region != region:
                return True
    return False


def own_region(clauses: Clauses, k: int, region: str) -> int | None:
    """A structure of the sign's own region in its segment: "dải mờ giữa phổi phải" in a line on the heart."""
    for j, item in enumerate(clauses.items):
        if item.kind != STRUCTURE or clauses.segment[j] != clauses.segment[k] or j in clauses.demoted:
            continue
        if item.unit is not None and item.unit.structure is not None and item.unit.structure.region == region:
            return j
    return None


def _filler(item: Item) -> bool:
    """A word that may be a normal descriptor ("phổi trong") but links elsewhere ("dịch trong khoang màng phổi")."""
    return item.unit is not None and item.unit.role is not None and not item.unit.says_finding
