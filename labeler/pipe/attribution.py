"""What a finding is in the light of what stands beside it: the extent or shadow of another, or no finding at all."""

from __future__ import annotations

from collections.abc import Iterator

from labeler.lexicon import Lexicon
from labeler.pipe.clauses import UNATTACHED, Clauses, Hit
from labeler.pipe.items import (
    AMOUNT,
    CUE,
    LOCATIVE,
    NEUTRAL,
    NUMBER,
    SIDE,
    SIGN,
    STRUCTURE,
    contrasts,
    doubts,
    gives_cause,
)
from labeler.report import ASSERTED

BOUNDARY = 2  # segments from an opacity to the line that bounds it
BETWEEN = frozenset({SIDE, NEUTRAL, STRUCTURE, AMOUNT})  # what may stand between a finding and its cause
PLACES = frozenset({SIDE, NEUTRAL, STRUCTURE, AMOUNT, NUMBER, LOCATIVE})  # what may stand before the cause
AROUND = ("chest_wall", "pleura")


class Attribution:
    """Tells which findings of a line are put down to others, or to what lies over the film."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        observations = {name: info.chexpert for name, info in lexicon.findings.items()}
        self.collapses = {name for name, observation in observations.items() if observation == "Atelectasis"}
        self.pneumothoraces = {name for name, observation in observations.items() if observation == "Pneumothorax"}
        opaque = {name for name, info in lexicon.findings.items() if "Lung Opacity" in info.vindr}
        self._opacities = {name for name in opaque if observations[name] == "Lung Opacity"}
        self._shadows = {name for name in opaque if observations[name] == "Pleural Effusion"}
        self._lucencies = {name for name, info in lexicon.findings.items() if "Emphysema" in info.vindr}

    def hits(self, clauses: Clauses) -> Iterator[tuple[int, Hit]]:
        """Hits that say something, in text order."""
        for k in sorted(clauses.hits):
            hits = clauses.hits[k]
            generic = [hit.sense.generic and hit.sense.finding is not None for hit in hits]
            introduces = True in generic and _introduces(clauses, k)
            for hit in hits:
                if hit.sense is UNATTACHED or (introduces and hit.assertion in ASSERTED):
                    continue
                if hit.sense.finding in self.collapses and hit.assertion in ASSERTED:
                    self._as_extent(clauses, hit)
                elif hit.sense.finding in self._opacities and hit.assertion in ASSERTED:
                    self._as_shadow(clauses, hit)
                elif hit.sense.finding in self._lucencies and hit.side in ("left", "right"):
                    _as_overlaid(clauses, hit)
                if hit.assertion in ASSERTED and hit.sense.finding:
                    _as_explained(clauses, hit)
                yield k, hit

    def _as_extent(self, clauses: Clauses, hit: Hit) -> None:
        """A whole lung collapsed beside a pneumothorax of its side tells how large that is: no atelectasis of its own."""
        if not self.is_whole_lung(clauses, hit):
            return
        for others in clauses.hits.values():
            for other in others:
                air = other.sense.finding in self.pneumothoraces and other.assertion == hit.assertion
                if air and not {"left", "right"} <= {other.side, hit.side}:
                    hit.sense = other.sense
                    return

    def is_whole_lung(self, clauses: Clauses, hit: Hit) -> bool:
        """Whether a collapse is one of a lung, and not of a lobe or a band."""
        unit = clauses.items[hit.item].unit
        assert unit is not None
        held = hit.structure
        if held is None and len(unit.words) > 1:  # "xẹp phổi"
            inner = self.lexicon.find(unit.words[1:])
            held = inner.structure if inner is not None else None
        elif len(unit.words) > 1:
            return False  # "dải xẹp"
        return held is not None and held.location is None and not _place_beside(clauses, hit.item)

    def _as_shadow(self, clauses: Clauses, hit: Hit) -> None:
        """An opacity that is bounded by a meniscus of its side is that of the fluid: "mờ đáy phổi, đường cong Damoiseau"."""
        k, (_, end) = hit.item, clauses.sentence_of(hit.item)
        for other in clauses.findings(k + 1, end):
            near = clauses.segment[other.item] - clauses.segment[k] <= BOUNDARY
            bounds = other.sense.finding in self._shadows and other.assertion == hit.assertion
            if near and bounds and not {"left", "right"} <= {other.side, hit.side}:
                hit.sense = other.sense
                return


def _as_overlaid(clauses: Clauses, hit: Hit) -> None:
    """A lung more lucent on one side for what lies around it is not ill itself: "tăng sáng phổi trái do mất bóng vú"."""
    items, k = clauses.items, hit.item + 1
    while k < len(items) and clauses.segment[k] == clauses.segment[hit.item] and items[k].kind in BETWEEN:
        k += 1
    causes = clauses.hits.get(k, ()) if items[k - 1].kind == NEUTRAL else ()
    for other in causes:
        if other.sense.region in AROUND and other.assertion == hit.assertion:
            hit.sense = other.sense


def _place_beside(clauses: Clauses, k: int) -> bool:
    """Whether the segment of an item names a place."""
    for j, item in enumerate(clauses.items):
        if item.kind == STRUCTURE and clauses.segment[j] == clauses.segment[k]:
            structure = item.unit.structure if item.unit is not None else None
            if structure is not None and len(structure.lineage) > 1:
                return True
    return False


def _introduces(clauses: Clauses, k: int) -> bool:
    """Whether a generic word ("tổn thương", "bất thường:") only introduces the finding right after it."""
    items = clauses.items
    first = k + 2 if k + 2 < len(items) and items[k + 1].key == ":" else k + 1
    for j in range(first, min(first + 4, len(items))):
        if clauses.segment[j] != clauses.segment[first] or (items[j].kind == CUE and not doubts(items[j])):
            return False
        if items[j].kind == SIGN:
            return any(hit.sense.finding and not hit.sense.generic for hit in clauses.hits.get(j, ()))
    return False


def _as_explained(clauses: Clauses, hit: Hit) -> None:
    """What is put down to something that lies over the film is not there; a foreign body may well be a button."""
    cause = cause_of(clauses, hit)
    foreign = hit.structure is None and hit.sense.region == "other"
    if cause is not None and not foreign and _overlaid(clauses, cause):
        hit.assertion, hit.cue = "absent", cause


def cause_of(clauses: Clauses, hit: Hit) -> int | None:
    """The word that puts a finding down to what is none: "bóng mờ cạnh trung thất là mạch máu", "mờ đáy do bóng vú"."""
    if not clauses.causes:
        return None
    items, segment = clauses.items, clauses.segment
    first = max(hit.item, hit.anchor) if hit.anchor is not None else hit.item
    k = first + 1
    while k < len(items) and segment[k] == segment[first] and not gives_cause(items[k]):
        if items[k].kind not in PLACES and (items[k].kind != SIGN or clauses.findings(k, k + 1)):
            break  # not "rộng hình cánh buồm là tuyến ức"
        k += 1
    if k + 1 < len(items) and (items[k].key == "," or contrasts(items[k])) and gives_cause(items[k + 1]):
        return k + 1 if _overlaid(clauses, k + 1) else None  # "trông như nốt nhưng là bóng vú"
    if k + 1 >= len(items) or segment[k + 1] != segment[first] or not gives_cause(items[k]):
        return None
    if _overlaid(clauses, k):
        return k
    before = items[k - 1].unit
    if before is not None and before.role == "more":
        return None  # "dạng dày dính hơn là dịch"
    rest = [j for j in range(k + 1, len(items)) if segment[j] == segment[k]]
    plain = items[rest[0]].kind != NUMBER and all(items[j].kind != CUE for j in rest)
    return k if plain and not clauses.findings(rest[0], rest[-1] + 1) else None


def _overlaid(clauses: Clauses, cause: int) -> bool:
    """Whether the cause is something that lies over the film: "do bóng vú", "là khóa áo"."""
    for item in clauses.items[cause + 1 :]:
        if item.unit is not None and item.unit.role == "overlay":
            return True
        if item.kind not in (NEUTRAL, LOCATIVE, SIDE):
            return False
    return False
