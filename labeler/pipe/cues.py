"""The cues of a sentence, read from left to right: each opens, extends or closes a scope, or looks back.

What a cue asserts and how far it reaches is said in assertion.yaml; where a scope ends, in scope.py.  A cue with
nothing after it looks back ("tràn dịch màng phổi: không").  A cue of another film or time sets aside all that follows
it, up to words of now.
"""

from __future__ import annotations

from labeler.meanings import Unit
from labeler.pipe.chronology import behind, settle
from labeler.pipe.clauses import UNATTACHED
from labeler.pipe.disambiguation import is_predicate
from labeler.pipe.items import (
    CONJUNCTION,
    CUE,
    FILLERS,
    HEADING,
    NEUTRAL,
    PUNCT,
    SIGN,
    STRUCTURE,
    UNKNOWN,
)
from labeler.pipe.reach import Reach
from labeler.pipe.scope import Scope, list_goes_on, names_structure, new_head


class CueReader(Reach):
    """Reads one sentence, and writes the assertions into its hits."""

    override_ends: int | None = None  # segment in which a clause-wide override ends

    def read(self) -> None:
        """Decide every hit of the sentence."""
        plain = self.about_film
        for k in range(self.first, self.last + 1):
            item = self.items[k]
            kind = item.kind
            if plain and kind in FILLERS and self.override is None:
                continue
            unit = item.unit
            if self.override is not None and self.override_ends is not None:
                ended = item.key == ")" if self.override_ends < 0 else self.clauses.segment[k] != self.override_ends
                opens = ended and self.override[1] == "excluded" and self.items[k - 1].key == ":"
                if opens and not self.clauses.findings(self.override[0], k):  # not "tái khám viêm phổi: còn mờ"
                    self.override_ends = None  # "Lâm sàng tuyến dưới gửi: ..." opens an indication
                elif ended and not self._lists_devices(k):
                    self.override = None
            if not self.about_film or self.override is not None:
                self.out.excluded[k] = True
            if item.kind == CUE and unit is not None:
                self._cue(k, unit)
            elif item.kind == SIGN:
                self.sign(k)
            elif item.kind == STRUCTURE:
                self.structure(k)
            elif item.kind == CONJUNCTION and self.scope is not None:
                bare = k < self.last and is_predicate(self.clauses, k + 1)
                parts = item.key == "/" and not bare and bool(self.scope.covered)  # "không TKMP / tim to", as commas do
                self.scope.comma, self.scope.conjunction = self.scope.comma or parts, not parts
                self.scope.disjunction = not parts and unit is not None and unit.role == "disjunction"
            elif item.kind == PUNCT:
                self._punctuation(k, item.key)
            elif item.kind == UNKNOWN and self.scope is not None:
                self.unknown(k, self.scope)
        self.close()
        unattached = [k for k in self.clauses.unattached if self.first <= k <= self.last and self.out.excluded[k]]
        if unattached and any(map(self.hides, unattached)):
            self.out.reasons.add("uncertain_repair")
        timed = self.past or self.now or self.clauses.timed
        if timed and settle(self.clauses, self.first, self.last, self.past, self.now):
            self.out.reasons.add("unclear_time")

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
                self.close()
            if cue.scope == "clause" and not (self.past and self.override in (None, (self.past[-1], "historical"))):
                return  # "chụp lại" ends the older film, but no advice
            if cue.scope == "none" and self._affirms_question(k):
                self.out.reasons.add("unclear_indication")
            if cue.scope != "none":
                self.now.append(k)
                self.override = None
                self.clinical = False
                if self.about_film:
                    self.out.excluded[k] = False
            return
        if kind == "contrast":
            self.close()
            return
        if kind in ("excluded", "historical"):
            if cue.scope == "bracket":  # "so với phim cũ (tràn dịch trái), nay ..."
                self._bracket(k, kind)
                return
            self.close()
            if kind == "historical" and self.override is None:
                self.past.append(k)
            if self.override is None:
                self.override = (k, kind)
                self.override_ends = self.clauses.segment[k] if cue.scope == "clause" else None
            self.out.excluded[k] = True
            return
        if k - 2 >= self.first and self.items[k - 1].key == "/" and self.denies(k - 2) and self.ends_after(k):
            return  # "tràn dịch / tràn khí: không / không"
        if cue.scope == "before" or (cue.scope == "around" and self.looks_back_alone(k)):
            if kind == "not_assessable" and self.said_before(k, False):
                self.out.reasons.add("ambiguous_scope")
            self._backward(k, kind)
            return
        nests = kind == "uncertain" and not unit.denies  # "không đông đặc chưa loại trừ tràn dịch" are two statements
        if nests and self.scope is not None and not self.scope.comma and self.scope.assertion == "absent":
            if self.scope.covered or not self.predicate_of(self.scope.item, k):
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
        again = kind == "absent" and self.scope is not None and self.scope.assertion == kind and self.scope.comma
        self.close()
        if kind == "not_assessable" and self.ends_after(k) and self.said_before(k, False):
            self.out.reasons.add("ambiguous_scope")  # "tràn dịch màng phổi không đánh giá được"
        if kind == "absent" and self.ends_after(k) and self.looks_back(k):
            self._backward(k, kind)  # "dịch không, khí không"
            return
        self.scope = Scope(k, kind, "list" if cue.scope == "around" else cue.scope, again)

    def _affirms_question(self, k: int) -> bool:
        """Whether a line answers yes to what another one asked: "Trả lời: có, ..."."""
        opens = k > 1 and self.items[k - 1].key == ":" and not self.clauses.findings(0, k)
        return opens and self.ends_after(k) and all(self.items[j].kind in (HEADING, NEUTRAL) for j in range(k - 1))

    def _earlier(self, k: int, scope: str) -> None:
        """Words of an older film: of what was just said, else of what follows, up to words of now."""
        if not self.about_film or self.override is not None:
            return
        before = self.items[k - 1].unit if k > self.first else None
        if before is not None and before.role == "course":
            return  # "phim không khác lần trước, tim phổi bình thường"
        if scope == "before" and not any(h.sense.region != "chest_wall" for h in behind(self.clauses, self.first, k)):
            return
        self.close()
        self.past.append(k)
        bracketed = k > self.first and self.items[k - 1].key == "("
        if bracketed or not behind(self.clauses, self.first, k):
            self.override, self.override_ends = (k, "historical"), -1 if bracketed else None
            self.out.excluded[k] = True

    def _bracket(self, k: int, kind: str) -> None:
        if k + 1 > self.last or self.items[k + 1].key != "(":
            return
        self.close()
        self.override = (k, kind)
        self.override_ends = -1

    def _backward(self, k: int, kind: str) -> None:
        """Apply a cue to what was just said in its segment; after a colon, to the whole list before it."""
        colon = self.after_colon(k)
        hits = self.said_before(k, colon)
        if colon and kind == "absent":
            hits = [hit for hit in hits if not self.answers(k, hit)]
        if not hits and self.clauses.opens_segment(k):
            hits = self.of_this_side(k, self.clauses.findings(self.first, k, self.clauses.segment[k] - 1))
        if not hits and colon and kind == "absent":  # "Hạch: không"
            for j in range(self.first, k):
                for hit in self.clauses.hits.get(j, ()):
                    hit.assertion = "absent" if hit.sense is UNATTACHED else hit.assertion
        cue = self.items[k].cue
        if not hits and cue is not None and cue.scope in ("before", "around"):
            return  # "xương sườn (-)": nothing was found there
        if not hits and kind == "absent" and self.about_film and self.override is None and self.dangles(k):
            self.out.residue.append(k)
            self.out.reasons.add("dangling_negation")
        if kind == "absent" and not colon and self.ends_list(k, hits):
            self.out.reasons.add("ambiguous_scope")  # "tràn dịch, tràn khí không thấy"
        for hit in hits:
            if hit.assertion == "present" or (
                colon and hit.assertion == "uncertain" and kind == "absent"
            ):  # "Nghi lao: không"
                hit.assertion, hit.cue = kind, k
            elif hit.assertion == "uncertain" and kind == "absent" and cue is not None and cue.scope == "around":
                self.out.reasons.add("ambiguous_scope")  # "nghĩ viêm phổi đã hồi phục"
        if self.scope is not None and not self.scope.covered and kind == self.scope.assertion:
            self.scope = None

    def _punctuation(self, k: int, key: str) -> None:
        scope = self.scope
        if key == "?":
            if self._asks(k):
                return
            self.close()
            said = self.said_before(k, False)
            if said and said[0].assertion == "present":
                said[0].assertion, said[0].cue = "uncertain", k
            elif (said or self.said_normal(k)) and self.about_film and self.override is None:
                self.out.reasons.add("negated_normal")  # "Hai phổi sáng?", "Bóng tim không to?"
        elif key == ":":
            self.clinical = False
            if scope is not None and (scope.covered or scope.reach == "brief"):
                self.close()
        elif scope is not None:
            if key in (",", "-", "+"):
                if scope.reach == "brief":
                    self.scope = None
                    return
                if not scope.covered and scope.assertion == "absent" and names_structure(self.clauses, scope.item, k):
                    self.close()  # "không thấy viền hoành trái, tim bị đẩy": said of a structure alone
                    return
                scope.comma, scope.conjunction, scope.disjunction = True, False, False
                ends = scope.assertion == "uncertain" and not list_goes_on(self.clauses, k + 1)
                if scope.reach == "clause" and scope.covered:
                    ends = not scope.same_kind(self.clauses, k + 1)
                    if ends and scope.assertion == "absent" and scope.may_list(self.clauses, k + 1):
                        self.out.reasons.add("ambiguous_scope")  # "hết dịch, dày màng phổi"
                if scope.covered and (ends or (scope.reach != "list" and new_head(self.clauses, k + 1))):
                    self.close()
            elif key == "/":
                scope.conjunction = scope.disjunction = True
            elif key == ")" and any(
                self.items[j].key == "(" for j in range(scope.item - 1, max(self.first, scope.item - 3) - 1, -1)
            ):
                self.close()

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
