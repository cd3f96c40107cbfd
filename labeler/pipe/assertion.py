"""What a line asserts about each finding: present, absent, uncertain, historical, or not about this film.

Cues come with a scope (assertion.yaml).  A forward negation runs over a list, with or without commas, until a word
of contrast, a structure with a predicate of its own, a finding with a side or amount of its own, or the end of the
sentence.  "không" before an adjective binds that adjective alone.  A cue with nothing after it looks back ("tràn
dịch màng phổi: không").
"""

from __future__ import annotations

from typing import Any

from labeler.lexicon import Unit
from labeler.pipe.chronology import behind, dated, left_open, remains_elsewhere, settle
from labeler.pipe.clauses import STOPS, UNATTACHED, Clauses, Hit
from labeler.pipe.items import (
    AMOUNT,
    CONJUNCTION,
    CUE,
    HEADING,
    NEUTRAL,
    NUMBER,
    PUNCT,
    SIDE,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    Item,
)

SECTIONS_ABOUT_THE_FILM = frozenset({"description", "conclusion"})
_FILLERS = frozenset({NEUTRAL, AMOUNT, SIDE, NUMBER})
_ENDS = STOPS | {",", ")", "?"}


class Scope:
    """A forward cue that is open while the sentence is read."""

    __slots__ = ("item", "assertion", "reach", "covered", "comma", "conjunction", "disjunction")

    def __init__(self, item: int, assertion: str, reach: str) -> None:
        self.item, self.assertion, self.reach = item, assertion, reach
        self.covered: list[Hit] = []
        self.comma = self.conjunction = self.disjunction = False


class Assertions:
    """Outcome for a line, beside the assertions written into its hits."""

    __slots__ = (
        "reasons",
        "residue",
        "excluded",
        "section",
        "conclusion_from",
        "not_assessable",
        "denied",
    )

    def __init__(self, section: str) -> None:
        self.reasons: set[str] = set()
        self.residue: list[int] = []
        self.excluded: list[bool] = []
        self.section = section
        self.conclusion_from: int | None = None
        self.not_assessable: set[str] = set()
        self.denied: set[int] = set()  # unknown words and properties whose existence is denied


def assert_line(clauses: Clauses, section: str) -> Assertions:
    """Decide every hit of a line.  `section` is what the headings before the line say it is about."""
    out = Assertions(section)
    items = clauses.items
    n = len(items)
    out.excluded = [False] * n
    first = 0
    then = older = False  # whether a sentence told of findings at some time, or of an older film
    while first < n:
        last = first
        while last + 1 < n and clauses.sentence[last + 1] == clauses.sentence[first]:
            last += 1
        heading = items[first].unit if items[first].kind == HEADING else None
        if heading is not None and heading.section is not None:
            out.section = heading.section
            if heading.section == "conclusion":
                out.conclusion_from = first
        elif first and out.section not in SECTIONS_ABOUT_THE_FILM and not _goes_on(clauses, out.section, first, last):
            out.section = "description"
        sentence = _Sentence(clauses, out, first, last, older)
        sentence.read()
        if first and _answer(clauses, first, last):
            out.reasons.add("unclear_indication")
        if then and (sentence.now or first in clauses.timed):
            out.reasons.add("unclear_time")  # "Ngày 1: mờ đáy phải. Ngày 7: hai phổi sáng."
        then = then or (bool(clauses.timed) and dated(clauses, first, last))
        if older and left_open(clauses, first, last):
            out.reasons.add("unclear_time")  # "Phim trước: nốt mờ phổi phải. Phim này không thay đổi."
        older = older or bool(sentence.past) or out.section == "comparison"
        first = last + 1
    if (
        n
        and clauses.sentence[-1]
        and out.section == "description"
        and not clauses.headings
        and _opens_with_question(clauses)
    ):
        out.reasons.add("unclear_indication")
    if remains_elsewhere(clauses):
        out.reasons.add("ambiguous_scope")
    return out


def _opens_with_question(clauses: Clauses) -> bool:
    """Whether a line opens with a bare doubt, of a region that its later sentences call normal.

    "Nghi viêm phổi. Hai phổi sáng." may give the question before the answer.
    """
    opening = next((item for item in clauses.items if item.kind not in _FILLERS and item.kind != PUNCT), None)
    if opening is None or not doubts(opening):
        return False
    asked: set[str | None] = set()
    called_normal: set[str | None] = set()
    for k, hits in clauses.hits.items():
        for hit in hits:
            there = hit.sense.finding is not None and hit.assertion in ("present", "uncertain")
            if clauses.sentence[k] == 0 and hit.structure is None and hit.assertion == "uncertain":
                asked.add(hit.sense.region)
            elif there or clauses.sentence[k] == 0:
                return False
            else:
                called_normal.add(hit.structure.region if hit.structure is not None else hit.sense.region)
    return not asked.isdisjoint(called_normal)


def _answer(clauses: Clauses, first: int, last: int) -> bool:
    """Let a sentence that only denies answer the question before it ("Tim to? Không."); whether the answer is unclear."""
    items = clauses.items
    if items[first - 1].key != "?":
        return False
    said = [k for k in range(first, last + 1) if items[k].kind not in _FILLERS and items[k].kind != PUNCT]
    cue = items[said[0]].cue if said else None
    if cue is None or cue.assertion != "absent":
        return False
    asked = [
        hit
        for j in range(first)
        if clauses.sentence[j] == clauses.sentence[first - 1]
        for hit in clauses.hits.get(j, ())
        if hit.assertion == "uncertain"
    ]
    if len(said) > 1:  # "Lao? Chưa thấy tổn thương."
        told = [hit for j in said for hit in clauses.hits.get(j, ())]
        regions = {hit.sense.region for hit in asked}
        answers = (hit.assertion == "absent" and (hit.sense.generic or hit.sense.region in regions) for hit in told)
        return bool(asked and told) and all(answers)
    for hit in asked:
        hit.assertion, hit.cue = "absent", said[0]
    return False


def _goes_on(clauses: Clauses, section: str, first: int, last: int) -> bool:
    """Whether a sentence still belongs to the indication, technique ... that a heading before it opened in its line."""
    if section == "advice":
        return True
    opening = next((i for i in clauses.items[first : last + 1] if i.kind not in _FILLERS and i.kind != PUNCT), None)
    cue = opening.cue if opening is not None and opening.kind == CUE else None
    if cue is not None and cue.assertion in ("uncertain", "historical", "excluded"):
        return True
    cues = (item.cue for item in clauses.items[first : last + 1] if item.kind == CUE)
    return any(cue is not None and cue.assertion == "clinical" for cue in cues)


class _Sentence:
    """Reads one sentence from left to right with at most one open scope."""

    def __init__(self, clauses: Clauses, out: Assertions, first: int, last: int, older: bool) -> None:
        self.clauses, self.out, self.first, self.last = clauses, out, first, last
        self.older = older  # a sentence before told of an older film
        self.items = clauses.items
        self.scope: Scope | None = None
        self.override: tuple[int, str] | None = None
        self.override_ends: int | None = None  # segment in which a clause-wide override ends
        self.clinical = False
        self.past: list[int] = []  # words of an older film or an earlier time
        self.now: list[int] = []
        self.about_film = out.section in SECTIONS_ABOUT_THE_FILM

    def read(self) -> None:
        plain = self.about_film
        for k in range(self.first, self.last + 1):
            item = self.items[k]
            kind = item.kind
            if plain and kind in _FILLERS and self.override is None:
                continue
            unit = item.unit
            if self.override is not None and self.override_ends is not None:
                ended = item.key == ")" if self.override_ends < 0 else self.clauses.segment[k] != self.override_ends
                if ended and self.override[1] == "excluded" and self.items[k - 1].key == ":":
                    self.override_ends = None  # "Lâm sàng tuyến dưới gửi: ..." opens an indication
                elif ended and not self._lists_devices(k):
                    self.override = None
            if not self.about_film or self.override is not None:
                self.out.excluded[k] = True
            if item.kind == CUE and unit is not None:
                self._cue(k, unit)
            elif item.kind == SIGN:
                self._sign(k)
            elif item.kind == STRUCTURE:
                self._structure(k)
            elif item.kind == CONJUNCTION and self.scope is not None:
                self.scope.conjunction = True
                self.scope.disjunction = unit is not None and unit.role == "disjunction"
            elif item.kind == PUNCT:
                self._punctuation(k, item.key)
            elif item.kind == UNKNOWN and self.scope is not None:
                self._unknown(k, self.scope)
        self._close()
        unattached = [k for k in self.clauses.unattached if self.first <= k <= self.last and self.out.excluded[k]]
        if unattached and any(map(self._hides, unattached)):
            self.out.reasons.add("uncertain_repair")
        timed = self.past or self.now or self.clauses.timed
        if timed and settle(self.clauses, self.first, self.last, self.past, self.now):
            self.out.reasons.add("unclear_time")

    def _hides(self, k: int) -> bool:
        """Whether a sign is set aside only by a word that may be another one: "tung thất rộng" for "trung thất"."""
        repaired = (i for i in self.items[self.first : k] if i.kind == CUE and i.cost > 0 and i.last - i.first == 1)
        return any(i.cue is not None and i.cue.assertion in ("historical", "excluded") for i in repaired)

    def _lists_devices(self, k: int) -> bool:
        """Whether a clause only goes on with a list of things of no region: "trước khi đặt NKQ, CVC"."""
        assert self.override is not None
        segment, hits = self.clauses.segment, self.clauses.hits
        if self.items[k - 1].key != "," or self.override_ends == -1:
            return False
        rest = [j for j in range(k, self.last + 1) if segment[j] == segment[k]]
        if any(self.items[j].kind not in (SIGN, CONJUNCTION, PUNCT) for j in rest):
            return False
        said = [hit for j in range(self.override[0], rest[-1] + 1) for hit in hits.get(j, ())]
        listed = bool(said) and all(hit.sense.finding is not None and hit.sense.region == "other" for hit in said)
        if listed and self.clauses.findings(self.first, k, segment[k] - 1):
            self.override_ends = segment[k]
            return True
        return False

    # cues

    def _cue(self, k: int, unit: Unit) -> None:
        cue = unit.cue
        assert cue is not None
        kind = cue.assertion
        if kind == "clinical":
            self.clinical = True
            return
        if kind == "earlier":
            self._earlier(k, cue.scope)
            return
        if kind == "present":
            if self.scope is not None and (self.scope.covered or self.scope.comma or cue.scope == "sentence"):
                self._close()
            if cue.scope == "clause" and not (self.past and self.override in (None, (self.past[-1], "historical"))):
                return  # "chụp lại" ends the older film, but no advice
            if cue.scope != "none":
                self.now.append(k)
                self.override = None
                self.clinical = False
                if self.about_film:
                    self.out.excluded[k] = False
            return
        if kind == "contrast":
            self._close()
            return
        if kind in ("excluded", "historical"):
            if cue.scope == "bracket":  # "so với phim cũ (tràn dịch trái), nay ..."
                self._bracket(k, kind)
                return
            self._close()
            if kind == "historical" and self.override is None:
                self.past.append(k)
            if self.override is None:
                self.override = (k, kind)
                self.override_ends = self.clauses.segment[k] if cue.scope == "clause" else None
            self.out.excluded[k] = True
            return
        if cue.scope == "before" or (cue.scope == "around" and self._looks_back_alone(k)):
            self._backward(k, kind)
            return
        if self.scope is not None and not self.scope.comma and kind == "uncertain" and self.scope.assertion == "absent":
            if self.scope.covered or not self._predicate_of(self.scope.item, k):
                return  # "không thấy nốt mờ nghi di căn" denies
            self.scope = None
            self.out.reasons.add("ambiguous_scope")  # "hít nông nên bóng tim có thể to"
        if (
            self.scope is not None
            and self.scope.assertion == "uncertain"
            and kind == "uncertain"
            and not self.scope.covered
        ):
            return
        if (
            self.scope is not None
            and not self.scope.covered
            and not self.scope.comma
            and self.scope.assertion == kind == "absent"
        ):
            self.scope.reach = cue.scope if self.scope.reach == "next" else self.scope.reach
            return
        self._close()
        if kind == "not_assessable" and self._ends_after(k) and self._said_before(k, False):
            self.out.reasons.add("ambiguous_scope")  # "tràn dịch màng phổi không đánh giá được"
        if kind == "absent" and self._ends_after(k) and self._looks_back(k):
            self._backward(k, kind)  # "dịch không, khí không"
            return
        self.scope = Scope(k, kind, "list" if cue.scope == "around" else cue.scope)

    def _earlier(self, k: int, scope: str) -> None:
        """Words of an older film: of what was just said, else of what follows, up to words of now."""
        if not self.about_film or self.override is not None:
            return
        if scope == "before" and not any(h.sense.region != "chest_wall" for h in behind(self.clauses, self.first, k)):
            return
        self._close()
        self.past.append(k)
        bracketed = k > self.first and self.items[k - 1].key == "("
        if bracketed or not behind(self.clauses, self.first, k):
            self.override, self.override_ends = (k, "historical"), -1 if bracketed else None
            self.out.excluded[k] = True

    def _looks_back_alone(self, k: int) -> bool:
        """Whether a cue that reaches either way looks back: "dịch đã hết", but "tim to, đã hết dịch"."""
        if self._after_colon(k):
            return True
        if (
            k < self.last
            and self.items[k + 1].key == ":"
            and not any(j in self.clauses.hits for j in range(self.first, k))
        ):
            return False  # "Âm tính: tràn dịch, tràn khí"
        segment = self.clauses.segment
        ahead = range(k + 1, self.last + 1)
        if not any(self.items[j].kind in (SIGN, UNKNOWN) and segment[j] == segment[k] for j in ahead):
            return True
        return bool(self.clauses.findings(self.first, k, segment[k]))

    def _looks_back(self, k: int) -> bool:
        """Whether a finding or a structure stands before a cue in its segment, or a list before its colon."""
        if self._said_before(k, self._after_colon(k)):
            return True
        segment = self.clauses.segment
        return any(self.items[j].kind == STRUCTURE and segment[j] == segment[k] for j in range(self.first, k))

    def _ends_after(self, k: int) -> bool:
        """Whether nothing follows a cue before the next sign of punctuation ("không còn", "không còn thấy")."""
        if k + 1 <= self.last and self.items[k + 1].kind == CUE:
            cue = self.items[k + 1].cue
            if cue is not None and cue.assertion == "present" and cue.scope == "none":
                k += 1
        return k + 1 > self.last or self.items[k + 1].key in _ENDS

    def _bracket(self, k: int, kind: str) -> None:
        if k + 1 > self.last or self.items[k + 1].key != "(":
            return
        self._close()
        self.override = (k, kind)
        self.override_ends = -1

    def _backward(self, k: int, kind: str) -> None:
        """Apply a cue to what was just said in its segment; after a colon, to the whole list before it."""
        colon = self._after_colon(k)
        hits = self._said_before(k, colon)
        if colon and kind == "absent":
            hits = [hit for hit in hits if not self._answers(k, hit)]
        if not hits and self._opens_segment(k):
            hits = self._of_this_side(k, self.clauses.findings(self.first, k, self.clauses.segment[k] - 1))
        if not hits and colon and kind == "absent":  # "Hạch: không"
            for j in range(self.first, k):
                for hit in self.clauses.hits.get(j, ()):
                    hit.assertion = "absent" if hit.sense is UNATTACHED else hit.assertion
        cue = self.items[k].cue
        if not hits and cue is not None and cue.scope in ("before", "around"):
            return  # "xương sườn (-)": nothing was found there
        if not hits and kind == "absent" and self.about_film and self.override is None and self._dangles(k):
            self.out.residue.append(k)
            self.out.reasons.add("dangling_negation")
        if kind == "absent" and not colon and self._ends_list(k, hits):
            self.out.reasons.add("ambiguous_scope")  # "tràn dịch, tràn khí không thấy"
        for hit in hits:
            if hit.assertion == "present" or (
                colon and hit.assertion == "uncertain" and kind == "absent"
            ):  # "Nghi lao: không"
                hit.assertion, hit.cue = kind, k
        if self.scope is not None and not self.scope.covered and kind == self.scope.assertion:
            self.scope = None

    def _ends_list(self, k: int, hits: list[Hit]) -> bool:
        """Whether a finding that was just denied is the last of a list of bare ones, which may all be meant."""
        first = min((hit.item for hit in hits), default=k)
        before = [j for j in range(self.first, first) if self.items[j].kind not in (NEUTRAL, CONJUNCTION, PUNCT)]
        bare = all(self.items[j].kind == SIGN and self.clauses.hits.get(j) for j in before)
        return bare and any(hit.assertion == "present" for hit in self.clauses.findings(self.first, first))

    def _of_this_side(self, k: int, hits: list[Hit]) -> list[Hit]:
        """Findings of the segment before that a cue with a side of its own can be about: "dịch phải, bên trái đã hết"."""
        segment = self.clauses.segment
        after = next((j for j in range(k + 1, self.last + 1) if self.items[j].kind not in _FILLERS), self.last + 1)
        own = (
            self.items[j] for j in range(self.first, after) if segment[j] == segment[k] and self.items[j].kind == SIDE
        )
        sides = {item.unit.role for item in own if item.unit is not None and item.unit.role != "both"}
        if not sides:
            return hits
        if any(hit.side is None for hit in hits):
            self.out.reasons.add("ambiguous_scope")
        return [hit for hit in hits if hit.side in sides]

    def _answers(self, k: int, hit: Hit) -> bool:
        """Whether a finding before a denied one answers a question of its own: "phổi: mờ đáy phải, tràn dịch: không"."""
        segment = self.clauses.segment
        if segment[hit.item] >= segment[k] - 1:
            return False
        if hit.side in ("left", "right"):
            return True
        if hit.anchor is not None and any(item.key == ":" for item in self.items[hit.anchor : hit.item]):
            self.out.reasons.add("ambiguous_scope")
        return False

    def _opens_segment(self, k: int) -> bool:
        segment = self.clauses.segment
        return all(
            self.items[j].kind in _FILLERS or _contrasts(self.items[j])
            for j in range(self.first, k)
            if segment[j] == segment[k]
        )

    def _after_colon(self, k: int) -> bool:
        j = k - 1
        while j >= self.first and self.items[j].kind == NEUTRAL:
            j -= 1
        return j >= self.first and self.items[j].key == ":"

    def _said_before(self, k: int, whole: bool) -> list[Hit]:
        clauses = self.clauses
        out: list[Hit] = []
        colons = 0
        for j in range(k - 1, self.first - 1, -1):
            colons += self.items[j].key == ":"
            if whole and colons > 1 and out:
                break  # "tràn dịch: có, tràn khí: không"
            here = clauses.segment[j] == clauses.segment[k]
            for hit in clauses.hits.get(j, ()):
                if hit.sense.finding is None:
                    continue
                shares = hit.anchor is not None and any(hit.anchor == other.anchor for other in out)
                shares = shares and clauses.segment[hit.anchor] == clauses.segment[k]  # type: ignore[index]
                if here or whole or shares:
                    out.append(hit)
            if self.items[j].kind == CUE and not whole and out:
                break
        return out

    def _said_normal(self, k: int) -> bool:
        """Whether something is called normal before an item in its segment."""
        return any(
            hit.sense.finding is None and hit.sense is not UNATTACHED
            for j in range(self.first, k)
            if self.clauses.segment[j] == self.clauses.segment[k]
            for hit in self.clauses.hits.get(j, ())
        )

    # findings

    def _sign(self, k: int) -> None:
        """One word says one thing of all structures that share it."""
        hits = self.clauses.hits.get(k)
        if not hits:
            return
        self._hit(k, hits[0])
        for hit in hits[1:]:
            hit.assertion, hit.cue = hits[0].assertion, hits[0].cue
        if self.scope is None or self.scope.assertion != "uncertain":
            self.clinical = False  # the film is being described

    def _hit(self, k: int, hit: Hit) -> None:
        if not self.about_film or self.override is not None:
            kind = self.override[1] if self.override is not None else "excluded"
            if self.out.section in ("identity", "technique") and hit.sense.finding:
                self.out.reasons.add("misplaced_finding")
            hit.assertion = kind
            hit.cue = self.override[0] if self.override is not None else None
            return
        scope = self.scope
        if scope is None:
            unit = self.items[k].unit
            if hit.sense.finding is None:
                self._within_limits(k)
                if unit is not None and unit.denies:  # "không có bệnh" may go on: "... lao phổi"
                    self.scope = Scope(k, "absent", "brief")
            return
        if hit.sense.finding is None:
            self._normal(k, hit, scope)
            return
        if scope.covered and (hit.numeric or self._begins_anew(k, hit, scope)):
            self._close()
            return
        if scope.reach == "next" and scope.covered and not self._continues(hit, scope):
            self._close()
            return
        if scope.assertion == "uncertain" and self.clinical:
            hit.assertion, hit.cue = "excluded", scope.item
            if hit.side in ("left", "right"):
                self.out.reasons.add("unclear_indication")
        else:
            hit.assertion, hit.cue = scope.assertion, scope.item
        scope.covered.append(hit)
        scope.comma = scope.conjunction = scope.disjunction = False

    def _within_limits(self, k: int) -> None:
        """A number above the adult threshold that the reader calls normal ("0,52, trong giới hạn của trẻ nhỏ")."""
        hits = self._said_before(k, False)
        unit = self.items[k].unit
        if not hits and self.clauses.segment[k - 1] != self.clauses.segment[k] and unit is not None and not unit.denies:
            hits = self.clauses.findings(self.first, k, self.clauses.segment[k] - 1)
        for hit in hits:
            bracketed = any(item.key == "(" for item in self.items[hit.item : k])  # "0,56 (bình thường < 0,5)"
            if hit.numeric and hit.assertion == "present" and not bracketed and len(unit.words) > 1:  # type: ignore[union-attr]
                hit.assertion, hit.cue = "absent", k

    def _normal(self, k: int, hit: Hit, scope: Scope) -> None:
        """A normal descriptor inside a scope: denied ("không sáng") it says something nobody wrote a rule for."""
        if scope.assertion == "absent" and not scope.covered and not scope.comma and not hit.numeric:
            hit.assertion = "absent"
            hit.cue = scope.item
            self.out.residue += [scope.item, k]
            self.out.reasons.add("negated_normal")
            self.scope = None
        elif scope.covered:
            self._close()
        elif scope.assertion == "not_assessable":
            hit.assertion = "not_assessable"

    def _begins_anew(self, k: int, hit: Hit, scope: Scope) -> bool:
        """Whether a finding after the first of a list is a statement of its own: it has its own side or amount."""
        if scope.conjunction:
            return False
        last = scope.covered[-1]
        if hit.anchor is not None and any(hit.anchor == other.anchor for other in scope.covered) and hit.anchor > k:
            other_region = last.sense.region != hit.sense.region  # "không tràn khí mờ đáy phổi trái"
            named = last.sense.generic and not hit.sense.generic  # "không tổn thương mới, nốt vôi cũ đỉnh phải"
            if hit.side in ("left", "right") and (named if scope.comma else other_region):
                self.out.reasons.add("ambiguous_scope")
            return False  # a shared structure: "tràn dịch, tràn khí màng phổi phải"
        if last.anchor is None and last.structure is None and not scope.comma and self._same_family(last, hit):
            return False
        own_side = hit.side in ("left", "right") and self._own(hit, last)
        return own_side or (self._has_amount(k) and not last.shared)

    def _same_family(self, last: Hit, hit: Hit) -> bool:
        return last.sense.region == hit.sense.region and hit.item - last.item <= 2

    def _own(self, hit: Hit, last: Hit) -> bool:
        """Whether the side stands with this finding and not before the earlier one."""
        segment = self.clauses.segment
        first = (
            hit.item if hit.anchor is None or segment[hit.anchor] != segment[hit.item] else min(hit.item, hit.anchor)
        )
        if segment[last.item] != segment[hit.item]:
            first = min(j for j in range(len(self.items)) if segment[j] == segment[hit.item])
        for j in range(max(first, last.item + 1), len(self.items)):
            if segment[j] != segment[hit.item]:
                return False
            if self.items[j].kind == SIDE:
                return True
        return False

    def _has_amount(self, k: int) -> bool:
        segment = self.clauses.segment
        for j in range(k + 1, len(self.items)):
            if segment[j] != segment[k] or self.items[j].kind == SIGN:
                return False
            if self.items[j].kind == AMOUNT:
                return True
        return False

    def _continues(self, hit: Hit, scope: Scope) -> bool:
        """Whether "không" before one predicate reaches the next: over nouns as over a list, over adjectives only joined."""
        first, last = scope.covered[0], scope.covered[-1]
        between = self.items[last.item + 1 : hit.item]
        if not scope.comma and all(item.kind in _FILLERS or item.kind == CONJUNCTION for item in between):
            return True  # "không giãn rộng"
        unit = self.items[first.item].unit
        assert unit is not None
        noun = unit.alone is not None or (first.anchor is not None and first.anchor > first.item)
        if noun:
            if scope.comma and not scope.conjunction and hit.sense.region != last.sense.region:
                self.out.reasons.add("ambiguous_scope")  # "không gãy xương, viêm cơ tim"
            return True
        if hit.anchor is not None and hit.anchor > hit.item:
            return False
        if hit.anchor != first.anchor or self._gone_after(hit.item):
            return False
        if scope.comma and not scope.conjunction:
            if hit.side in ("left", "right") and self._own(hit, scope.covered[-1]):
                return False
            self.out.reasons.add("ambiguous_scope")
        return True

    def _gone_after(self, k: int) -> bool:
        """Whether a finding is denied by words after it: "không tổn thương mới, đám mờ cũ đã tan"."""
        for j in range(k + 1, self.last + 1):
            if self.clauses.segment[j] != self.clauses.segment[k]:
                return False
            cue = self.items[j].cue
            if cue is not None and cue.assertion == "absent" and cue.scope in ("before", "around"):
                return True
        return False

    def _structure(self, k: int) -> None:
        """A structure with a predicate of its own ends a list before it."""
        scope = self.scope
        if scope is None or self.override is not None:
            return
        unit = self.items[k].unit
        if scope.assertion == "not_assessable" and not scope.comma and unit is not None and unit.structure is not None:
            self.out.not_assessable.add(unit.structure.region)
            return
        if not scope.covered or k in self.clauses.demoted or not self._has_own_predicate(k):
            return
        last = scope.covered[-1]
        # "không thấy bóng tim to hay trung thất rộng"
        parallel = last.anchor is not None and scope.item < last.anchor < last.item
        if scope.disjunction or (scope.conjunction and parallel):
            return
        if parallel and scope.comma and scope.reach == "list":
            self.out.reasons.add("ambiguous_scope")
        self._close()

    def _has_own_predicate(self, k: int) -> bool:
        clauses = self.clauses
        for j in range(k + 1, len(self.items)):
            if clauses.segment[j] != clauses.segment[k]:
                return False
            for hit in clauses.hits.get(j, ()):
                if hit.anchor == k or (hit.anchor is not None and k <= hit.anchor < j):
                    return True
            if self.items[j].kind == SIGN:
                return self._opens_segment(k)  # "không tràn dịch, bóng tim to chủ yếu thất trái"
        return False

    def _punctuation(self, k: int, key: str) -> None:
        scope = self.scope
        if key == "?":
            if self._asks(k):
                return
            self._close()
            said = self._said_before(k, False)
            if said and said[0].assertion == "present":
                said[0].assertion, said[0].cue = "uncertain", k
            elif (said or self._said_normal(k)) and self.about_film and self.override is None:
                self.out.reasons.add("negated_normal")  # "Hai phổi sáng?", "Bóng tim không to?"
        elif key == ":":
            self.clinical = False
            if scope is not None and scope.covered:
                self._close()
        elif scope is not None:
            if key in (",", "-", "+"):
                if scope.reach == "brief":
                    self.scope = None
                    return
                if not scope.covered and scope.assertion == "absent" and self._names_structure(scope.item, k):
                    self._close()  # "không thấy viền hoành trái, tim bị đẩy": said of a structure alone
                    return
                scope.comma, scope.conjunction, scope.disjunction = True, False, False
                ends = scope.assertion == "uncertain" and not self._list_goes_on(k + 1)
                if scope.reach == "clause" and scope.covered:
                    ends = not self._same_kind(k + 1, scope)
                if scope.covered and (ends or (scope.reach != "list" and self._new_head(k + 1))):
                    self._close()
            elif key == "/":
                scope.conjunction = scope.disjunction = True
            elif key == ")" and any(
                self.items[j].key == "(" for j in range(scope.item - 1, max(self.first, scope.item - 3) - 1, -1)
            ):
                self._close()

    def _unknown(self, k: int, scope: Scope) -> None:
        """An unknown word right after "không thấy": something is not there, whatever it is."""
        if scope.assertion == "absent" and scope.reach in ("list", "clause") and not scope.covered and not scope.comma:
            self.out.denied.add(k)

    def _predicate_of(self, first: int, k: int) -> bool:
        """Whether what follows item k is said of a structure that stands between."""
        hits = self.clauses.hits.get(k + 1, ()) if k < self.last else ()
        return any(hit.anchor is not None and first < hit.anchor < k for hit in hits)

    def _names_structure(self, first: int, last: int) -> bool:
        return any(self.items[j].kind == STRUCTURE for j in range(first + 1, last))

    def _asks(self, k: int) -> bool:
        """ "Có viêm phổi không?" asks and says nothing."""
        before = self.items[k - 1].cue if k > self.first and self.items[k - 1].kind == CUE else None
        opening = self.items[self.first].cue
        if before is None or before.assertion != "absent" or opening is None or opening.assertion != "present":
            return False
        self.scope = None
        for j in range(self.first, k):
            self.out.excluded[j] = True
            for hit in self.clauses.hits.get(j, ()):
                hit.assertion, hit.cue = "excluded", k
        if k - 1 in self.out.residue:
            self.out.residue.remove(k - 1)
        return True

    def _new_head(self, k: int) -> bool:
        """Whether the segment from item k on opens with a structure and says something of it."""
        clauses = self.clauses
        for j in range(k, len(self.items)):
            if clauses.segment[j] != clauses.segment[k]:
                return False
            kind = self.items[j].kind
            if kind == STRUCTURE:
                return self._has_own_predicate(j)
            if kind == SIGN:
                return any(hit.sense.finding is None for hit in clauses.hits.get(j, ()))
            if kind not in _FILLERS and kind != UNKNOWN and self.items[j].key not in "()":
                return False
        return False

    def _same_kind(self, k: int, scope: Scope) -> bool:
        """Whether the segment from item k on lists more things of no region: "đã rút dẫn lưu, sonde"."""
        segment = self.clauses.segment
        hits = [h for j, hits in self.clauses.hits.items() if j >= k and segment[j] == segment[k] for h in hits]
        said = [*scope.covered, *hits]
        return bool(hits) and all(h.sense.finding is not None and h.sense.region == "other" for h in said)

    def _list_goes_on(self, k: int) -> bool:
        """Whether an uncertain list goes on after a comma: with a bare finding, of no side and no structure before it."""
        clauses = self.clauses
        for j in range(k, len(self.items)):
            if clauses.segment[j] != clauses.segment[k]:
                return False
            kind = self.items[j].kind
            if kind == SIGN:
                hits = clauses.hits.get(j, [])
                return bool(hits) and all(h.sense.finding is not None and h.side not in ("left", "right") for h in hits)
            if kind in (STRUCTURE, CUE):
                return False
        return False

    def _doubts_a_structure(self, k: int) -> bool:
        """Whether a doubt is followed by a structure of which nothing is said: "theo dõi viên phổi", for "viêm phổi"."""
        segment = self.clauses.segment
        ahead = [j for j in range(k + 1, self.last + 1) if segment[j] == segment[k]]
        said = any(self.items[j].kind == SIGN or self.clauses.hits.get(j) for j in ahead)
        return not said and any(self.items[j].kind == STRUCTURE for j in ahead)

    def _close(self) -> None:
        scope, self.scope = self.scope, None
        if scope is None or scope.covered or scope.reach == "brief":
            return
        if not self.about_film or self.out.excluded[scope.item]:
            return
        if scope.assertion not in ("absent", "uncertain"):
            return
        hits: list[Hit] = []
        if self._ends_after(scope.item):
            hits = [h for h in self._said_before(scope.item, self._after_colon(scope.item)) if h.assertion == "present"]
        for hit in hits:
            hit.assertion, hit.cue = scope.assertion, scope.item
        if scope.assertion == "uncertain" and not hits and self._doubts_a_structure(scope.item):
            self.out.residue.append(scope.item)
            self.out.reasons.add("unspecified")
        if scope.assertion == "absent" and self._denies_modifier(scope.item):
            return
        if (
            not hits
            and scope.assertion == "absent"
            and not self._unknown_after(scope.item)
            and self._dangles(scope.item)
        ):
            self.out.residue.append(scope.item)
            self.out.reasons.add("dangling_negation")

    def _nothing_after(self, k: int) -> bool:
        return all(item.kind in (PUNCT, CUE, CONJUNCTION, NEUTRAL) for item in self.items[k + 1 : self.last + 1])

    def _of_a_side(self, k: int) -> bool:
        """Whether a side alone is denied: "tràn dịch phải, trái không"."""
        segment = self.clauses.segment
        kinds = {self.items[j].kind for j in range(self.first, self.last + 1) if segment[j] == segment[k] and j != k}
        return SIDE in kinds and kinds <= {SIDE, PUNCT, NEUTRAL}

    def _denies_modifier(self, k: int) -> bool:
        """Whether nothing but a property is denied: "không tái phát", "hiện không hoạt động"."""
        following = self.items[k + 1].unit if k + 1 <= self.last else None
        if following is None or following.role not in ("modifier", "course"):
            return False
        self.out.denied.add(k + 1)
        return True

    def _dangles(self, k: int) -> bool:
        """Whether a negation of nothing is worth a look: not "Hạch: không", "P ít, T không", nor that of an older film."""
        answers = self._after_colon(k) and self._nothing_after(k)
        if self.past or answers or self._of_a_side(k) or (self.older and self.now and self._ends_after(k)):
            return False
        return any(self.items[j].kind in (SIGN, STRUCTURE, UNKNOWN) for j in range(self.first, self.last + 1))

    def _unknown_after(self, k: int) -> bool:
        segment: Any = self.clauses.segment
        for j in range(k + 1, self.last + 1):
            if segment[j] != segment[k]:
                return False
            if self.items[j].kind == UNKNOWN or j in self.clauses.unattached:
                return True
        return False


def _contrasts(item: Item) -> bool:
    """Whether an item only sets what follows against what was said: "tràn dịch nhưng nay đã hết"."""
    return item.kind == CUE and item.cue is not None and item.cue.assertion == "contrast"


def doubts(item: Item) -> bool:
    """Whether a cue makes uncertain: "tổn thương nghĩ nhiều đến lao phổi" names one finding."""
    return item.kind == CUE and item.cue is not None and item.cue.assertion == "uncertain"
