"""From findings to classes: what each line says of each region, and what a report's lines say together.

`abnormal` is 1 when any region or `other` is 1.  A class is uncertain when nothing definite sets it.  Whatever the
lines say against one another is a reason for review.

A line is interpreted twice at most: its verdict (what labels need) whenever it is met for the first time, its
detail (what explanations need) only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labeler.lexicon import Lexicon
from labeler.meanings import Structure
from labeler.pipe.assertion import SECTIONS_ABOUT_THE_FILM
from labeler.pipe.chronology import of_a_kind
from labeler.pipe.clauses import STOPS, UNATTACHED, Clauses, Hit
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
    contrasts,
    doubts,
    gives_cause,
)
from labeler.pipe.parts import Match
from labeler.pipe.places import extent, location
from labeler.pipe.sentence import Assertions
from labeler.report import ASSERTED
from labeler.rules import RuleKey
from labeler.typing_slips import EDIT, LOST_MARKS

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


BOUNDARY = 2  # segments from an opacity to the line that bounds it
FLAG = "flag"  # a line says no more than that something is wrong: another line may say what
COLLAPSED_LUNG = "collapsed_lung"  # beside a pneumothorax in another line it may only be how large that is
BETWEEN = frozenset({SIDE, NEUTRAL, STRUCTURE, AMOUNT})  # what may stand between a finding and its cause
PLACES = frozenset({SIDE, NEUTRAL, STRUCTURE, AMOUNT, NUMBER, LOCATIVE})  # what may stand before the cause
AROUND = ("chest_wall", "pleura")
MAX_HARMLESS = 2  # unknown words beside an understood predicate
GUESS = 0.2  # cost from which a lone word taken for another one explains nothing
DOUBTFUL = 0.25  # cost of a repair in letters; a sign that rests on one such word alone goes to a person, said of nothing on less
_NONE: frozenset[Said] = frozenset()
_NO_NAMES: frozenset[str] = frozenset()


class Interpolator:
    """Turns anchored, asserted clauses into a verdict, and into detail on request."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.bits = {region: 1 << i for i, region in enumerate(lexicon.rules.regions)}
        self.everywhere = sum(self.bits.values())
        observations = {name: info.chexpert for name, info in lexicon.findings.items()}
        self.collapses = {name for name, observation in observations.items() if observation == "Atelectasis"}
        self.fractures = {name for name, observation in observations.items() if observation == "Fracture"}
        self.pneumothoraces = {name for name, observation in observations.items() if observation == "Pneumothorax"}
        opaque = {name: info.vindr for name, info in lexicon.findings.items() if "Lung Opacity" in info.vindr}
        self.opacities = {name for name in opaque if observations[name] == "Lung Opacity"}
        self.lucencies = {name for name, info in lexicon.findings.items() if "Emphysema" in info.vindr}
        self.shadows = {name for name in opaque if observations[name] == "Pleural Effusion"}

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
        for k, hit in self.hits(clauses):
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
                if sense.finding in self.collapses and self._is_whole_lung(clauses, hit):
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
                if self._cause(clauses, hit) is not None:
                    reasons.add("unspecified")
                if (
                    hit.structure is None
                    and sense.generic
                    and sense.region == "other"
                    and not self._refers_back(clauses, k)
                ):
                    reasons.add(FLAG if all(map(_flags, items)) else "unspecified")
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
        for k in self.residue(clauses, said):
            if items[k].kind == UNKNOWN or _far_fetched(items[k]):
                if not self._harmless(clauses, k):
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
        for _, hit in self.hits(clauses):
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
        residue = tuple(span(k, k) for k in self.residue(clauses, said))
        return Detail(tuple(mentions), tuple(normal), residue, frozenset(not_assessable), self._region(clauses, topic))

    def hits(self, clauses: Clauses) -> Iterator[tuple[int, Hit]]:
        """Hits that say something, in text order."""
        for k in sorted(clauses.hits):
            hits = clauses.hits[k]
            generic = [hit.sense.generic and hit.sense.finding is not None for hit in hits]
            introduces = True in generic and self._introduces(clauses, k)
            for hit in hits:
                if hit.sense is UNATTACHED or (introduces and hit.assertion in ASSERTED):
                    continue
                if hit.sense.finding in self.collapses and hit.assertion in ASSERTED:
                    self._as_extent(clauses, hit)
                elif hit.sense.finding in self.opacities and hit.assertion in ASSERTED:
                    self._as_shadow(clauses, hit)
                elif hit.sense.finding in self.lucencies and hit.side in ("left", "right"):
                    self._as_overlaid(clauses, hit)
                if hit.assertion in ASSERTED and hit.sense.finding:
                    self._as_explained(clauses, hit)
                yield k, hit

    def _as_extent(self, clauses: Clauses, hit: Hit) -> None:
        """A whole lung collapsed beside a pneumothorax of its side tells how large that is: no atelectasis of its own."""
        if not self._is_whole_lung(clauses, hit):
            return
        for others in clauses.hits.values():
            for other in others:
                air = other.sense.finding in self.pneumothoraces and other.assertion == hit.assertion
                if air and not {"left", "right"} <= {other.side, hit.side}:
                    hit.sense = other.sense
                    return

    def _is_whole_lung(self, clauses: Clauses, hit: Hit) -> bool:
        """Whether a collapse is one of a lung, and not of a lobe or a band."""
        unit = clauses.items[hit.item].unit
        assert unit is not None
        held = hit.structure
        if held is None and len(unit.words) > 1:  # "xẹp phổi"
            inner = self.lexicon.find(unit.words[1:])
            held = inner.structure if inner is not None else None
        elif len(unit.words) > 1:
            return False  # "dải xẹp"
        return held is not None and held.location is None and not self._place_beside(clauses, hit.item)

    def _as_shadow(self, clauses: Clauses, hit: Hit) -> None:
        """An opacity that is bounded by a meniscus of its side is that of the fluid: "mờ đáy phổi, đường cong Damoiseau"."""
        k, (_, end) = hit.item, clauses.sentence_of(hit.item)
        for other in clauses.findings(k + 1, end):
            near = clauses.segment[other.item] - clauses.segment[k] <= BOUNDARY
            bounds = other.sense.finding in self.shadows and other.assertion == hit.assertion
            if near and bounds and not {"left", "right"} <= {other.side, hit.side}:
                hit.sense = other.sense
                return

    def _as_overlaid(self, clauses: Clauses, hit: Hit) -> None:
        """A lung more lucent on one side for what lies around it is not ill itself: "tăng sáng phổi trái do mất bóng vú"."""
        items, k = clauses.items, hit.item + 1
        while k < len(items) and clauses.segment[k] == clauses.segment[hit.item] and items[k].kind in BETWEEN:
            k += 1
        causes = clauses.hits.get(k, ()) if items[k - 1].kind == NEUTRAL else ()
        for other in causes:
            if other.sense.region in AROUND and other.assertion == hit.assertion:
                hit.sense = other.sense

    def _place_beside(self, clauses: Clauses, k: int) -> bool:
        """Whether the segment of an item names a place."""
        for j, item in enumerate(clauses.items):
            if item.kind == STRUCTURE and clauses.segment[j] == clauses.segment[k]:
                structure = item.unit.structure if item.unit is not None else None
                if structure is not None and len(structure.lineage) > 1:
                    return True
        return False

    def _introduces(self, clauses: Clauses, k: int) -> bool:
        """Whether a generic word ("tổn thương", "bất thường:") only introduces the finding right after it."""
        items = clauses.items
        first = k + 2 if k + 2 < len(items) and items[k + 1].key == ":" else k + 1
        for j in range(first, min(first + 4, len(items))):
            if clauses.segment[j] != clauses.segment[first] or (items[j].kind == CUE and not doubts(items[j])):
                return False
            if items[j].kind == SIGN:
                return any(hit.sense.finding and not hit.sense.generic for hit in clauses.hits.get(j, ()))
        return False

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

    def _cause(self, clauses: Clauses, hit: Hit) -> int | None:
        """The word that puts a finding down to what is none: "bóng mờ cạnh trung thất là mạch máu", "mờ đáy do bóng vú"."""
        items, segment = clauses.items, clauses.segment
        first = max(hit.item, hit.anchor) if hit.anchor is not None else hit.item
        k = first + 1
        while k < len(items) and segment[k] == segment[first] and not gives_cause(items[k]):
            if items[k].kind not in PLACES and (items[k].kind != SIGN or clauses.findings(k, k + 1)):
                break  # not "rộng hình cánh buồm là tuyến ức"
            k += 1
        if k + 1 < len(items) and (items[k].key == "," or contrasts(items[k])) and gives_cause(items[k + 1]):
            return k + 1 if self._overlaid(clauses, k + 1) else None  # "trông như nốt nhưng là bóng vú"
        if k + 1 >= len(items) or segment[k + 1] != segment[first] or not gives_cause(items[k]):
            return None
        if self._overlaid(clauses, k):
            return k
        before = items[k - 1].unit
        if before is not None and before.role == "more":
            return None  # "dạng dày dính hơn là dịch"
        rest = [j for j in range(k + 1, len(items)) if segment[j] == segment[k]]
        plain = items[rest[0]].kind != NUMBER and all(items[j].kind != CUE for j in rest)
        return k if plain and not clauses.findings(rest[0], rest[-1] + 1) else None

    def _as_explained(self, clauses: Clauses, hit: Hit) -> None:
        """What is put down to something that lies over the film is not there; a foreign body may well be a button."""
        cause = self._cause(clauses, hit)
        foreign = hit.structure is None and hit.sense.region == "other"
        if cause is not None and not foreign and self._overlaid(clauses, cause):
            hit.assertion, hit.cue = "absent", cause

    def _overlaid(self, clauses: Clauses, cause: int) -> bool:
        """Whether the cause is something that lies over the film: "do bóng vú", "là khóa áo"."""
        for item in clauses.items[cause + 1 :]:
            if item.unit is not None and item.unit.role == "overlay":
                return True
            if item.kind not in (NEUTRAL, LOCATIVE, SIDE):
                return False
        return False

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
        return self._mask(()) if hit.structure is None and not sense.covers else 0

    def _of_the_rest(self, clauses: Clauses, k: int) -> bool:
        """Whether only what is not said before is called normal: "máy tạo nhịp, ngoài ra không thấy bất thường"."""
        first, _ = clauses.sentence_of(k)
        turn = next((j for j in range(first, k) if contrasts(clauses.items[j])), first)
        return any(hit.assertion in ASSERTED for hit in clauses.findings(first, turn))

    def _directly_of(self, clauses: Clauses, k: int, anchor: int) -> bool:
        """Whether nothing but a side stands between a word that may speak of the whole film and a structure: "phổi P RAS"."""
        return anchor < k and all(item.kind == SIDE for item in clauses.items[anchor + 1 : k])

    def disagrees(self, findings: frozenset[str], normal: int) -> bool:
        """Whether findings lie in regions called normal."""
        named = self.lexicon.findings
        return any(normal & self.bits[named[finding].region] for finding in findings)

    def fills_with_air(self, present: frozenset[Said]) -> bool:
        """Whether a collapse and a pneumothorax may be of the same side."""
        collapsed = [side for finding, side in present if finding in self.collapses]
        air = [side for finding, side in present if finding in self.pneumothoraces]
        return any({"left", "right"} != {side, other} for side in collapsed for other in air)

    def _mask(self, regions: tuple[str, ...]) -> int:
        """Bits of some regions; of all where none is named."""
        return sum(self.bits[region] for region in regions) or self.everywhere

    def _follows_finding(self, clauses: Clauses, k: int) -> bool:
        """Whether a finding that is there stands before an item in its segment."""
        return any(hit.assertion in ASSERTED for hit in clauses.findings(0, k, clauses.segment[k]))

    def residue(self, clauses: Clauses, said: Assertions) -> list[int]:
        """Items that nothing explains, unless they are not about this film or their existence is denied."""
        if not (clauses.puzzling or clauses.unattached or said.residue):
            return []
        items, excluded = clauses.items, said.excluded
        out: set[int] = set()
        for k, item in enumerate(items):
            if excluded[k]:
                continue
            if item.kind == UNKNOWN:
                if k not in said.denied:
                    out.add(k)
            elif _far_fetched(item) and not clauses.takes_sign(k):
                out.add(k)  # "phổi lát đá" names no spleen (lách)
            elif self._modifies(item) and k not in said.denied and not self._beside_finding(clauses, k):
                out.add(k)
        for k in clauses.unattached:
            if (
                not excluded[k]
                and not self._names_field(clauses, k)
                and any(h.assertion in ASSERTED for h in clauses.hits[k])
            ):
                out.add(k)
        out.update(k for k in said.residue if not excluded[k])
        return sorted(out)

    def _harmless(self, clauses: Clauses, k: int) -> bool:
        """Whether an unknown word cannot well change a label: one or two that describe a finding which is there.

        "Đám mờ xyz đáy phổi" says what it says; "hai phổi sáng xyz", "phổi phải xyz", "có xyz" and "đám mờ và xyz" may say
        anything, and so may "tràn dịch xyz", which may be where the fluid is.
        """
        items, segment = clauses.items, clauses.segment
        j = k - 1
        while j >= 0 and items[j].kind in (UNKNOWN, NEUTRAL) and segment[j] == segment[k]:
            j -= 1
        if j >= 0 and segment[j] == segment[k] and items[j].kind in (CONJUNCTION, CUE):
            return False
        if j >= 0 and segment[j] == segment[k] and items[j].kind in (STRUCTURE, SIDE) and j == k - 1:
            return False  # said of the structure itself: "tim lờm xờm không to"
        unknown = predicates = 0
        for m, item in enumerate(items):
            if segment[m] != segment[k]:
                continue
            if item.kind == UNKNOWN:
                unknown += 1
            for hit in clauses.hits.get(m, ()):
                if hit.sense is not UNATTACHED:
                    predicates += 1
                    there = hit.sense.finding is not None and hit.assertion in ASSERTED
                    if not there or m > k:
                        return False  # what stands before a finding may deny it, beside a normal word be one
                    if hit.structure is None and m == j:
                        return False
        return predicates > 0 and unknown <= MAX_HARMLESS

    def _names_field(self, clauses: Clauses, k: int) -> bool:
        """Whether a sign only names a field that is filled in with a finding: "Vôi: nốt vôi đỉnh phổi phải"."""
        items = clauses.items
        if k or len(items) < 3 or items[1].key != ":":
            return False
        return any(
            hit.assertion in ASSERTED and not hit.sense.generic
            for hit in clauses.findings(2, len(items), clauses.segment[2])
        )

    def _modifies(self, item: Item) -> bool:
        return item.kind == NEUTRAL and item.unit is not None and item.unit.role == "modifier"

    def _beside_finding(self, clauses: Clauses, k: int) -> bool:
        """Whether the sentence of a modifier ("không đồng nhất") holds a finding that it can describe."""
        return bool(clauses.findings(*clauses.sentence_of(k)))

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


def _far_fetched(item: Item) -> bool:
    """Whether another word was taken for this one with no phrase around it that would speak for it.

    A sign is not meant: what it says is shown, and doubted elsewhere.
    """
    lone = item.last - item.first == 1
    return item.guess and item.kind != SIGN and item.cost >= (GUESS if lone else EDIT)


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
