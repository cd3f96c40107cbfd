"""From findings to classes: what each line says of each region, and what a report's lines say together.

`abnormal` is 1 when any region or `other` is 1.  A class is uncertain when nothing definite sets it.  Whatever the
lines say against one another is a reason for review.

A line is interpreted twice at most: its verdict (what labels need) whenever it is met for the first time, its
detail (what explanations need) only when somebody asks.
"""

from __future__ import annotations

from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.meanings import Structure
from labeler.pipe.accounting import is_far_fetched, is_harmless, residue
from labeler.pipe.assertion import SECTIONS_ABOUT_THE_FILM
from labeler.pipe.attribution import Attribution, cause_of
from labeler.pipe.chronology import of_a_kind
from labeler.pipe.clauses import STOPS, Clauses, Hit
from labeler.pipe.items import (
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
    contrasts,
)
from labeler.pipe.parts import Match
from labeler.pipe.places import extent, location
from labeler.pipe.sentence import Assertions
from labeler.report import ASSERTED
from labeler.rules import RuleKey
from labeler.typing_slips import LOST_MARKS

Said = tuple[str, str | None]  # a finding and its side


class Verdict(NamedTuple):
    """What a line contributes to the labels of whatever report it stands in."""

    definite: int  # regions with a present finding, one bit each
    uncertain: int  # regions with an uncertain finding
    present: frozenset[Said]
    absent: frozenset[Said]
    findings: frozenset[str]  # those present, on whatever side
    denied: frozenset[str]  # those absent
    reasons: frozenset[str]
    conclusion_normal: int  # regions of which the whole film, or the conclusion, is called normal
    historical: bool  # findings that are not about this film
    tells: bool  # says anything of this film, be it that something is normal, absent or cannot be seen
    section: str  # in force after the line
    topic: str | None  # structure named by a heading line, for the lines below


class RawMention(NamedTuple):
    """A mention with offsets in its line."""

    start: int
    end: int
    finding: str
    region: str
    side: str | None
    location: tuple[int, int] | None
    rule: RuleKey
    layer: str
    assertion: str
    cue: tuple[int, int] | None
    repair: str | None
    score: float


class NormalStatement(NamedTuple):
    """A normal statement with offsets in its line: the regions it covers and the findings it clears."""

    start: int
    end: int
    regions: tuple[str, ...]
    clears: tuple[str, ...]
    rule: RuleKey


class Detail(NamedTuple):
    """Every word behind a line's verdict."""

    mentions: tuple[RawMention, ...]
    normal: tuple[NormalStatement, ...]
    residue: tuple[tuple[int, int], ...]
    not_assessable: frozenset[str]
    region: str | None


FLAG = "flag"  # a line says no more than that something is wrong: another line may say what
COLLAPSED_LUNG = "collapsed_lung"  # beside a pneumothorax in another line it may only be how large that is
DOUBTFUL = 0.25  # cost of a repair in letters; a sign that rests on one such word alone goes to a person, said of nothing on less
_NONE: frozenset[Said] = frozenset()
_NO_NAMES: frozenset[str] = frozenset()


class Interpolator:
    """Turns anchored, asserted clauses into a verdict, and into detail on request."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.bits = {region: 1 << i for i, region in enumerate(lexicon.rules.regions)}
        self.everywhere = sum(self.bits.values())
        self.attribution = Attribution(lexicon)
        self.fractures = {name for name, info in lexicon.findings.items() if info.chexpert == "Fracture"}

    def verdict(self, clauses: Clauses, said: Assertions, doubt: bool, section: str) -> Verdict:
        """What a line means for the labels; `section` is the one it was read in."""
        items = clauses.items
        reasons = said.reasons
        if doubt:
            reasons.add("ambiguous_repair")
        definite = uncertain = 0
        unbroken: Hit | None = None  # the last fracture that was denied
        present: set[Said] = set()
        absent: set[Said] = set()
        historical = said.unchanged
        tells = False
        conclusion_normal = 0
        for k, hit in self.attribution.hits(clauses):
            assertion, sense = hit.assertion, hit.sense
            tells = tells or (assertion != "historical" and assertion != "excluded")
            if sense.finding is not None and hit.cue is not None and _guessed(items[hit.cue], assertion):
                reasons.add("uncertain_repair")
            if sense.finding is None:
                conclusion_normal |= self._called_normal(clauses, said, k, hit, section)
            elif assertion in ASSERTED:
                bit = self.bits[sense.region or "other"]
                present.add((sense.finding, hit.side))
                alone = items[k].last - items[k].first == 1
                doubtful = alone and items[k].cost >= (DOUBTFUL if hit.structure is not None else LOST_MARKS)
                if doubtful or (items[k].guess and assertion == "present"):
                    reasons.add("uncertain_repair")
                if sense.finding in self.attribution.collapses and self.attribution.is_whole_lung(clauses, hit):
                    reasons.add(COLLAPSED_LUNG)
                if assertion == "uncertain":
                    uncertain |= bit
                    continue
                definite |= bit
                if self._unanswered(clauses, hit):
                    reasons.add("unspecified")
                if self._runs_on(clauses, k):
                    reasons.add("unspecified")
                if k in clauses.unplaced:
                    reasons.add("unclear_place")
                if cause_of(clauses, hit) is not None:
                    reasons.add("unspecified")
                if (
                    hit.structure is None
                    and sense.generic
                    and sense.region == "other"
                    and not self._refers_back(clauses, k)
                ):
                    reasons.add(FLAG if sense.device or all(map(_flags, items)) else "unspecified")
            elif assertion == "absent":
                if not of_a_kind(clauses, hit, len(items) - 1):
                    absent.add((sense.finding, hit.side))
                if sense.finding in self.fractures:
                    unbroken = hit
                elif unbroken is not None and self._leaves_injury(clauses, unbroken, hit):
                    reasons.add("ambiguous_scope")
                conclusion_normal |= self._called_normal(clauses, said, k, hit, section)
            elif assertion == "not_assessable":
                reasons.add("not_assessable")
            else:
                historical |= hit.cue is None or section in SECTIONS_ABOUT_THE_FILM
        if said.not_assessable:
            reasons.add("not_assessable")
        if not clauses.hits:
            tells = any(item.kind == STRUCTURE or _denies(item) for item in items) and not any(map(_is_course, items))
        for k in residue(clauses, said):
            if items[k].kind == UNKNOWN or is_far_fetched(items[k]):
                if not is_harmless(clauses, k):
                    reasons.add("residue")
            elif k not in said.residue:
                reasons.add("unattached_sign")
        return Verdict(
            definite, uncertain, frozenset(present) if present else _NONE, frozenset(absent) if absent else _NONE,
            _names(present) if present else _NO_NAMES, _names(absent) if absent else _NO_NAMES,
            frozenset(reasons) if reasons else _NO_NAMES, conclusion_normal, historical,
            tells or bool(said.not_assessable),
            self.section_after(clauses, said, section), self.heading_topic(clauses),
        )  # fmt: skip

    def detail(
        self, clauses: Clauses, said: Assertions, match: Match, spans: list[tuple[int, int]], topic: str | None
    ) -> Detail:
        """Mentions, normal statements and residue of a line; `spans` are where its tokens stand."""
        items = clauses.items

        def span(first: int, last: int) -> tuple[int, int]:
            end = match.token(last) + items[last].last - items[last].first
            return spans[match.token(first)][0], spans[end - 1][1]

        mentions: list[RawMention] = []
        normal: list[NormalStatement] = []
        not_assessable = set(said.not_assessable)
        for _, hit in self.attribution.hits(clauses):
            sense = hit.sense
            if sense.finding is None:
                if hit.assertion == "present":
                    regions = sense.covers or ((hit.structure.region,) if hit.structure is not None else ())
                    if sense.whole_film:
                        regions = tuple(self.lexicon.rules.regions)
                    clears = hit.structure.clears if hit.structure is not None else ()
                    normal.append(NormalStatement(*span(*extent(clauses, hit)), regions, clears, sense.rule))
                continue
            region = sense.region or "other"
            assertion = hit.assertion
            if assertion == "not_assessable":
                not_assessable.add(region)
                assertion = "absent"
            elif assertion == "excluded":
                assertion = "historical"
            cue = None if hit.cue is None else span(hit.cue, hit.cue)
            first, last = extent(clauses, hit)
            place = location(clauses, first, last)
            repair, score = _repair(items, hit.item, hit.anchor)
            mentions.append(
                RawMention(
                    *span(first, last), sense.finding, region, hit.side, None if place is None else span(place, place), sense.rule,
                    sense.layer, assertion, cue, repair, score,
                )
            )  # fmt: skip
        unexplained = tuple(span(k, k) for k in residue(clauses, said))
        about = self._region(clauses, topic)
        return Detail(tuple(mentions), tuple(normal), unexplained, frozenset(not_assessable), about)

    def _unanswered(self, clauses: Clauses, hit: Hit) -> bool:
        """Whether a finding only names a field that is left empty, or has a bare 0 behind it: "Gãy xương:", "TDMP 0"."""
        items = clauses.items
        after = max(hit.item, hit.anchor or 0) + 1
        if after == len(items):
            return False
        if items[after].key == ":":
            return after + 1 == len(items) or items[after + 1].key in (".", ":")
        return items[after].kind == NUMBER and not items[after].key.strip("0")

    def _leaves_injury(self, clauses: Clauses, fracture: Hit, hit: Hit) -> bool:
        """Whether another bone follows right after a denied fracture: "không thấy gãy xương, vôi hóa sụn sườn"."""
        between = clauses.items[fracture.item + 1 : hit.item]
        if fracture.cue != hit.cue or fracture.sense.region != hit.sense.region:
            return False
        if not any(item.key == "," for item in between) or any(item.kind in (SIGN, CONJUNCTION) for item in between):
            return False
        bone, other = self._bone(clauses, fracture), self._bone(clauses, hit)
        return bone is not None and other is not None and bone is not other and bone.lineage[-1] == other.lineage[-1]

    def _bone(self, clauses: Clauses, hit: Hit) -> Structure | None:
        """The structure of a finding, be it inside its phrase."""
        words = clauses.items[hit.item].unit.words  # type: ignore[union-attr]
        inner = (self.lexicon.find(words[cut:]) for cut in range(1, len(words)))
        return hit.structure or next((unit.structure for unit in inner if unit is not None and unit.structure), None)

    def _runs_on(self, clauses: Clauses, k: int) -> bool:
        """Whether a phrase is joined to a last structure of another region that nothing is said of: "lao phổi - màng phổi"."""
        items = clauses.items
        joined = k + 2 < len(items) and (items[k + 1].kind == CONJUNCTION or items[k + 1].key in ("-", "/", "+", ","))
        if not joined or items[k + 2].kind != STRUCTURE or clauses.takes_sign(k + 2):
            return False
        region = items[k + 2].unit.structure.region  # type: ignore[union-attr]
        ends = all(item.kind in (SIDE, NEUTRAL) or item.key in STOPS for item in items[k + 3 :])
        return ends and all(hit.anchor is None and hit.sense.region != region for hit in clauses.hits[k])

    def _refers_back(self, clauses: Clauses, k: int) -> bool:
        """Whether a generic word goes on about a finding before it: "lao phổi có hang, tổn thương mức độ vừa"."""
        items = clauses.items
        if k and items[k - 1].kind in (CUE, CONJUNCTION):
            return False
        before = clauses.findings(clauses.sentence_of(k)[0], k)
        return any(not hit.sense.generic and hit.assertion in ASSERTED for hit in before)

    def _of_some(self, clauses: Clauses, k: int) -> bool:
        """Whether what is denied is of one kind only: "không thấy tổn thương cấp tính" leaves old ones."""
        following = clauses.items[k + 1].unit if k + 1 < len(clauses.items) else None
        return following is not None and following.role == "modifier"

    def _called_normal(self, clauses: Clauses, said: Assertions, k: int, hit: Hit, section: str) -> int:
        """Regions that a statement calls normal for the film as a whole: outright, or of everything in the conclusion."""
        sense = hit.sense
        if sense.finding is None:
            if hit.assertion != "present":
                return 0
            if sense.whole_film and (hit.anchor is None or not self._directly_of(clauses, k, hit.anchor)):
                return self._mask(sense.covers)
            if hit.structure is None and self._follows_finding(clauses, k):
                return 0  # "tràn dịch thể tự do"
        elif not sense.generic or self._of_some(clauses, k):
            return 0
        concluding = (section == "conclusion" and not clauses.headings) or (
            said.conclusion_from is not None and k > said.conclusion_from
        )
        if not concluding or self._of_the_rest(clauses, k):
            return 0
        regions = {other.structure.region for other in clauses.hits[k] if other.structure is not None}
        if len(regions) > 1:
            return self._mask(tuple(regions))
        if hit.structure is None and sense.region in self.bits and sense.region != "other":
            return self._mask((sense.region,))  # "no active lung lesion"
        bare = hit.structure is None and not sense.covers
        return self._mask(()) if bare and (sense.generic or sense.finding is not None) else 0  # no "đúng vị trí"

    def _of_the_rest(self, clauses: Clauses, k: int) -> bool:
        """Whether only what is not said before is called normal: "máy tạo nhịp, ngoài ra không thấy bất thường"."""
        first, _ = clauses.sentence_of(k)
        turn = next((j for j in range(first, k) if contrasts(clauses.items[j])), None)
        if turn is None:
            return False
        start = first if turn > first else 0  # "Máy tạo nhịp. Ngoài ra không thấy bất thường."
        return any(hit.assertion in ASSERTED for hit in clauses.findings(start, turn))

    def _directly_of(self, clauses: Clauses, k: int, anchor: int) -> bool:
        """Whether nothing but a side stands between a word that may speak of the whole film and a structure: "phổi P RAS"."""
        return anchor < k and all(item.kind == SIDE for item in clauses.items[anchor + 1 : k])

    def disagrees(self, findings: frozenset[str], normal: int) -> bool:
        """Whether findings lie in regions called normal."""
        named = self.lexicon.findings
        return any(normal & self.bits[named[finding].region] for finding in findings)

    def fills_with_air(self, present: frozenset[Said]) -> bool:
        """Whether a collapse and a pneumothorax may be of the same side."""
        collapsed = [side for finding, side in present if finding in self.attribution.collapses]
        air = [side for finding, side in present if finding in self.attribution.pneumothoraces]
        return any({"left", "right"} != {side, other} for side in collapsed for other in air)

    def _mask(self, regions: tuple[str, ...]) -> int:
        """Bits of some regions; of all where none is named."""
        return sum(self.bits[region] for region in regions) or self.everywhere

    def _follows_finding(self, clauses: Clauses, k: int) -> bool:
        """Whether a finding that is there stands before an item in its segment."""
        return any(hit.assertion in ASSERTED for hit in clauses.findings(0, k, clauses.segment[k]))

    def section_after(self, clauses: Clauses, said: Assertions, section: str) -> str:
        """Headings alone in their line rule the lines below; one with a text after it rules its own line."""
        if not clauses.headings:
            return section
        if said.section in SECTIONS_ABOUT_THE_FILM:
            return said.section
        items, last = clauses.items, clauses.headings[-1]
        after = items[last + 1 :]
        ends_open = all(item.kind == PUNCT for item in after) and (
            any(item.key == ":" for item in after) or all(item.kind == PUNCT for item in items[:last])
        )  # "nghi tràn dịch màng tim -> siêu âm" opens nothing
        return said.section if ends_open else "description"

    def heading_topic(self, clauses: Clauses) -> str | None:
        """The structure a line names when it says nothing else ("Màng phổi:")."""
        if clauses.hits:
            return None
        found: str | None = None
        for item in clauses.items:
            if item.kind == STRUCTURE and item.unit is not None and item.unit.structure is not None:
                found = found or item.unit.structure.id
            elif item.kind in (SIGN, CUE, UNKNOWN):
                return None
        return found

    def _region(self, clauses: Clauses, topic: str | None) -> str | None:
        """The region that a line speaks of first."""
        for k, item in enumerate(clauses.items):
            if item.kind == STRUCTURE and item.unit is not None and item.unit.structure is not None:
                return item.unit.structure.region
            for hit in clauses.hits.get(k, ()):
                if hit.sense.region is not None:
                    return hit.sense.region
        return self.lexicon.structures[topic].region if topic is not None else None


def _names(said: set[Said]) -> frozenset[str]:
    return frozenset([finding for finding, _ in said])


def _flags(item: Item) -> bool:
    """Whether an item may stand in a line that only says that something is wrong: "kết quả: bất thường"."""
    return item.kind in (SIGN, HEADING, NEUTRAL, PUNCT)


def _denies(item: Item) -> bool:
    return item.cue is not None and item.cue.assertion == "absent"


def _is_course(item: Item) -> bool:
    """As on an older film: nobody knows how that was."""
    return item.unit is not None and item.unit.role == "course"


def _guessed(cue: Item, assertion: str) -> bool:
    """Whether what puts a finding in the past or off the film may be another word: a lone one that was repaired."""
    return assertion not in ASSERTED and assertion != "absent" and cue.cost > 0 and cue.last - cue.first == 1


def _repair(items: list[Item], item: int, anchor: int | None) -> tuple[str | None, float]:
    """How a misspelt mention was read, and 1 minus the cost of reading it so."""
    used = [items[item]] if anchor is None else [items[i] for i in sorted((item, anchor))]
    cost = sum(i.cost for i in used)
    if cost < 0.02:
        return None, 1.0
    return " … ".join(i.unit.text for i in used if i.unit is not None), round(max(0.0, 1 - cost), 3)
