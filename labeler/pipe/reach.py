"""What an open scope makes of what it reaches: a finding, a word that calls something normal, a structure, an unknown word.

A finding is denied or doubted unless a number, a place or a predicate of its own shows that it is told of anew.
"""

from __future__ import annotations

from labeler.pipe.clauses import Hit
from labeler.pipe.items import (
    CONJUNCTION,
    HEADING,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    SIGN,
    contrasts,
    describes,
    doubts,
    gives_cause,
)
from labeler.pipe.scope import Scope, has_own_predicate, names_structure
from labeler.pipe.sentence import Sentence


class Reach(Sentence):
    """A sentence with at most one open scope, or a cue that sets aside all that follows it."""

    scope: Scope | None = None
    override: tuple[int, str] | None = None  # the cue that sets aside all that follows it, and as what
    clinical = False  # only what a clinician says has been told so far

    def sign(self, k: int) -> None:
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
            if kind == "excluded" and hit.cue is not None and hit.sense.finding and self._tells(hit.cue, k, hit):
                self.out.reasons.add("unclear_indication")
            return
        scope = self.scope
        listed = scope is None or scope.covered
        if listed and any(k in nouns for nouns in self.clauses.together.values()):
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
            self.close()
            return
        if scope.reach == "next" and scope.covered and not scope.continues(self.clauses, hit, self.out.reasons):
            self.close()
            return
        if scope.assertion == "absent" and not hit.sense.generic:
            if self._is_place(scope, k):
                self.close()  # "không thấy tràn khí quanh dẫn lưu"
                return
            if hit.sense.device and self._has_no_fault(scope, k):
                scope.covered.append(hit)
                return
            if self._owns_what_is_denied(scope, k):
                self.out.reasons.add("ambiguous_scope")
        doubt = self.items[scope.item].unit
        if scope.assertion == "uncertain" and self.clinical and doubt is not None and not doubt.denies:
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

    def _tells(self, cue: int, k: int, hit: Hit) -> bool:
        """Whether what is set aside may be seen: "đề nghị chụp lại vì nghi có nốt thùy trên trái"."""
        between = self.items[cue + 1 : k]
        suspected = any(map(gives_cause, between)) and any(map(doubts, between))
        return self._answered(cue, k) or (suspected and hit.side in ("left", "right")) or self._follows_visit(cue, k)

    def _follows_visit(self, cue: int, k: int) -> bool:
        """Whether a colon parts a finding from why the film was taken: "theo dõi sau 2 chu kỳ: nốt tăng số lượng"."""
        colon = next((j for j in range(cue + 2, k) if self.items[j].key == ":"), None)
        if colon is None or self.clauses.findings(cue, colon):
            return False
        return not any(map(doubts, self.items[colon:k]))  # "lâm sàng tuyến dưới gửi: TD viêm phổi"

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
            self.close()
        elif scope.assertion == "not_assessable":
            hit.assertion = "not_assessable"

    def structure(self, k: int) -> None:
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
        if (parallel or self._lists_on(k)) and scope.comma and scope.reach == "list" and self._says_finding_of(k):
            self.out.reasons.add("ambiguous_scope")
        elif scope.conjunction and scope.assertion == "absent" and self._is_called_ill(k):
            self.out.reasons.add("ambiguous_scope")  # "không thấy nốt và bóng tim to"
        self.close()

    def _is_called_ill(self, k: int) -> bool:
        """Whether the first thing said of the structure at k is a finding, and not denied."""
        for j in range(k + 1, self.last + 1):
            if self.denies(j):
                return False
            if self.items[j].kind == SIGN:
                return any(hit.anchor == k and hit.sense.finding for hit in self.clauses.hits.get(j, ()))
        return False

    def _lists_on(self, k: int) -> bool:
        """Whether an "or" follows before the next negation: "không có nốt, xơ, tim to hay gãy xương"."""
        for j in range(k, self.last + 1):
            unit = self.items[j].unit
            if self.denies(j) or (unit is not None and unit.role == "disjunction"):
                return not self.denies(j)
        return False

    def _says_finding_of(self, k: int) -> bool:
        """Whether a finding is said of the structure at k: what calls it normal needs no negation."""
        return any(hit.anchor == k and hit.sense.finding for hits in self.clauses.hits.values() for hit in hits)

    def unknown(self, k: int, scope: Scope) -> None:
        """An unknown word right after "không thấy": something is not there, whatever it is."""
        if scope.assertion == "absent" and scope.reach in ("list", "clause") and not scope.covered and not scope.comma:
            self.out.denied.add(k)

    def close(self) -> None:
        """End the open scope: one that reached nothing looks back, or denies what is not understood."""
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
            if scope.reach == "list" and self.after_colon(scope.item) and self.said_before(scope.item, True):
                self.out.reasons.add("ambiguous_scope")  # "tràn dịch: không có như cũ"
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
