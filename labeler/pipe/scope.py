"""The scope of a forward cue, and where it ends.

A forward negation runs over a list, with or without commas, until a word of contrast, a structure with a predicate
of its own, a finding with a side or amount of its own, or the end of the sentence.  "không" before an adjective binds
that adjective alone.
"""

from __future__ import annotations

from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA
from labeler.pipe.clauses import UNATTACHED, Clauses, Hit
from labeler.pipe.items import (
    AMOUNT,
    CONJUNCTION,
    CUE,
    FILLERS,
    NEUTRAL,
    PUNCT,
    SIDE,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    describes,
)


class Scope:
    """A forward cue that is open while the sentence is read, and the findings that it has reached."""

    __slots__ = ("item", "assertion", "reach", "covered", "comma", "conjunction", "disjunction", "again")

    def __init__(self, item: int, assertion: str, reach: str, again: bool = False) -> None:
        self.item, self.assertion, self.reach = item, assertion, reach
        self.again = again  # something was denied by a cue of its own just before
        self.covered: list[Hit] = []
        self.comma = self.conjunction = self.disjunction = False

    def begins_anew(self, clauses: Clauses, k: int, hit: Hit, reasons: set[str]) -> bool:
        """Whether a finding after the first of a list is a statement of its own: it has its own side or amount."""
        if self.conjunction:
            return False
        last = self.covered[-1]
        of_a_kind = self.assertion == "absent" and describes(clauses.items[last.item + 1])
        if self.comma and of_a_kind and not _gone_after(clauses, k):
            reasons.add("ambiguous_scope")  # "không có nốt mới, nốt mờ đỉnh phải không đổi"
        if hit.anchor is not None and any(hit.anchor == other.anchor for other in self.covered) and hit.anchor > k:
            other_region = last.sense.region != hit.sense.region  # "không tràn khí mờ đáy phổi trái"
            named = last.sense.generic and not hit.sense.generic  # "không tổn thương mới, nốt vôi cũ đỉnh phải"
            unit = clauses.items[hit.anchor].unit
            # "không tràn dịch, dày màng phổi đỉnh phải", "không thấy nốt mờ, dải xơ đáy phổi trái"
            placed = hit.structure is not None and hit.structure.location is not None
            narrow = placed or (unit is not None and len(unit.words) > 2)
            if hit.side in ("left", "right") and (other_region or (self.comma and (named or narrow))):
                reasons.add("ambiguous_scope")
            return False  # a shared structure: "tràn dịch, tràn khí màng phổi phải"
        if last.anchor is None and last.structure is None and not self.comma and _same_family(last, hit):
            return False
        if self.comma and self.reach == "list" and _is_numbered(clauses, hit):
            return True  # "không thấy gãy xương, xẹp đốt sống D12"
        if self.comma and _is_counted(clauses, k, hit):  # "không thấy nốt, vài dải xơ"
            reasons.add("ambiguous_scope")
            return True
        own_side = hit.side in ("left", "right") and _has_own_side(clauses, hit, last)
        if own_side and self.comma and _shortened(clauses, last, hit):
            reasons.add("ambiguous_scope")  # "không tràn dịch, tràn khí màng phổi phải"
        return own_side or (_has_amount(clauses, k) and not last.shared)

    def continues(self, clauses: Clauses, hit: Hit, reasons: set[str]) -> bool:
        """Whether "không" before one predicate reaches the next: over nouns as over a list, over adjectives only joined."""
        first, last = self.covered[0], self.covered[-1]
        between = clauses.items[last.item + 1 : hit.item]
        heads = first.sense is UNATTACHED or first.sense.generic  # "không biến chứng tràn khí, tràn máu"
        if not self.comma and all(item.kind in FILLERS or item.kind == CONJUNCTION for item in between):
            runs_on = hit.sense.region != last.sense.region and not (self.conjunction or heads or hit.sense.ruled_out)
            return not runs_on  # "không giãn rộng", but "không tràn khí thoái hóa cột sống"
        if hit.sense.ruled_out and last.sense.ruled_out and _is_bare(clauses, hit):
            return True  # "màng phổi không dịch, khí"
        unit = clauses.items[first.item].unit
        assert unit is not None
        noun = heads or unit.alone is not None or (first.anchor is not None and first.anchor > first.item)
        if noun:
            if self.comma and not self.conjunction and not _gone_after(clauses, hit.item) and (
                (first.anchor is not None and _names_itself(clauses, hit))
                or hit.sense.region != last.sense.region
                or _is_elsewhere(clauses, hit, last)
            ):
                # "không gãy xương, viêm cơ tim", "không gãy xương, xẹp D12", "khung xương không gãy, loãng xương"
                reasons.add("ambiguous_scope")
            return True
        if hit.anchor is not None and hit.anchor > hit.item:
            return False
        if hit.anchor != first.anchor or _gone_after(clauses, hit.item):
            return False
        if self.comma and not self.conjunction:
            if hit.side in ("left", "right") and _has_own_side(clauses, hit, self.covered[-1]):
                return False
            reasons.add("ambiguous_scope")
        return True

    def breaks_off(self, clauses: Clauses, k: int) -> bool:
        """Whether a bare finding may stand after a denied list and not in it: one of another region, or after single denials.

        "Không thấy gãy xương, giãn cung thất trái", "không tràn dịch, không tràn khí, dày màng phổi"
        """
        alone = self.comma and not self.conjunction and len(self.covered) == 1 and self.assertion == "absent"
        if not alone or _gone_after(clauses, k) or _goes_on(clauses, k):
            return False
        first, hit = self.covered[0], clauses.hits[k][0]
        if self.again or hit.sense.generic or first.sense is UNATTACHED:
            return self.again
        if first.sense.generic:
            return True  # "không thấy bất thường, vẹo cột sống"
        return hit.sense.region != first.sense.region and not _is_listed(hit)

    def same_kind(self, clauses: Clauses, k: int) -> bool:
        """Whether the segment from item k on lists more things of no region: "đã rút dẫn lưu, sonde"."""
        segment = clauses.segment
        hits = [h for j, hits in clauses.hits.items() if j >= k and segment[j] == segment[k] for h in hits]
        said = [*self.covered, *hits]
        return bool(hits) and all(h.sense.finding is not None and h.sense.region == "other" for h in said)

    def may_list(self, clauses: Clauses, k: int) -> bool:
        """Whether the segment from item k on may go on with the list: with a bare finding of the same region."""
        ahead = clauses.findings(k, len(clauses.items), clauses.segment[k] if k < len(clauses.items) else None)
        same = bool(ahead) and ahead[0].sense.region == self.covered[-1].sense.region
        return same and list_goes_on(clauses, k)


def _is_listed(hit: Hit) -> bool:
    """Whether a finding is one that lists deny by name, and of no particular place: "không gãy xương, tràn khí màng phổi"."""
    at = hit.structure.location if hit.structure is not None else None
    return hit.sense.ruled_out and hit.side not in ("left", "right") and at is None


def _names_itself(clauses: Clauses, hit: Hit) -> bool:
    """Whether a finding needs no structure, and is none that lists deny by name: "loãng xương"."""
    unit = clauses.items[hit.item].unit
    return unit is not None and unit.alone is not None and len(unit.words) > 1 and not hit.sense.ruled_out


def _is_bare(clauses: Clauses, hit: Hit) -> bool:
    """Whether a finding stands alone in its segment, and is said of the structure before it."""
    k, segment = hit.item, clauses.segment
    before = hit.anchor is None or segment[hit.anchor] != segment[k]
    own = (item for j, item in enumerate(clauses.items) if segment[j] == segment[k] and j != k)
    return before and all(item.kind in (PUNCT, NEUTRAL) and not describes(item) for item in own)


def _is_elsewhere(clauses: Clauses, hit: Hit, last: Hit) -> bool:
    """Whether a finding is another one than the last, and said of something else that its clause names."""
    if hit.anchor is None or clauses.segment[hit.anchor] != clauses.segment[hit.item] or hit.anchor == last.anchor:
        return False
    sign, other = clauses.items[hit.item].unit, clauses.items[last.item].unit
    if last.anchor is not None and clauses.items[hit.anchor].unit is clauses.items[last.anchor].unit:
        return False
    return sign is not None and other is not None and sign.words[0] != other.words[0]


def _shortened(clauses: Clauses, last: Hit, hit: Hit) -> bool:
    """Whether two findings may share the words for their structure: "tràn dịch, tràn khí màng phổi"."""
    unit, other = clauses.items[hit.item].unit, clauses.items[last.item].unit
    if unit is None or other is None or last.anchor is not None or last.sense.region != hit.sense.region:
        return False
    return unit.words[0] == other.words[0] and len(unit.words) > len(other.words)


def _same_family(last: Hit, hit: Hit) -> bool:
    return last.sense.region == hit.sense.region and hit.item - last.item <= 2


def _has_own_side(clauses: Clauses, hit: Hit, last: Hit) -> bool:
    """Whether the side stands with this finding and not before the earlier one."""
    segment = clauses.segment
    first = hit.item if hit.anchor is None or segment[hit.anchor] != segment[hit.item] else min(hit.item, hit.anchor)
    if segment[last.item] != segment[hit.item]:
        first = min(j for j in range(len(clauses.items)) if segment[j] == segment[hit.item])
    for j in range(max(first, last.item + 1), len(clauses.items)):
        if segment[j] != segment[hit.item]:
            return False
        if clauses.items[j].kind == SIDE:
            return True
    return False


def _is_numbered(clauses: Clauses, hit: Hit) -> bool:
    """Whether a finding names a rib or vertebra by its number."""
    places = [hit.item] if hit.anchor is None else [hit.item, hit.anchor]
    words = [unit.words[-1] for unit in (clauses.items[k].unit for k in places) if unit is not None]
    return ANY_VERTEBRA in words or ANY_NUMBER in words


def _is_counted(clauses: Clauses, k: int, hit: Hit) -> bool:
    """Whether an amount stands right before a finding: what is counted is there."""
    first = k if hit.anchor is None else min(k, hit.anchor)
    return clauses.items[first - 1].kind == AMOUNT and clauses.segment[first - 1] == clauses.segment[k]


def _has_amount(clauses: Clauses, k: int) -> bool:
    segment = clauses.segment
    for j in range(k + 1, len(clauses.items)):
        if segment[j] != segment[k] or clauses.items[j].kind == SIGN:
            return False
        if clauses.items[j].kind == AMOUNT:
            return True
    return False


def _gone_after(clauses: Clauses, k: int) -> bool:
    """Whether a finding is denied by words after it: "không tổn thương mới, đám mờ cũ đã tan"."""
    for j in range(k + 1, len(clauses.items)):
        if clauses.segment[j] != clauses.segment[k]:
            return False
        cue = clauses.items[j].cue
        if cue is None or cue.assertion != "absent":
            continue
        if cue.scope in ("before", "around") or j + 1 == len(clauses.items) or clauses.items[j + 1].kind == PUNCT:
            return True
    return False


def _goes_on(clauses: Clauses, k: int) -> bool:
    """Whether more is listed after a finding: "không thấy hang, hạch hay dịch màng phổi", "gãy xương, dịch, khí"."""
    for j in range(k + 1, len(clauses.items)):
        kind = clauses.items[j].kind
        if clauses.segment[j] - clauses.segment[k] > 1 or clauses.sentence[j] != clauses.sentence[k]:
            return False
        if kind == CONJUNCTION:
            return True
        if clauses.segment[j] != clauses.segment[k] and kind in (SIGN, STRUCTURE, CUE):
            return kind == SIGN
    return False


def has_own_predicate(clauses: Clauses, k: int) -> bool:
    """Whether something is said of the structure at k after it, and of no other before."""
    for j in range(k + 1, len(clauses.items)):
        if clauses.segment[j] != clauses.segment[k]:
            return False
        for hit in clauses.hits.get(j, ()):
            if hit.anchor == k or (hit.anchor is not None and k <= hit.anchor < j):
                return True
        if clauses.items[j].kind == SIGN:
            return clauses.opens_segment(k)  # "không tràn dịch, bóng tim to chủ yếu thất trái"
    return False


def names_structure(clauses: Clauses, first: int, last: int) -> bool:
    """Whether a structure stands between two items."""
    return any(clauses.items[j].kind == STRUCTURE for j in range(first + 1, last))


def new_head(clauses: Clauses, k: int) -> bool:
    """Whether the segment from item k on opens with a structure and says something of it."""
    for j in range(k, len(clauses.items)):
        if clauses.segment[j] != clauses.segment[k]:
            return False
        kind = clauses.items[j].kind
        if kind == STRUCTURE:
            return has_own_predicate(clauses, j)
        if kind == SIGN:
            return any(hit.sense.finding is None for hit in clauses.hits.get(j, ()))
        if kind not in FILLERS and kind != UNKNOWN and clauses.items[j].key not in "()":
            return False
    return False


def list_goes_on(clauses: Clauses, k: int) -> bool:
    """Whether an uncertain list goes on after a comma: with a bare finding, of no side and no structure before it."""
    for j in range(k, len(clauses.items)):
        if clauses.segment[j] != clauses.segment[k]:
            return False
        kind = clauses.items[j].kind
        if kind == SIGN:
            hits = clauses.hits.get(j, [])
            return bool(hits) and all(h.sense.finding is not None and h.side not in ("left", "right") for h in hits)
        if kind in (STRUCTURE, CUE):
            return False
    return False
