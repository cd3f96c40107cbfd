"""A sentence as its cues see it: what is said before a cue, what follows it, what a denial could be about."""

from __future__ import annotations

from labeler.pipe.clauses import STOPS, UNATTACHED, Clauses, Hit
from labeler.pipe.items import (
    CONJUNCTION,
    CUE,
    FILLERS,
    NEUTRAL,
    PUNCT,
    SIDE,
    SIGN,
    STRUCTURE,
    UNKNOWN,
    Item,
    describes,
)
from labeler.report import ASSERTED

_ENDS = STOPS | {",", ")", "?"}
_REPEATS = {"(", "(-)"}  # after an answer: "tổn thương nhu mô: không (0/0)"


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
        "unchanged",
    )

    def __init__(self, section: str) -> None:
        self.reasons: set[str] = set()
        self.residue: list[int] = []
        self.excluded: list[bool] = []
        self.section = section
        self.conclusion_from: int | None = None
        self.not_assessable: set[str] = set()
        self.denied: set[int] = set()  # unknown words and properties whose existence is denied
        self.unchanged = False  # a structure is only said to be as on an older film


class Sentence:
    """The items of a line from `first` to `last`, both included.  Places `k` count the items of the line."""

    def __init__(self, clauses: Clauses, out: Assertions, first: int, last: int, about_film: bool, older: bool) -> None:
        self.clauses, self.out, self.first, self.last = clauses, out, first, last
        self.items = clauses.items
        self.about_film = about_film  # by the section it stands in
        self.older = older  # a sentence before told of an older film
        self.past: list[int] = []  # words of an older film or an earlier time
        self.now: list[int] = []

    def said_before(self, k: int, whole: bool) -> list[Hit]:
        """Findings before a cue in its segment, with those that share their structure; in the `whole` sentence if told."""
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

    def said_normal(self, k: int) -> bool:
        """Whether something is called normal before an item in its segment."""
        return any(
            hit.sense.finding is None and hit.sense is not UNATTACHED
            for j in range(self.first, k)
            if self.clauses.segment[j] == self.clauses.segment[k]
            for hit in self.clauses.hits.get(j, ())
        )

    def after_colon(self, k: int) -> bool:
        """Whether a cue answers what stands before a colon: "tràn dịch: không", "tràn dịch: hiện hai bên không"."""
        j = k - 1
        while j >= self.first and _says_little(self.items[j]):
            j -= 1
        return j >= self.first and self.items[j].key == ":"

    def looks_back(self, k: int) -> bool:
        """Whether a finding or a structure stands before a cue in its segment, or a list before its colon."""
        if self.said_before(k, self.after_colon(k)):
            return True
        segment = self.clauses.segment
        return any(self.items[j].kind == STRUCTURE and segment[j] == segment[k] for j in range(self.first, k))

    def looks_back_alone(self, k: int) -> bool:
        """Whether a cue that reaches either way looks back: "dịch đã hết", but "tim to, đã hết dịch"."""
        segment = self.clauses.segment
        ahead = (self.items[j] for j in range(k + 1, self.last + 1) if segment[j] == segment[k])
        told = any(item.kind in (SIGN, UNKNOWN) for item in ahead)
        if self.after_colon(k):  # "dịch: đã hết", but "khám lại sau viêm phổi: đã hết đám mờ"
            return not told or any(hit.assertion in ASSERTED for hit in self.said_before(k, True))
        if (
            k < self.last
            and self.items[k + 1].key == ":"
            and not any(j in self.clauses.hits for j in range(self.first, k))
        ):
            return False  # "Âm tính: tràn dịch, tràn khí"
        return not told or bool(self.clauses.findings(self.first, k, segment[k]))

    def ends_after(self, k: int) -> bool:
        """Whether nothing follows a cue before the next sign of punctuation ("không còn", "không còn thấy")."""
        if k + 1 <= self.last and self.items[k + 1].kind == CUE:
            cue = self.items[k + 1].cue
            if cue is not None and cue.assertion == "present" and cue.scope == "none":
                k += 1
        while k + 2 <= self.last and self.items[k + 1].key == "/" and self.denies(k + 2):
            k += 2  # "tràn dịch / tràn khí: không / không"
        if k + 1 < self.last and self.items[k + 1].key == "." and not self.after_colon(k):
            return False  # a stray one: "không thấy. tràn dịch"
        if k + 1 > self.last or self.items[k + 1].key in _ENDS:
            return True
        return self.after_colon(k) and (self.items[k + 1].key in _REPEATS or self._idles(k + 1))

    def denies(self, k: int) -> bool:
        """Whether an item is a negation."""
        cue = self.items[k].cue
        return cue is not None and cue.assertion == "absent"

    def _idles(self, k: int) -> bool:
        """Whether nothing is said from item k on up to the next stop, be it in brackets: "tràn khí: ko nhé"."""
        for j in range(k, self.last + 1):
            item = self.items[j]
            if item.key in _ENDS and item.key != ")":
                return True
            place = item.kind == STRUCTURE and not self.clauses.takes_sign(j)  # "nốt mờ: chưa thấy ở hai phổi"
            both = item.unit is not None and item.unit.role == "both"
            if not (item.kind in (PUNCT, NEUTRAL) or place or both) or describes(item):
                return False
        return True

    def nothing_after(self, k: int) -> bool:
        """Whether nothing that could be denied follows a cue in the sentence."""
        return all(item.kind in (PUNCT, CUE, CONJUNCTION, NEUTRAL) for item in self.items[k + 1 : self.last + 1])

    def unknown_after(self, k: int) -> bool:
        """Whether something that no rule knows follows a cue in its segment."""
        segment = self.clauses.segment
        for j in range(k + 1, self.last + 1):
            if segment[j] != segment[k]:
                return False
            if self.items[j].kind == UNKNOWN or j in self.clauses.unattached:
                return True
        return False

    def of_a_side(self, k: int) -> bool:
        """Whether a side alone is denied: "tràn dịch phải, trái không"."""
        segment = self.clauses.segment
        own = [j for j in range(self.first, self.last + 1) if segment[j] == segment[k]]
        kinds = {self.items[j].kind for j in own if j != k}
        if self.items[own[0] - 1].key == ":" and own[0] > self.first:  # "tràn dịch: phải không, trái không"
            rest = self.items[own[-1] + 1 : self.last + 1]
            if any(item.cue is not None and item.cue.assertion == "absent" for item in rest) or not rest:
                return False
        return SIDE in kinds and kinds <= {SIDE, PUNCT, NEUTRAL}

    def dangles(self, k: int) -> bool:
        """Whether a negation of nothing is worth a look: not "Hạch: không", "P ít, T không", nor that of an older film."""
        if k + 1 == self.last and self.items[k + 1].key == ":" and self.nothing_after(self.first - 1):
            return True  # "Không ghi nhận:", and a list in the lines below
        answers = self.after_colon(k) and self.nothing_after(k)
        if answers and not self.ends_after(k) and any(hit.assertion in ASSERTED for hit in self.said_before(k, True)):
            return True  # "tràn dịch / tràn khí: không / có"
        if self.past or answers or self.of_a_side(k) or (self.older and self.now and self.ends_after(k)):
            return False
        return any(self.items[j].kind in (SIGN, STRUCTURE, UNKNOWN) for j in range(self.first, self.last + 1))

    def doubts_a_structure(self, k: int) -> bool:
        """Whether a doubt is followed by a structure of which nothing is said: "theo dõi viên phổi", for "viêm phổi"."""
        segment = self.clauses.segment
        ahead = [j for j in range(k + 1, self.last + 1) if segment[j] == segment[k]]
        said = any(self.items[j].kind == SIGN or self.clauses.hits.get(j) for j in ahead)
        return not said and any(self.items[j].kind == STRUCTURE for j in ahead)

    def predicate_of(self, first: int, k: int) -> bool:
        """Whether what follows item k is said of a structure that stands between."""
        hits = self.clauses.hits.get(k + 1, ()) if k < self.last else ()
        return any(hit.anchor is not None and first < hit.anchor < k for hit in hits)

    def ends_list(self, k: int, hits: list[Hit]) -> bool:
        """Whether a finding that was just denied is the last of a list of bare ones, which may all be meant."""
        first = min((hit.item for hit in hits), default=k)
        before = [j for j in range(self.first, first) if self.items[j].kind not in (NEUTRAL, CONJUNCTION, PUNCT)]
        bare = all(self.items[j].kind == SIGN and self.clauses.hits.get(j) for j in before)
        return bare and any(hit.assertion == "present" for hit in self.clauses.findings(self.first, first))

    def of_this_side(self, k: int, hits: list[Hit]) -> list[Hit]:
        """Findings of the segment before that a cue with a side of its own can be about: "dịch phải, bên trái đã hết"."""
        segment = self.clauses.segment
        after = next((j for j in range(k + 1, self.last + 1) if self.items[j].kind not in FILLERS), self.last + 1)
        own = (
            self.items[j] for j in range(self.first, after) if segment[j] == segment[k] and self.items[j].kind == SIDE
        )
        sides = {item.unit.role for item in own if item.unit is not None and item.unit.role != "both"}
        if not sides:
            return hits
        if any(hit.side is None for hit in hits):
            self.out.reasons.add("ambiguous_scope")
        return [hit for hit in hits if hit.side in sides]

    def answers(self, k: int, hit: Hit) -> bool:
        """Whether a finding before a denied one answers a question of its own: "phổi: mờ đáy phải, tràn dịch: không"."""
        segment = self.clauses.segment
        if segment[hit.item] >= segment[k] - 1:
            return False
        if hit.side in ("left", "right"):
            return True
        if hit.anchor is not None and any(item.key == ":" for item in self.items[hit.anchor : hit.item]):
            self.out.reasons.add("ambiguous_scope")
        elif hit.anchor is not None and hit.anchor < hit.item and segment[hit.anchor] == segment[hit.item]:
            self.out.reasons.add("ambiguous_scope")  # "bóng tim to, tràn dịch màng phổi: không"
            return True
        return False

    def hides(self, k: int) -> bool:
        """Whether a sign is set aside only by a word that may be another one: "tung thất rộng" for "trung thất"."""
        repaired = (i for i in self.items[self.first : k] if i.kind == CUE and i.cost > 0 and i.last - i.first == 1)
        return any(i.cue is not None and i.cue.assertion in ("historical", "excluded") for i in repaired)


def _says_little(item: Item) -> bool:
    """Whether an item between a colon and its answer changes nothing: both sides, or a word of now."""
    if item.kind == NEUTRAL or (item.unit is not None and item.unit.role == "both"):
        return True
    return item.cue is not None and (item.cue.assertion, item.cue.scope) == ("present", "sentence")
