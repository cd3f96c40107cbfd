"""Which structure a sign is said of: "tù" of the angle left of it, "dày" of the pleura right of it.

Vietnamese puts adjectives after the structure ("màng phổi dày") and verbs before it ("dày màng phổi"), drops a
structure already named ("góc sườn hoành nhọn, không tù"), and lets several signs share one ("tràn dịch, tràn khí
màng phổi") or one sign speak of several ("vôi hóa màng phổi và quai động mạch chủ").  All of that is decided here,
once, for every rule.
"""

from __future__ import annotations

from labeler.lexicon import Lexicon, Sense, Structure, Unit
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
    kind_of,
)  # fmt: skip
from labeler.pipe.measures import measure
from labeler.pipe.parts import Match
from labeler.pipe.places import Places

_TRANSPARENT = frozenset({SIDE, AMOUNT, NEUTRAL, NUMBER, UNKNOWN})


class Anchorer:
    """Finds the structure of every sign in a line."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._structures_in: dict[Unit, Structure | None] = {}
        self._signs_in: dict[Unit, Unit | None] = {}
        self.places = Places(lexicon)

    def anchor(self, clauses: Clauses, match: Match, topic: Structure | None) -> None:
        """Fill `clauses.hits`, `absorbed` and `unattached`.  `topic` is the structure that a heading line named."""
        items = clauses.items
        for k, item in enumerate(items):
            if item.others:
                self._reconsider(clauses, k)
            elif item.kind == CUE and item.unit is not None and item.unit.beside and self._predicate(clauses, k):
                clauses.items[k] = item.as_kind(SIGN)  # "góc sườn hoành không rõ", not "không rõ đường gãy"
                if self._left(clauses, k) is None:
                    clauses.items[k] = item
            elif item.kind == SIGN and item.last - item.first > 1:
                self._cut_to_fit(clauses, k)
        for k, item in enumerate(items):
            if item.kind == SIGN and k not in clauses.consumed:
                unit = item.unit
                assert unit is not None
                if unit.above is not None:
                    measure(clauses, match, k)
                else:
                    self._sign(clauses, k, topic)
        self.places.sides(clauses)

    # readings that only the neighbours can decide

    def _reconsider(self, clauses: Clauses, k: int) -> None:
        """An ambiguous word becomes a sign where a structure beside it takes that sign."""
        items = clauses.items
        item = items[k]
        if item.kind == STRUCTURE and k and _denies_next(items[k - 1]):
            pass  # "mp ko day": "không dày", not "không đáy"
        elif item.kind == SIGN:
            self._fit(clauses, k)
            return
        elif item.kind in (STRUCTURE, HEADING):
            return
        following = items[k + 1] if k + 1 < len(items) else None
        denied = (k and _denies_next(items[k - 1])) or (following is not None and _denies_back(following))
        if item.kind == CUE and denied:  # "không TD, không TK", "TD (-)"
            noun = next((other for other in item.others if other.alone is not None and other.alone.finding), None)
            if noun is not None:
                items[k] = item.as_kind(SIGN, noun)
                return
        if item.kind == CUE and following is not None and following.kind == SIGN:
            return  # "TD viêm phổi"
        for other in item.others:
            if not other.beside:
                continue
            items[k] = item.as_kind(kind_of(other), other)
            if items[k].kind == SIGN and (self._left(clauses, k) is not None or self._right(clauses, k) is not None):
                return
            items[k] = item

    def _fit(self, clauses: Clauses, k: int) -> None:
        """Of signs typed alike, take the one that a structure beside it takes: "trung that rong" is "rộng", not "rỗng"."""
        items = clauses.items
        item = items[k]
        if item.unit is None or item.unit.alone is not None:
            return
        for unit in (item.unit, *item.others):
            if kind_of(unit) == SIGN and unit.beside:
                items[k] = item.as_kind(SIGN, unit)
                if self._left(clauses, k) is not None or self._right(clauses, k) is not None:
                    return
        items[k] = item

    def _cut_to_fit(self, clauses: Clauses, k: int) -> None:
        """Read a sign as its first words where the structure right before it takes those alone.

        "vồng nhẹ" is a phrase of the diaphragm, but "vồng" is said of the aorta too.
        """
        item = clauses.items[k]
        unit = item.unit
        if unit is None or not unit.beside or unit.alone is not None or item.cost or k == 0:
            return
        at = k - 1
        while at > 0 and clauses.items[at].kind in (SIDE, NEUTRAL) and clauses.segment[at] == clauses.segment[k]:
            at -= 1
        if clauses.items[at].kind != STRUCTURE or at in clauses.demoted or clauses.segment[at] != clauses.segment[k]:
            return
        if self._sense(clauses, k, at) is not None:
            return
        for cut in range(len(unit.words) - 1, 0, -1):
            shorter = self.lexicon.find(unit.words[:cut])
            if shorter is not None and shorter.says_finding and self._sense(clauses, k, at, shorter) is not None:
                clauses.items[k] = item.as_kind(SIGN, shorter)
                return

    # the search for a structure

    def _sense(self, clauses: Clauses, k: int, j: int, sign: Unit | None = None) -> Sense | None:
        unit, structure = sign or clauses.items[k].unit, clauses.items[j].unit
        assert unit is not None and structure is not None and structure.structure is not None
        found = unit.sense_for(structure.structure)
        if found is None and unit.alone is not None and unit.alone.finding is None:
            return unit.alone  # a normal descriptor fits any structure
        return found

    def _right(self, clauses: Clauses, k: int) -> int | None:
        """The next structure in the segment that takes the sign."""
        items, segment = clauses.items, clauses.segment
        for j in range(k + 1, len(items)):
            if segment[j] != segment[k]:
                return None
            kind = items[j].kind
            if kind == STRUCTURE:
                if j not in clauses.demoted and self._sense(clauses, k, j) is not None:
                    return j
            elif kind == PUNCT:
                if items[j].key not in ("(", ")", "/", '"'):
                    return None
            elif kind == SIGN and self._filler(items[j]):
                continue
            elif kind not in _TRANSPARENT and kind != LOCATIVE:
                return None
        return None

    def _filler(self, item: Item) -> bool:
        """A word that may be a normal descriptor ("phổi trong") but links elsewhere ("dịch trong khoang màng phổi")."""
        return item.unit is not None and item.unit.role is not None and not item.unit.says_finding

    def _left(self, clauses: Clauses, k: int) -> int | None:
        """The nearest structure before the sign in the segment that takes it."""
        items, segment = clauses.items, clauses.segment
        for j in range(k - 1, -1, -1):
            if segment[j] != segment[k]:
                return None
            if items[j].kind == STRUCTURE and j not in clauses.demoted and self._sense(clauses, k, j) is not None:
                return j
        return None

    def _claimed(self, clauses: Clauses, j: int, k: int) -> bool:
        """Whether the structure at j has a predicate of its own after it (k is the sign before it)."""
        items, segment = clauses.items, clauses.segment
        for m in range(j + 1, len(items)):
            if segment[m] != segment[j]:
                return False
            kind = items[m].kind
            if kind == SIGN:
                return self._sense(clauses, m, j) is not None
            if kind == CUE:
                cue = items[m].cue
                return (
                    cue is not None and cue.assertion == "absent" and m + 1 < len(items) and items[m + 1].kind == SIGN
                )
            if kind not in _TRANSPARENT:
                return False
        return False

    def _close(self, clauses: Clauses, k: int, j: int) -> bool:
        """Whether only fillers stand between the sign and the structure right of it."""
        return j - k <= 4 and all(
            item.kind in (NEUTRAL, AMOUNT, SIDE, UNKNOWN) or self._filler(item) for item in clauses.items[k + 1 : j]
        )

    def _before(self, clauses: Clauses, k: int, same_sentence: bool) -> int | None:
        """The last structure named before this segment that takes the sign."""
        items = clauses.items
        for j in range(k - 1, -1, -1):
            if same_sentence and clauses.sentence[j] != clauses.sentence[k]:
                return None
            if items[j].kind == HEADING:
                return None
            takes = items[j].kind == STRUCTURE and j not in clauses.demoted and self._sense(clauses, k, j) is not None
            if takes and not self._is_place(clauses, j):
                return j
        return None

    def _is_place(self, clauses: Clauses, j: int) -> bool:
        """Whether a structure only says where a finding of another one lies: "màng phổi: mảng dày thành ngực"."""
        if clauses.takes_sign(j):
            return False
        named = clauses.items[j].unit
        region = named.structure.region if named is not None and named.structure is not None else None
        beside = clauses.findings(0, j, clauses.segment[j])
        return any(hit.structure is not None and hit.structure.region != region for hit in beside)

    def _inner(self, clauses: Clauses, k: int) -> Structure | None:
        """The structure inside a phrase said before in the sentence: "dẫn lưu màng phổi, còn dịch lượng ít"."""
        unit = clauses.items[k].unit
        assert unit is not None
        for j in range(k - 1, -1, -1):
            if clauses.sentence[j] != clauses.sentence[k]:
                return None
            said = clauses.items[j].unit
            if clauses.items[j].kind == SIGN and said is not None and len(said.words) > 2:
                structure = self._held(said)
                if structure is not None and unit.sense_for(structure) is not None:
                    return structure
        return None

    def _inner_after(self, clauses: Clauses, k: int) -> Structure | None:
        """The structure inside the phrase that a list of signs runs into: "dày, dính màng phổi"."""
        unit = clauses.items[k].unit
        assert unit is not None
        for j in range(k + 1, min(k + 4, len(clauses.items))):
            item = clauses.items[j]
            if item.kind == SIGN and item.unit is not None and len(item.unit.words) > 2:
                structure = self._held(item.unit)
                return structure if structure is not None and unit.sense_for(structure) is not None else None
            if item.key != "," and item.kind not in (CONJUNCTION, NEUTRAL):
                return None
        return None

    def _held(self, unit: Unit) -> Structure | None:
        """The longest structure named inside a phrase."""
        if unit not in self._structures_in:
            words = unit.words
            spans = ((i, j) for n in range(len(words) - 1, 0, -1) for i in range(len(words) - n + 1) for j in (i + n,))
            found = (self.lexicon.find(words[i:j]) for i, j in spans)
            self._structures_in[unit] = next(
                (u.structure for u in found if u is not None and u.structure is not None), None
            )
        return self._structures_in[unit]

    def _shared(self, clauses: Clauses, k: int) -> int | None:
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
                agree = signs and all(self._sense(clauses, sign, j) is not None for sign in (k, *signs))
                return j if agree and not self._claimed(clauses, j, k) else None
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

    def _other_place(self, clauses: Clauses, k: int, region: str | None) -> bool:
        """Whether the segment names a structure of another region of which the sign could be said as well."""
        for j, item in enumerate(clauses.items):
            if item.kind == STRUCTURE and clauses.segment[j] == clauses.segment[k]:
                sense = self._sense(clauses, k, j)
                if sense is not None and sense.finding is not None and sense.region != region:
                    return True
        return False

    def _own_region(self, clauses: Clauses, k: int, region: str) -> int | None:
        """A structure of the sign's own region in its segment: "dải mờ giữa phổi phải" in a line on the heart."""
        for j, item in enumerate(clauses.items):
            if item.kind != STRUCTURE or clauses.segment[j] != clauses.segment[k] or j in clauses.demoted:
                continue
            if item.unit is not None and item.unit.structure is not None and item.unit.structure.region == region:
                return j
        return None

    def _predicate(self, clauses: Clauses, k: int) -> bool:
        """Whether a word stands where a predicate does: nothing after it that it could introduce."""
        after = clauses.items[k + 1] if k + 1 < len(clauses.items) else None
        return after is None or after.kind in (PUNCT, CONJUNCTION, CUE) or clauses.segment[k + 1] != clauses.segment[k]

    def _describes_before(self, clauses: Clauses, k: int) -> bool:
        """Whether a sign alone in its segment goes on about the finding before the comma ("gãy xương sườn 5, di lệch")."""
        segment = clauses.segment
        own = [j for j in range(len(clauses.items)) if segment[j] == segment[k]]
        if any(clauses.items[j].kind in (STRUCTURE, CUE, UNKNOWN) for j in own):
            return False
        return any(hit.sense.finding for hit in clauses.findings(clauses.sentence_of(k)[0], k, segment[k] - 1))

    def _follows_finding(self, clauses: Clauses, k: int) -> bool:
        """Whether the word before a sign is a finding which it describes ("nốt mờ to")."""
        j = k - 1
        described = (NEUTRAL, NUMBER, AMOUNT, SIDE, STRUCTURE)
        while j >= 0 and clauses.segment[j] == clauses.segment[k]:
            joins = clauses.items[j].kind == CONJUNCTION and clauses.items[j + 1].kind == STRUCTURE
            if clauses.items[j].kind not in described and not joins:  # "khí dưới da cổ và thành ngực tăng"
                break
            j -= 1
        if j < 0 or clauses.segment[j] != clauses.segment[k]:
            return False
        return any(hit.sense.finding is not None for hit in clauses.hits.get(j, ())) or j in clauses.absorbed

    def _sign(self, clauses: Clauses, k: int, topic: Structure | None) -> None:
        unit = clauses.items[k].unit
        assert unit is not None
        if not unit.beside and unit.alone is not None and unit.alone.finding is not None:
            clauses.add(k, None, None, unit.alone)
            sign = self._sign_in(unit)
            if sign is not None:
                self._spread(clauses, k, k, sign)
            return
        right, left = self._right(clauses, k), self._left(clauses, k)
        if unit.role is not None and not unit.says_finding and (left is None or not self._predicate(clauses, k)):
            clauses.items[k] = clauses.items[k].as_kind(NEUTRAL)  # "hang trong nhu mô", not "phổi trong"
            return
        at: int | None = None
        if (
            right is not None
            and not self._claimed(clauses, right, k)
            and (left is None or self._close(clauses, k, right))
        ):
            at = right
        elif left is not None:
            at = left
        elif right is not None:
            at = right
        if at is not None:
            sense = self._sense(clauses, k, at)
            assert sense is not None
            hit = clauses.add(k, at, None, sense)
            if self._fits_topic(clauses, k, hit.structure, sense, topic):
                clauses.unplaced.append(k)
            self._spread(clauses, k, at)
            return
        if unit.alone is None and self._follows_finding(clauses, k):
            clauses.absorbed.add(k)
            return
        if unit.alone is not None and unit.alone.region is not None:
            at = self._own_region(clauses, k, unit.alone.region)
            if at is not None:
                clauses.add(k, at, None, unit.alone)
                return
        before = self._before(clauses, k, True)
        if before is not None:
            sense = self._sense(clauses, k, before)
            assert sense is not None
            clauses.add(k, before, None, sense)
            self._spread(clauses, k, before)
            return
        inner = self._inner(clauses, k)
        if inner is not None:
            sense = unit.sense_for(inner)
            if sense is not None:
                clauses.add(k, None, inner, sense)
                return
        shared = self._shared(clauses, k)
        if shared is not None:
            sense = self._sense(clauses, k, shared)
            assert sense is not None
            hit = clauses.add(k, shared, None, sense)
            hit.shared = True
            return
        inner = self._inner_after(clauses, k)
        if inner is not None:
            sense = unit.sense_for(inner)
            if sense is not None:
                clauses.add(k, None, inner, sense).shared = True
                return
        if unit.alone is not None:
            clauses.add(k, None, None, unit.alone)
            if self._other_place(clauses, k, unit.alone.region):
                clauses.unplaced.append(k)
            return
        before = self._before(clauses, k, False)
        if before is not None:
            sense = self._sense(clauses, k, before)
            assert sense is not None
            clauses.add(k, before, None, sense)
            return
        if topic is not None:
            said = unit.sense_for(topic)
            if said is not None:
                clauses.add(k, None, topic, said)
                return
        if not unit.says_finding:
            return  # a normal descriptor of something unnamed: nothing to set
        if self._describes_before(clauses, k):
            clauses.absorbed.add(k)
            return
        if self._as_shorter(clauses, k, topic):
            return
        if unit.role == "course":  # "góc sườn hoành tù, giảm nhiều so với trước"
            clauses.items[k] = clauses.items[k].as_kind(NEUTRAL)
            return
        clauses.leave(k)

    def _fits_topic(
        self, clauses: Clauses, k: int, place: Structure | None, sense: Sense, topic: Structure | None
    ) -> bool:
        """Whether a sign at a mere place could be said of what its line is about: "màng phổi: mờ vùng đáy"."""
        if sense.finding is None or place is None or place.location is None or len(place.lineage) < 2:
            return False
        unit, items = clauses.items[k].unit, clauses.items
        heads = (j for j in range(k - 2, -1, -1) if items[j].kind == STRUCTURE and items[j + 1].key == ":")
        head = next(heads, None)
        if head is not None:
            topic = items[head].unit.structure  # type: ignore[union-attr]
        said = unit.sense_for(topic) if unit is not None and topic is not None else None
        return said is not None and said.finding is not None and said.region != sense.region

    def _as_shorter(self, clauses: Clauses, k: int, topic: Structure | None) -> bool:
        """Read a sign that no structure takes as its first words alone ("mờ hình thoi" as "mờ")."""
        item = clauses.items[k]
        assert item.unit is not None
        for cut in range(len(item.unit.words) - 1, 0, -1):
            shorter = self.lexicon.find(item.unit.words[:cut])
            if shorter is None or not shorter.says_finding:
                continue
            clauses.items[k] = item.as_kind(SIGN, shorter)
            if self._right(clauses, k) is not None or self._left(clauses, k) is not None:
                self._sign(clauses, k, topic)
                return True
        clauses.items[k] = item
        return False

    def _sign_in(self, unit: Unit) -> Unit | None:
        """The sign that a phrase begins with before its structure: "dày" in "dày màng phổi", if it means the same."""
        if unit not in self._signs_in:
            assert unit.alone is not None
            words = unit.words
            halves = ((self.lexicon.find(words[:cut]), self.lexicon.find(words[cut:])) for cut in range(1, len(words)))
            self._signs_in[unit] = next(
                (
                    sign
                    for sign, held in halves
                    if sign is not None and held is not None and held.structure is not None
                    for sense in (sign.sense_for(held.structure),)
                    if sense is not None and sense.finding == unit.alone.finding
                ),
                None,
            )
        return self._signs_in[unit]

    def _spread(self, clauses: Clauses, k: int, at: int, sign: Unit | None = None) -> None:
        """Further structures coordinated with the anchor, for a sign (the item at k, or part of it) that speaks of all."""
        items = clauses.items
        step = -1 if at < k else 1
        j = at + step
        joined = False
        while 0 <= j < len(items) and clauses.sentence[j] == clauses.sentence[at]:
            item = items[j]
            if item.kind == STRUCTURE and j not in clauses.demoted:
                sense = self._sense(clauses, k, j, sign)
                same_segment = clauses.segment[j] == clauses.segment[at]
                if sense is None or (step < 0 and not joined and not same_segment):
                    return
                if step > 0 and (not joined or self._claimed(clauses, j, k) or not self._ends(clauses, j)):
                    return
                if step < 0 and not same_segment and not self._bare(clauses, j):
                    return
                clauses.add(k, j, None, sense)
                joined = False
            elif item.kind == CONJUNCTION or (item.kind == PUNCT and item.key in (",", "/", "-")):
                joined = True
            elif item.kind not in (NEUTRAL, SIDE, NUMBER, UNKNOWN, LOCATIVE) and not (
                item.kind == PUNCT and item.key in "()"
            ):
                return
            j += step

    def _bare(self, clauses: Clauses, j: int) -> bool:
        """Whether the segment of a structure holds nothing but structures and sides."""
        bare = (STRUCTURE, NEUTRAL, SIDE, CONJUNCTION, NUMBER, LOCATIVE, PUNCT, HEADING)
        return all(
            item.kind in bare for m, item in enumerate(clauses.items) if clauses.segment[m] == clauses.segment[j]
        )

    def _ends(self, clauses: Clauses, j: int) -> bool:
        """Whether nothing is said of a structure after it in its segment."""
        for m in range(j + 1, len(clauses.items)):
            if clauses.segment[m] != clauses.segment[j]:
                return clauses.items[m - 1].key != ":"  # "gãy sườn 6, đòn trái: không"
            if clauses.items[m].kind == SIGN:
                return False
        return True


def _denies_next(item: Item) -> bool:
    """Whether an item is a negation of the next word alone."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion == "absent" and cue.scope == "next"


def _denies_back(item: Item) -> bool:
    """Whether an item denies what stands right before it."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion == "absent" and cue.scope in ("before", "around")
