"""The cues of a sentence, read from left to right: each opens, extends or closes a scope, or looks back.

What a cue asserts and how far it reaches is said in assertion.yaml; where a scope ends, in scope.py.  A cue with
nothing after it looks back ("tràn dịch màng phổi: không").  A cue of another film or time sets aside all that follows
it, up to words of now.
"""

from __future__ import annotations

from labeler.meanings import Unit
from labeler.pipe.chronology import behind, settle
from labeler.pipe.clauses import UNATTACHED, Hit
from labeler.pipe.items import (
    CONJUNCTION,
    CUE,
    FILLERS,
    HEADING,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    PUNCT,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    contrasts,
    describes,
)
from labeler.pipe.scope import Scope, has_own_predicate, list_goes_on, names_structure, new_head
from labeler.pipe.sentence import Sentence


class CueReader(Sentence):
    """Reads one sentence with at most one open scope, and writes the assertions into its hits."""

    scope: Scope | None
    override: tuple[int, str] | None  # the cue that sets aside all that follows it, and as what
    override_ends: int | None  # segment in which a clause-wide override ends
    clinical: bool

    def read(self) -> None:
        """Decide every hit of the sentence."""
        self.scope = self.override = self.override_ends = None
        self.clinical = False
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
                self._close()
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
        self._close()
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
        self._close()
        self.past.append(k)
        bracketed = k > self.first and self.items[k - 1].key == "("
        if bracketed or not behind(self.clauses, self.first, k):
            self.override, self.override_ends = (k, "historical"), -1 if bracketed else None
            self.out.excluded[k] = True

    def _bracket(self, k: int, kind: str) -> None:
        if k + 1 > self.last or self.items[k + 1].key != "(":
            return
        self._close()
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
        if self.scope is not None and not self.scope.covered and kind == self.scope.assertion:
            self.scope = None

    # findings

    def _sign(self, k: int) -> None:
        """One word says one thing of all structures that share it."""
        hits = self.clauses.hits.get(k)
        if not hits:
            return
        self._hit(k, hits[0])
        for hit in hits[1:]:
            hit.assertion, hit.cue = hits[0].assertion, hits[0].cue
        if k in self.clauses.together and hits[0].assertion == "absent":
            for noun in self.clauses.together[k]:
                for hit in self.clauses.hits.get(noun, ()):
                    hit.assertion, hit.cue = "absent", hits[0].cue
        if self.scope is None or self.scope.assertion != "uncertain":
            self.clinical = False  # the film is being described

    def _hit(self, k: int, hit: Hit) -> None:
        if not self.about_film or self.override is not None:
            kind = self.override[1] if self.override is not None else "excluded"
            if self.override is None and hit.sense.finding and self._misplaced():
                self.out.reasons.add("misplaced_finding")
            hit.assertion = kind
            hit.cue = self.override[0] if self.override is not None else None
            if kind == "excluded" and hit.cue is not None and hit.sense.finding and self._answered(hit.cue, k):
                self.out.reasons.add("unclear_indication")
            return
        scope = self.scope
        if any(k in nouns for nouns in self.clauses.together.values()):
            return  # "không nốt vôi, hạch rốn phổi không to": its own predicate tells
        if k and self._counts_none(k - 1) and hit.sense.finding is not None:
            hit.assertion, hit.cue = "absent", k - 1  # "0 nốt, 0 đám mờ"
            return
        if scope is None:
            unit = self.items[k].unit
            if hit.sense.finding is None:
                self._within_limits(k, hit)
                if unit is not None and unit.denies and self.after_colon(k):
                    self._answers_field(k)
                if unit is not None and unit.denies:  # "không có bệnh" may go on: "... lao phổi"
                    self.scope = Scope(k, "absent", "brief")
            return
        if hit.sense.finding is None:
            self._normal(k, hit, scope)
            return
        if scope.covered and (hit.numeric or scope.begins_anew(self.clauses, k, hit, self.out.reasons)):
            self._close()
            return
        if scope.reach == "next" and scope.covered and not scope.continues(self.clauses, hit, self.out.reasons):
            self._close()
            return
        if scope.assertion == "absent" and not hit.sense.generic:
            if self._is_place(scope, k):
                self._close()  # "không thấy tràn khí quanh dẫn lưu"
                return
            if hit.sense.device and self._has_no_fault(scope, k):
                scope.covered.append(hit)
                return
            if self._owns_what_is_denied(scope, k):
                self.out.reasons.add("ambiguous_scope")
        if scope.assertion == "uncertain" and self.clinical:
            hit.assertion, hit.cue = "excluded", scope.item
            if hit.side in ("left", "right"):
                self.out.reasons.add("unclear_indication")
        else:
            hit.assertion, hit.cue = scope.assertion, scope.item
            if scope.breaks_off(self.clauses, k):
                self.out.reasons.add("ambiguous_scope")
            about = k if hit.anchor is None else min(k, hit.anchor)
            if scope.assertion == "absent" and scope.comma and not scope.covered and scope.item < about < k:
                self.out.reasons.add("ambiguous_scope")  # "không thấy chi tiết nào, bóng tim to"
            if scope.assertion == "not_assessable" and names_structure(self.clauses, scope.item, about):
                self.out.reasons.add("ambiguous_scope")  # "khó đánh giá đáy phổi trái do bóng tim to"
        scope.covered.append(hit)
        scope.comma = scope.conjunction = scope.disjunction = False

    def _counts_none(self, k: int) -> bool:
        """Whether an item is a 0, or the answer of a field that turns out to be its number: "nốt: 0 nốt"."""
        unit = self.items[k].unit
        return (unit is None and self.items[k].key == "0") or (unit is not None and unit.words == (":", "0"))

    def _misplaced(self) -> bool:
        """Whether a finding has no business where it stands: under technique, or in a plain sentence after advice."""
        if self.out.section == "advice":
            return self.scope is None and self.items[self.first].kind != HEADING  # "Đề nghị: chụp lại. Tim to."
        return self.out.section in ("identity", "technique")

    def _is_place(self, scope: Scope, k: int) -> bool:
        """Whether a finding at k only says where the one denied before it is not: "không hang cạnh nốt mờ"."""
        return bool(scope.covered) and not scope.comma and self.items[k - 1].kind == LOCATIVE

    def _has_no_fault(self, scope: Scope, k: int) -> bool:
        """Whether what is denied is a fault of the device at k: "không đứt dây máy tạo nhịp", "không thấy ống bị gập"."""
        for step in (-1, 1):
            j = k + step
            while scope.item < j <= self.last and self.items[j].kind == NEUTRAL and not describes(self.items[j]):
                j += step
            if not scope.item < j <= self.last:
                continue
            if describes(self.items[j]):
                if step > 0:
                    self.out.reasons.add("ambiguous_scope")  # "không thấy ống mới"
                return True
            said = self.clauses.hits.get(j, ()) if self.items[j].kind == SIGN else ()
            if said and not any(other.sense.device or other.sense.finding is None for other in said):
                return True
        return False

    def _owns_what_is_denied(self, scope: Scope, k: int) -> bool:
        """Whether what is denied may be a part or property of the finding at k: "không hang trong đám mờ đỉnh"."""
        last = scope.covered[-1] if scope.covered else None
        roles = [item.unit.role if item.unit is not None else None for item in self.items[scope.item + 1 : k]]
        if last is None:
            return roles == ["modifier"]
        between = roles[last.item - scope.item :]
        return bool(between) and not scope.comma and not last.sense.generic and all(role == "link" for role in between)

    def _answered(self, cue: int, k: int) -> bool:
        """Whether a colon parts a finding that is to be looked for from one at k: "cần loại trừ lao: nốt mờ đỉnh phải"."""
        colon = next((j for j in range(k - 1, cue, -1) if self.items[j].key == ":"), cue)
        return bool(self.clauses.findings(cue, colon))

    def _answers_field(self, k: int) -> None:
        """A denial of everything after a colon: "Tổn thương phổi: không có gì", but "Mờ đáy phải: không đáng ngại"."""
        colon = next(j for j in range(k - 1, -1, -1) if self.items[j].key == ":")
        for hit in self.clauses.findings(self.first, colon, self.clauses.segment[colon]):
            if hit.assertion == "present" and hit.sense.generic:
                hit.assertion, hit.cue = "absent", k
            elif hit.assertion == "present":
                self.out.reasons.add("negated_normal")

    def _within_limits(self, k: int, normal: Hit) -> None:
        """A number above the adult threshold that the reader calls normal ("0,52, trong giới hạn của trẻ nhỏ")."""
        hits = self.said_before(k, False)
        unit = self.items[k].unit
        opens = self.clauses.segment[k - 1] != self.clauses.segment[k] or contrasts(self.items[k - 1])
        if not hits and opens and unit is not None and not unit.denies:
            hits = self.clauses.findings(self.first, k, self.clauses.segment[k] - 1)
        for hit in hits:
            bracketed = self._is_reference(hit.item, k)
            if hit.assertion != "present" or bracketed or unit is None or len(unit.words) < 2:
                continue
            if hit.numeric:
                hit.assertion, hit.cue = "absent", k
            elif self._calls_normal(normal, hit, k):
                self.out.reasons.add("negated_normal")  # "tuyến ức to bình thường", "quai chủ vồng, trong giới hạn"

    def _calls_normal(self, normal: Hit, hit: Hit, k: int) -> bool:
        """Whether a bare "bình thường" at k is said of a finding: of no other structure or side, and no comparison."""
        if not normal.sense.generic or (normal.structure is not None and normal.anchor != hit.anchor):
            return False
        own = (j for j in range(max(hit.item + 1, k - 2), k) if self.clauses.segment[j] == self.clauses.segment[k])
        units = (self.items[j].unit for j in own)
        return not any(unit is not None and unit.role in ("left", "right", "more", "less") for unit in units)

    def _is_reference(self, first: int, k: int) -> bool:
        """Whether "bình thường" at k names the limits of the normal: "0,56 (bình thường < 0,5)"."""
        if not any(item.key == "(" for item in self.items[first:k]):
            return False
        end = next((j for j in range(k, self.last + 1) if self.items[j].key == ")"), self.last + 1)
        return any(item.kind == NUMBER for item in self.items[k + 1 : end])

    def _normal(self, k: int, hit: Hit, scope: Scope) -> None:
        """A normal descriptor inside a scope: denied ("không sáng") it says something nobody wrote a rule for."""
        if scope.reach == "brief" and scope.disjunction:
            self.scope = None  # "không thấy bất thường / normal"
        elif scope.assertion == "absent" and not scope.covered and not scope.comma and not hit.numeric:
            hit.assertion = "absent"
            hit.cue = scope.item
            self.out.residue += [scope.item, k]
            self.out.reasons.add("negated_normal")
            self.scope = None
        elif scope.covered:
            self._close()
        elif scope.assertion == "not_assessable":
            hit.assertion = "not_assessable"

    def _structure(self, k: int) -> None:
        """A structure with a predicate of its own ends a list before it."""
        scope = self.scope
        if scope is None or self.override is not None:
            return
        unit = self.items[k].unit
        if scope.assertion == "not_assessable" and not scope.comma and unit is not None and unit.structure is not None:
            self.out.not_assessable.add(unit.structure.region)
            return
        if not scope.covered or k in self.clauses.demoted or not has_own_predicate(self.clauses, k):
            return
        last = scope.covered[-1]
        if k == last.anchor and self.items[k + 1].kind == CONJUNCTION:
            return  # "không thấy gãy xương hay tiêu xương"
        # "không thấy bóng tim to hay trung thất rộng"
        parallel = last.anchor is not None and scope.item < last.anchor < last.item
        if scope.disjunction or (scope.conjunction and parallel):
            return
        if parallel and scope.comma and scope.reach == "list" and self._says_finding_of(k):
            self.out.reasons.add("ambiguous_scope")
        self._close()

    def _says_finding_of(self, k: int) -> bool:
        """Whether a finding is said of the structure at k: what calls it normal needs no negation."""
        return any(hit.anchor == k and hit.sense.finding for hits in self.clauses.hits.values() for hit in hits)

    def _punctuation(self, k: int, key: str) -> None:
        scope = self.scope
        if key == "?":
            if self._asks(k):
                return
            self._close()
            said = self.said_before(k, False)
            if said and said[0].assertion == "present":
                said[0].assertion, said[0].cue = "uncertain", k
            elif (said or self.said_normal(k)) and self.about_film and self.override is None:
                self.out.reasons.add("negated_normal")  # "Hai phổi sáng?", "Bóng tim không to?"
        elif key == ":":
            self.clinical = False
            if scope is not None and (scope.covered or scope.reach == "brief"):
                self._close()
        elif scope is not None:
            if key in (",", "-", "+"):
                if scope.reach == "brief":
                    self.scope = None
                    return
                if not scope.covered and scope.assertion == "absent" and names_structure(self.clauses, scope.item, k):
                    self._close()  # "không thấy viền hoành trái, tim bị đẩy": said of a structure alone
                    return
                scope.comma, scope.conjunction, scope.disjunction = True, False, False
                ends = scope.assertion == "uncertain" and not list_goes_on(self.clauses, k + 1)
                if scope.reach == "clause" and scope.covered:
                    ends = not scope.same_kind(self.clauses, k + 1)
                    if ends and scope.assertion == "absent" and scope.may_list(self.clauses, k + 1):
                        self.out.reasons.add("ambiguous_scope")  # "hết dịch, dày màng phổi"
                if scope.covered and (ends or (scope.reach != "list" and new_head(self.clauses, k + 1))):
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

    def _close(self) -> None:
        scope, self.scope = self.scope, None
        if scope is None or scope.covered or scope.reach == "brief":
            return
        if not self.about_film or self.out.excluded[scope.item]:
            return
        if scope.assertion not in ("absent", "uncertain"):
            return
        hits: list[Hit] = []
        if self.ends_after(scope.item):
            hits = [h for h in self.said_before(scope.item, self.after_colon(scope.item)) if h.assertion == "present"]
        for hit in hits:
            hit.assertion, hit.cue = scope.assertion, scope.item
        if scope.assertion == "uncertain" and not hits and self.doubts_a_structure(scope.item):
            self.out.residue.append(scope.item)
            self.out.reasons.add("unspecified")
        if scope.assertion == "absent" and self._denies_modifier(scope.item):
            return
        if not hits and scope.assertion == "absent" and not self.unknown_after(scope.item) and self.dangles(scope.item):
            self.out.residue.append(scope.item)
            self.out.reasons.add("dangling_negation")

    def _denies_modifier(self, k: int) -> bool:
        """Whether nothing but a property is denied: "không tái phát", "hiện không hoạt động"."""
        following = self.items[k + 1].unit if k + 1 <= self.last else None
        if following is None or following.role not in ("modifier", "course"):
            return False
        self.out.denied.add(k + 1)
        return True
