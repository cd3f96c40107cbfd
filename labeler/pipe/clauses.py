"""A line cut into segments and sentences, with the hits found in it: what anchors, assertion and interpolation share."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from labeler.meanings import Sense, Structure
from labeler.patterns import ANY_NUMBER
from labeler.pipe.items import (
    AMOUNT,
    ARROWS,
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
    contrasts,
)
from labeler.typing_slips import SLIP

_COMMAS = frozenset({",", ":", "-", "+", "*", "•"})
# cues with which a sentence turns from the past to now: "nay", "chụp lại"
_TURNS = frozenset({("present", "sentence"), ("present", "clause")})
STOPS = frozenset({".", ";", "!", "|"}) | ARROWS


# What a sign says that no structure takes: nothing, but whether it is denied still matters.
UNATTACHED = Sense("", None, (), "")


class Hit:
    """A sign with its sense and structure; the assertion is filled in by the next step."""

    __slots__ = (
        "item", "anchor", "structure", "sense", "shared", "assertion", "cue", "side", "numeric",
    )  # fmt: skip

    def __init__(self, item: int, anchor: int | None, structure: Structure | None, sense: Sense) -> None:
        self.item, self.anchor, self.structure, self.sense = item, anchor, structure, sense
        self.shared = self.numeric = False
        self.assertion = "present"
        self.cue: int | None = None
        self.side: str | None = None


class Clauses:
    """A line's items with their segments (between commas) and sentences, and the hits found in them."""

    __slots__ = (
        "items",
        "segment",
        "sentence",
        "demoted",
        "hits",
        "absorbed",
        "unattached",
        "unplaced",
        "headings",
        "consumed",
        "together",
        "puzzling",
        "course",
        "causes",
        "timed",
        "strayed",
    )

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.segment: list[int] = []
        self.sentence: list[int] = []
        self.headings: list[int] = []
        self.demoted: set[int] = set()
        self.hits: dict[int, list[Hit]] = {}
        self.absorbed: set[int] = set()
        self.puzzling = False  # holds words that may turn out to be residue
        self.course = False  # tells how something of an older film went on
        self.strayed = False  # a point stands where none ends anything: its points cannot be relied on
        self.causes = False  # may say why a finding is seen, or what it is
        self.unattached: list[int] = []
        self.unplaced: list[int] = []  # said of no structure, though beside one of another region
        self.consumed: set[int] = set()
        self.together: dict[int, list[int]] = {}  # denied predicates that are said of nouns before their places too
        self.timed: list[int] = []  # words of time in sentences that do not go on to speak of now
        self._cut()

    def _cut(self) -> None:
        """Number the segments and sentences, and give headings and locatives their part."""
        items = self.items
        segments, sentences = self.segment, self.sentence
        segment = sentence = 0
        fresh = True  # at the start of a sentence
        denied = -1  # the last sentence with a negation
        before = PUNCT
        bracketed = False
        for k, item in enumerate(items):
            kind = item.kind
            unit = item.unit
            if kind == UNKNOWN or (item.guess and kind != SIGN):
                self.puzzling = True
            if unit is not None and unit.denies:
                denied = sentence
            elif unit is not None and unit.role == "modifier":
                self.puzzling = True
            if unit is None:
                self.causes = self.causes or item.key == "="
            elif unit.role == "course":
                self.course = True
            elif unit.role == "cause" or item.key == "=":
                self.causes = True
            if unit is not None and (kind == CUE or unit.section is not None):
                cue = unit.cue
                if unit.section is not None and self._is_heading(k, fresh):
                    items[k] = item.as_kind(HEADING)
                    kind = HEADING
                    if not fresh:
                        sentence += 1
                        segment += 1
                    self.headings.append(k)
                elif kind == HEADING:
                    items[k] = item.as_kind(NEUTRAL)
                    kind = NEUTRAL
                elif cue is not None and cue.assertion == "absent":
                    denied = sentence
                elif cue is not None and cue.assertion == "contrast":
                    if cue.scope == "list" and denied != sentence and not (before == PUNCT and self._denies_ahead(k)):
                        items[k] = item.as_kind(LOCATIVE)  # "vỏ ngoài cung bên", not "không thấy gì ngoài"
                        kind = LOCATIVE
                    else:
                        segment += 1
                elif cue is not None and cue.assertion == "earlier" and not self._is_past(k, cue.scope):
                    if unit.role == "locative":
                        kind = LOCATIVE
                    else:
                        kind = NEUTRAL
                        self.timed.append(k)
                    items[k] = item.as_kind(kind)
            segments.append(segment)
            sentences.append(sentence)
            if kind == PUNCT:
                key = item.key
                bracketed = key == "(" or (bracketed and key != ")")
                if key in _COMMAS:
                    if key in (",", "-") and self._parts_numbers(k):
                        continue
                    segment += 1
                    fresh = fresh and key != ","
                elif key == "?" and bracketed:
                    segment += 1  # "tìm nguyên nhân (giãn phế quản? u?)"
                elif key == "?" or (key in STOPS and not (key == "." and self._stray(k))):
                    segment += 1
                    sentence += 1
                    fresh = True
            else:
                fresh = kind == HEADING
                if kind == STRUCTURE and before == LOCATIVE:
                    self.demoted.add(k)
            before = kind

    def _denies_ahead(self, k: int) -> bool:
        """Whether the sentence goes on to deny something: "ngoài bóng tim hơi to, không thấy bất thường"."""
        for item in self.items[k + 1 :]:
            if item.key in STOPS:
                return False
            if item.cue is not None and item.cue.assertion == "absent":
                return True
        return False

    def _is_past(self, k: int, scope: str) -> bool:
        """Whether words of time tell of the past: those of an older film always, others where the sentence turns to now."""
        if scope in ("sentence", "before"):
            return True
        items = self.items
        if scope == "next":  # "góc sườn hoành trước tù, nay nhọn", not "nốt mờ trước tim, nay ..."
            kinds = [item.kind for item in items[k + 1 :] if item.kind not in (NEUTRAL, AMOUNT)]
            if not kinds or kinds[0] not in (SIGN, CUE) or not any(item.kind == STRUCTURE for item in items[:k]):
                return False
        for j in range(k + 1, len(items)):
            cue = items[j].cue
            if cue is not None and (cue.assertion, cue.scope) in _TURNS:
                return True
            if items[j].key in STOPS:
                return False
        return False

    def _is_heading(self, k: int, fresh: bool) -> bool:
        """A heading stands before a colon, alone in its line, or first in it when it can be nothing else."""
        items = self.items
        unit = items[k].unit
        assert unit is not None
        if items[k].cost >= SLIP and items[k].last - items[k].first == 1:
            return False  # "CPR:" is no "CRP:"
        if k + 1 < len(items) and items[k + 1].key == ":":
            return k == 0 or items[k - 1].key != "/"  # no heading: "Dị vật / thiết bị: không"
        if len(items) == 1 or (k == 0 and len(items) == 2 and items[1].kind == PUNCT):
            return True
        bare = unit.cue is None and unit.structure is None and not unit.is_sign and len(unit.words) > 1
        return fresh and bare and not self.headings

    def _parts_numbers(self, k: int) -> bool:
        """ "xương sườn 5, 6 bên phải", "độ 0-3" """
        return k + 1 < len(self.items) and self.items[k + 1].kind == NUMBER and self.ends_in_number(k - 1)

    def _stray(self, k: int) -> bool:
        """A point that ends nothing: after a comma, or right after a forward cue."""
        if self._open_before(k):
            self.strayed = True
            return True
        return k > 0 and self.items[k - 1].key == ","

    def ends_in_number(self, k: int) -> bool:
        """Whether an item is a number, or a phrase that ends in one."""
        item = self.items[k] if k >= 0 else None
        return item is not None and (
            item.kind == NUMBER or (item.unit is not None and item.unit.words[-1] == ANY_NUMBER)
        )

    def _open_before(self, k: int) -> bool:
        """A stray point right after a forward cue ("không thấy. hình mờ") ends nothing; that of an answer does."""
        if k + 1 >= len(self.items) or self.items[k + 1].kind == STRUCTURE:
            return False
        if k > 1 and self.items[k - 2].key == ":" and all(i.kind != STRUCTURE for i in self.items[max(0, k - 5) : k - 2]):
            return False  # "Dụng cụ: không có. Gãy xương sườn 5.", but "Màng phổi: không thấy. dịch"
        if k > 1 and self.items[k - 2].kind in (SIGN, STRUCTURE, SIDE):
            negation = self.items[k - 3].cue if k > 2 else None
            if negation is None or negation.assertion != "absent":
                return False  # "dẫn lưu chưa đặt. Tim to", but "rốn phổi không đậm không thấy. dịch"
        before = self.items[k - 2].cue if k > 1 else None
        if before is not None and (before.assertion, before.scope) in _TURNS:
            return False  # "nay hết. Hai phổi sáng."
        cue = self.items[k - 1].cue if k else None
        return cue is not None and cue.assertion == "absent" and cue.scope == "list"

    # hits

    def add(self, k: int, at: int | None, structure: Structure | None, sense: Sense) -> Hit:
        """A sign at k with its sense, said of the structure at `at`, or of one that stands elsewhere."""
        if at is not None:
            named = self.items[at].unit
            structure = named.structure if named is not None else None
        hit = Hit(k, at, structure, sense)
        self.hits.setdefault(k, []).append(hit)
        return hit

    def findings(self, first: int, last: int, segment: int | None = None) -> list[Hit]:
        """Hits of the items from `first` up to `last`, those of one segment if told, that name or may name a finding."""
        return [
            hit
            for k, hits in self.hits.items()
            if first <= k < last and (segment is None or self.segment[k] == segment)
            for hit in hits
            if hit.sense.finding is not None
        ]

    def sentence_of(self, k: int) -> tuple[int, int]:
        """The first item of the sentence of item k, and the first after it."""
        return bisect_left(self.sentence, self.sentence[k]), bisect_right(self.sentence, self.sentence[k])

    def opens_segment(self, k: int) -> bool:
        """Whether nothing but fillers and words of contrast stands before item k in its segment."""
        for j in range(k - 1, -1, -1):
            if self.segment[j] != self.segment[k]:
                return True
            if self.items[j].kind not in FILLERS and not contrasts(self.items[j]):
                return False
        return True

    def takes_sign(self, k: int) -> bool:
        """Whether something is said of the structure at k."""
        return any(hit.anchor == k for hits in self.hits.values() for hit in hits)

    def leave(self, k: int) -> None:
        """A sign that is said of nothing known, for a person to look at."""
        self.unattached.append(k)
        self.add(k, None, None, UNATTACHED).side = None
