"""Which structure a sign is said of: "tù" of the angle left of it, "dày" of the pleura right of it.

Vietnamese puts adjectives after the structure ("màng phổi dày") and verbs before it ("dày màng phổi"), drops a
structure already named ("góc sườn hoành nhọn, không tù"), and lets several signs share one ("tràn dịch, tràn khí
màng phổi") or one sign speak of several ("vôi hóa màng phổi và quai động mạch chủ").  All of that is decided here,
once, for every rule.
"""

from __future__ import annotations

from labeler.lexicon import Lexicon
from labeler.meanings import Sense, Structure, Unit
from labeler.pipe.candidates import (
    claimed,
    filled_in,
    is_near,
    left_of,
    named_before,
    other_place,
    own_region,
    placed_later,
    right_of,
    sense_at,
    shared_structure,
)
from labeler.pipe.clauses import Clauses
from labeler.pipe.disambiguation import denies_list, denies_next, disambiguate, is_predicate, shorten
from labeler.pipe.items import (
    AMOUNT,
    CONJUNCTION,
    CUE,
    FILLERS,
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
)
from labeler.pipe.measures import measure
from labeler.pipe.parts import Match
from labeler.pipe.places import Places

_BETWEEN_PLACES = frozenset({STRUCTURE, SIDE, NEUTRAL, CONJUNCTION})


class Anchorer:
    """Finds the structure of every sign in a line."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._structures_in: dict[Unit, Structure | None] = {}
        self._signs_in: dict[Unit, Unit | None] = {}
        self.places = Places(lexicon)

    def anchor(self, clauses: Clauses, match: Match, topic: Structure | None) -> None:
        """Fill `clauses.hits`, `absorbed` and `unattached`.  `topic` is the structure that a heading line named."""
        disambiguate(clauses, self.lexicon)
        for k, item in enumerate(clauses.items):
            if item.kind == SIGN and k not in clauses.consumed:
                unit = item.unit
                assert unit is not None
                if unit.above is not None:
                    measure(clauses, match, k)
                else:
                    self._sign(clauses, k, topic)
        self.places.sides(clauses)

    def _inner(self, clauses: Clauses, k: int) -> Structure | None:
        """The structure inside a phrase said before in the sentence: "dẫn lưu màng phổi, còn dịch lượng ít"."""
        unit = clauses.items[k].unit
        assert unit is not None
        if unit.alone is not None and k + 1 < len(clauses.items) and clauses.items[k + 1].key == ":":
            return None  # a field of its own: "dịch màng phổi: không, đám mờ: có"
        for j in range(k - 1, -1, -1):
            if clauses.sentence[j] != clauses.sentence[k] or (unit.alone is not None and _tells_anew(clauses.items[j])):
                return None  # "không tràn khí màng phổi, có đám mờ"
            said = clauses.items[j].unit
            if clauses.items[j].kind == SIGN and said is not None and len(said.words) > 2:
                structure = self._held(said)
                if structure is not None and unit.sense_for(structure) is not None:
                    return structure
                if structure is not None and unit.alone is not None and structure.region == unit.alone.region:
                    return None  # "tràn dịch màng phổi, tổn thương phổi do lao"
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

    def _sign(self, clauses: Clauses, k: int, topic: Structure | None) -> None:
        """Say the sign at k of the structure that claims it most, of those around it before those named earlier."""
        unit = clauses.items[k].unit
        assert unit is not None
        if not unit.beside and unit.alone is not None and unit.alone.finding is not None:
            clauses.add(k, None, None, unit.alone)
            sign = self._sign_in(unit)
            if sign is not None:
                _spread(clauses, k, k, sign)
            return
        if k and denies_next(clauses.items[k - 1]) and self._predicate_of_noun(clauses, k):
            return
        right, left = right_of(clauses, k), left_of(clauses, k)
        if unit.role is not None and not unit.says_finding and (left is None or not is_predicate(clauses, k)):
            clauses.items[k] = clauses.items[k].as_kind(NEUTRAL)  # "hang trong nhu mô", not "phổi trong"
            return
        at: int | None = None
        opens = k > 0 and right == k + 1 and clauses.items[k - 1].kind == CONJUNCTION  # "và hạch rốn phổi không to"
        if right is not None and (
            opens or (not claimed(clauses, right) and (left is None or is_near(clauses, k, right)))
        ):
            at = right
        elif left is not None:
            at = left
        elif right is not None:
            at = right
        if at is not None:
            sense = sense_at(clauses, k, at)
            assert sense is not None
            hit = clauses.add(k, at, None, sense)
            if at < k and (denies_next(clauses.items[k - 1]) or denies_list(clauses.items[k - 1])):
                self._join_noun(clauses, k, at)
            if _fits_topic(clauses, k, hit.structure, sense, topic):
                clauses.unplaced.append(k)
            _spread(clauses, k, at)
            return
        if unit.alone is None and _follows_finding(clauses, k):
            clauses.absorbed.add(k)
            return
        if unit.alone is not None and unit.alone.region is not None:
            at = own_region(clauses, k, unit.alone.region)
            if at is not None:
                clauses.add(k, at, None, unit.alone)
                return
        before = named_before(clauses, k, True)
        if before is not None:
            sense = sense_at(clauses, k, before)
            assert sense is not None
            clauses.add(k, before, None, sense)
            _spread(clauses, k, before)
            return
        inner = self._inner(clauses, k)
        if inner is not None:
            sense = unit.sense_for(inner)
            if sense is not None:
                clauses.add(k, None, inner, sense)
                return
        behind = shared_structure(clauses, k)
        if behind is not None:
            sense = sense_at(clauses, k, behind)
            assert sense is not None
            hit = clauses.add(k, behind, None, sense)
            hit.shared = True
            return
        inner = self._inner_after(clauses, k)
        if inner is not None:
            sense = unit.sense_for(inner)
            if sense is not None:
                clauses.add(k, None, inner, sense).shared = True
                return
        answer = filled_in(clauses, k)
        if answer is not None:
            sense = sense_at(clauses, k, answer)
            assert sense is not None
            clauses.add(k, answer, None, sense)
            return
        if unit.alone is not None:
            clauses.add(k, None, None, unit.alone)
            if other_place(clauses, k, unit.alone.region):
                clauses.unplaced.append(k)
            return
        before = named_before(clauses, k, False)
        if before is not None:
            sense = sense_at(clauses, k, before)
            assert sense is not None
            clauses.add(k, before, None, sense)
            if sense.finding is not None and _names_other(clauses, k, sense.region):
                clauses.unplaced.append(k)
            return
        if topic is not None:
            said = unit.sense_for(topic)
            if said is not None:
                clauses.add(k, None, topic, said)
                return
        again = _said_again(clauses, k)
        if again is not None:
            clauses.add(k, None, None, again)
            return
        if not unit.says_finding:
            return  # a normal descriptor of something unnamed: nothing to set
        if _describes_before(clauses, k):
            clauses.absorbed.add(k)
            return
        later = placed_later(clauses, k)
        if later is not None:
            sense = sense_at(clauses, k, later)
            assert sense is not None
            clauses.add(k, later, None, sense)
            return
        if shorten(clauses, k, self.lexicon):
            self._sign(clauses, k, topic)
            return
        # "góc sườn hoành tù, giảm nhiều so với trước", "đứt dây máy tạo nhịp"
        if unit.role == "course" or (unit.role == "modifier" and _beside_device(clauses, k)):
            clauses.items[k] = clauses.items[k].as_kind(NEUTRAL)
            return
        clauses.leave(k)

    def _join_noun(self, clauses: Clauses, k: int, at: int) -> None:
        """Note the noun of which a denied predicate is said: "hạch rốn phổi, trung thất không to" has no enlarged nodes.

        "Dày" is no noun: "dày màng phổi đỉnh, trung thất không rộng"
        """
        items, predicate = clauses.items, clauses.items[k].unit
        j = at - 1
        while j >= 0 and (items[j].kind in _BETWEEN_PLACES or items[j].key in (",", ":", "/", "-")):
            j -= 1
        noun = items[j].unit if j >= 0 and items[j].kind == SIGN else None
        places = [hit.anchor for hit in clauses.hits.get(j, ()) if hit.anchor is not None]
        if noun is None or noun.alone is None or predicate is None or not any(j < place <= at for place in places):
            return
        if at in places and any(item.kind == PUNCT for item in items[j:k]):
            return  # "hạch rốn phổi phải, rốn phổi trái không to"
        if clauses.sentence[j] == clauses.sentence[k] and sense_at(clauses, j, at) is not None:
            whole = self.lexicon.find(noun.words + predicate.words)  # "hạch to"
            if whole is not None and whole.says_finding:
                clauses.together[k] = self._listed(clauses, j)

    def _predicate_of_noun(self, clauses: Clauses, k: int) -> bool:
        """Say a denied predicate of the noun that a field names: "Hạch trung thất, rốn phổi: không to"."""
        items, predicate = clauses.items, clauses.items[k].unit
        if k < 3 or items[k - 2].key != ":":
            return False
        j = k - 3
        while j > 0 and (items[j].kind in _BETWEEN_PLACES or items[j].key in (",", "/", "-")):
            j -= 1
        noun = items[j].unit if items[j].kind == SIGN else None
        if noun is None or predicate is None or j not in clauses.hits:
            return False
        if any(hit.anchor is not None and hit.anchor < j for hit in clauses.hits[j]):
            return False  # no noun: "quai ĐMC vồng, tim: không to"
        whole = self.lexicon.find(noun.words[:1] + predicate.words)  # "hạch to"
        if whole is None or not whole.says_finding:
            return False
        clauses.add(k, None, None, clauses.hits[j][0].sense)
        clauses.together[k] = self._listed(clauses, j)
        return True

    def _listed(self, clauses: Clauses, k: int) -> list[int]:
        """A noun and those like it that are listed before it: "hạch trung thất, hạch rốn phổi", but no "hạch to"."""
        items, noun = clauses.items, clauses.items[k].unit
        assert noun is not None
        out = [k]
        for j in range(k - 1, -1, -1):
            unit = items[j].unit
            if items[j].kind == SIGN and unit is not None and unit.words[0] == noun.words[0] and j in clauses.hits:
                place = self.lexicon.find(unit.words[1:])
                if len(unit.words) > 1 and (place is None or place.structure is None):
                    break
                out.append(j)
            elif items[j].kind not in _BETWEEN_PLACES and items[j].key not in (",", "/", "-"):
                break
        return out

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


def _follows_finding(clauses: Clauses, k: int) -> bool:
    """Whether the word before a sign is a finding which it describes ("nốt mờ to")."""
    j = k - 1
    described = (NEUTRAL, NUMBER, AMOUNT, SIDE, STRUCTURE)
    while j >= 0 and clauses.segment[j] == clauses.segment[k]:
        joins = clauses.items[j].kind == CONJUNCTION and clauses.items[j + 1].kind == STRUCTURE
        lists = clauses.items[j].key in ("-", ",")  # "gãy sườn 4-5-6 di lệch"
        if clauses.items[j].kind not in described and not joins and not lists:  # "khí dưới da cổ và thành ngực tăng"
            break
        j -= 1
    if j < 0 or clauses.segment[j] != clauses.segment[k]:
        return False
    return any(hit.sense.finding is not None for hit in clauses.hits.get(j, ())) or j in clauses.absorbed


def _said_again(clauses: Clauses, k: int) -> Sense | None:
    """What a sign without its structure goes on about: "tràn dịch màng phổi trái, đã chọc. Nay dịch còn ít"."""
    unit = clauses.items[k].unit
    named = {hit.sense.finding for j, hits in clauses.hits.items() if j < k for hit in hits}
    senses = unit.beside.values() if unit is not None else ()
    return next((sense for sense in senses if sense.finding is not None and sense.finding in named), None)


def _beside_device(clauses: Clauses, k: int) -> bool:
    """Whether a word describes a device: "đứt một dây máy tạo nhịp"."""
    items = clauses.items
    for near in (range(k - 1, -1, -1), range(k + 1, len(items))):
        unit = next((items[j].unit for j in near if items[j].kind not in FILLERS), None)
        if unit is not None and unit.alone is not None and unit.alone.device:
            return True
    return False


def _names_other(clauses: Clauses, k: int, region: str | None) -> bool:
    """Whether a sign that is said of an earlier sentence's structure stands beside another: "Quai ruột nhiều hơi"."""
    for j, item in enumerate(clauses.items):
        named = item.unit.structure if item.kind == STRUCTURE and item.unit is not None else None
        here = clauses.segment[j] == clauses.segment[k] and j not in clauses.demoted
        if named is not None and here and named.region != region:
            return True
    return False


def _describes_before(clauses: Clauses, k: int) -> bool:
    """Whether a sign alone in its segment goes on about the finding before the comma ("gãy xương sườn 5, di lệch")."""
    segment = clauses.segment
    own = [j for j in range(len(clauses.items)) if segment[j] == segment[k]]
    if any(clauses.items[j].kind in (STRUCTURE, CUE, UNKNOWN) or (j < k and _is_one_side(clauses.items[j])) for j in own):
        return False  # "còn mờ, góc phải tù"
    return any(hit.sense.finding for hit in clauses.findings(clauses.sentence_of(k)[0], k, segment[k] - 1))


def _tells_anew(item: Item) -> bool:
    """Whether an item begins a new statement: "nhưng", "có"."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion in ("present", "contrast")


def _is_one_side(item: Item) -> bool:
    return item.kind == SIDE and item.unit is not None and item.unit.role != "both"


def _fits_topic(clauses: Clauses, k: int, place: Structure | None, sense: Sense, topic: Structure | None) -> bool:
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


def _spread(clauses: Clauses, k: int, at: int, sign: Unit | None = None) -> None:
    """Further structures coordinated with the anchor, for a sign (the item at k, or part of it) that speaks of all."""
    items = clauses.items
    step = -1 if at < k else 1
    j = at + step
    joined = False
    while 0 <= j < len(items) and clauses.sentence[j] == clauses.sentence[at]:
        item = items[j]
        if item.kind == STRUCTURE and j not in clauses.demoted:
            sense = sense_at(clauses, k, j, sign)
            same_segment = clauses.segment[j] == clauses.segment[at]
            if sense is None or (step < 0 and not joined and not same_segment):
                return
            if step > 0 and (not joined or claimed(clauses, j) or not _ends(clauses, j)):
                return
            if step < 0 and not same_segment and not _bare(clauses, j):
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


def _bare(clauses: Clauses, j: int) -> bool:
    """Whether the segment of a structure holds nothing but structures and sides."""
    bare = (STRUCTURE, NEUTRAL, SIDE, CONJUNCTION, NUMBER, LOCATIVE, PUNCT, HEADING)
    return all(item.kind in bare for m, item in enumerate(clauses.items) if clauses.segment[m] == clauses.segment[j])


def _ends(clauses: Clauses, j: int) -> bool:
    """Whether nothing is said of a structure after it in its segment."""
    for m in range(j + 1, len(clauses.items)):
        if clauses.segment[m] != clauses.segment[j]:
            return clauses.items[m - 1].key != ":"  # "gãy sườn 6, đòn trái: không"
        if clauses.items[m].kind == SIGN:
            return False
    return True
