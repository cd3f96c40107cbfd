"""Whether findings of an older film or an earlier time are still there.

Words of the past ("phim trước", "hôm qua") frame the findings just said, else those ahead, up to words of now.  What the
sentence goes on to say decides: the findings are gone (denied, or their place called normal) or still there (their
course, size or number).  Where it says neither, and where time plays a part that is not understood, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from labeler.pipe.clauses import UNATTACHED, Clauses, Hit
from labeler.pipe.items import AMOUNT, CUE, NEUTRAL, NUMBER, PUNCT, STRUCTURE, Item, describes
from labeler.report import ASSERTED

GONE, STAYS, UNSURE = "gone", "stays", "unsure"
_BESIDE = {"pleura": "parenchyma"}  # "mổ tràn khí màng phổi, nay phổi nở tốt"
SIZES = ("more", "less", "modifier")


def settle(clauses: Clauses, first: int, last: int, marks: list[int], now: list[int]) -> bool:
    """Decide the findings that words of the past frame in a sentence; whether something stays unclear.

    `marks` are the items of words of the past that count, `now` those of words of now.
    """
    unclear = False
    settled: list[Hit] = []
    for mark in marks:
        turn = next((k for k in now if k > mark), None)
        before, ahead = _framed(clauses, first, last, mark, turn)
        framed = before + ahead
        if not framed or (turn is None and _has_course(clauses, first, mark)):
            unclear = unclear or not all(_denied(clauses, hit) for hit in ahead)
            continue  # "không đổi từ phim trước"
        settled += framed
        start = turn if turn is not None and not before else max([mark, *(hit.item for hit in ahead)]) + 1
        told = _told(clauses, start, last, framed, turn)
        if told == UNSURE or (turn is None and told is None and _goes_far(clauses, mark, ahead)):
            unclear = True
        elif told == GONE:
            for hit in before:
                hit.assertion, hit.cue = "historical", mark
        elif told == STAYS:
            for hit in ahead:
                hit.assertion, hit.cue = "present", None
            unclear = unclear or (bool(ahead) and not _is_earlier(clauses, mark))
        elif before and _called_normal(clauses, first, mark):
            for hit in before:
                hit.assertion, hit.cue = "historical", mark
        elif before and not _has_course(clauses, first, mark) and not _measured(clauses, mark, last):
            unclear = True
    return unclear or _turned(clauses, first, last, now, settled) or _undated(clauses, first, last)


def _denied(clauses: Clauses, hit: Hit) -> bool:
    cue = clauses.items[hit.item - 1].cue
    return cue is not None and cue.assertion == "absent"


def _called_normal(clauses: Clauses, first: int, mark: int) -> bool:
    """Whether the whole film was called normal before: "phim trở về bình thường, lao phổi đã điều trị"."""
    return any(hit.sense.whole_film and hit.assertion == "present" for hit in _hits(clauses, first, mark))


def supersede(clauses: Clauses, first: int, last: int) -> None:
    """Let go what a sentence of now says to be gone: "tràn dịch màng phổi phải, đã chọc. Nay hết dịch"."""
    for hit in clauses.findings(first, last + 1):
        unit = clauses.items[hit.item].unit
        if hit.assertion == "absent" and hit.structure is None and unit is not None and unit.alone is None:
            for other in clauses.findings(0, first):
                covers = hit.side in (None, "both", other.side)
                if covers and other.sense.finding == hit.sense.finding and _counts(other):
                    other.assertion, other.cue = "historical", hit.cue


def left_open(clauses: Clauses, first: int, last: int) -> bool:
    """Whether a sentence says the course or amount of what it does not name: "phim này không thay đổi", "nay còn ít"."""
    items = clauses.items
    told = _has_course(clauses, first, last + 1) or any(_remains(item) for item in items[first : last + 1])
    for hit in _hits(clauses, first, last + 1):
        if hit.structure is None and of_a_kind(clauses, hit, last):
            told = True  # "hiện không thấy nốt mới"
        elif not _is_course(items[hit.item]):
            return False
    return told


def is_settled(clauses: Clauses) -> bool:
    """Whether a line tells by itself what is there now: in every region of its findings of the past, or of the whole film."""
    now: set[str] = set()
    past: set[str] = set()
    for hit in _hits(clauses, 0, len(clauses.items)):
        region = hit.sense.region or "other"
        if hit.sense.finding is None:
            if hit.sense.whole_film and hit.assertion == "present" and hit.anchor is None:
                return True
        elif hit.assertion == "present" and not hit.sense.generic:
            now.add(region)
        elif hit.assertion in ("historical", "excluded"):
            past.add(region)
    return bool(now) and past <= now


def of_a_kind(clauses: Clauses, hit: Hit, last: int) -> bool:
    """Whether only further findings, or some of a kind, are denied: "không thấy tổn thương mới", "không có nốt nào khác"."""
    following = hit.item + 1
    return hit.assertion == "absent" and following <= last and describes(clauses.items[following])


def unchanged(clauses: Clauses, first: int, last: int) -> bool:
    """Whether such a sentence names a structure and holds it against an older film: "hai phổi không đổi so với phim cũ"."""
    items = clauses.items[first : last + 1]
    compared = any(item.cue is not None and item.cue.assertion in ("historical", "earlier") for item in items)
    return compared and any(item.kind == STRUCTURE for item in items)


def remains_elsewhere(clauses: Clauses) -> bool:
    """Whether something is left on one side of what was denied before: "TDMP phải hết, trái còn ít"."""
    absent = [k for k, hits in clauses.hits.items() for hit in hits if hit.assertion == "absent"]
    if not absent:
        return False
    denied: Hit | None = None
    for k in range(min(absent), len(clauses.items)):
        item = clauses.items[k]
        for hit in clauses.hits.get(k, ()):
            denied = hit if hit.sense.finding is not None and hit.assertion == "absent" else None
        role = item.unit.role if item.unit is not None else None
        if denied is None or role not in ("left", "right") or role == denied.side:
            continue
        own = [j for j in range(len(clauses.items)) if clauses.segment[j] == clauses.segment[k]]
        told = (clauses.items[j] for j in own)
        if not any(j in clauses.hits for j in own) and any(_remains(item) or describes(item) for item in told):
            return True
    return False


def _remains(item: Item) -> bool:
    """An amount, or a cue such as "còn"."""
    cue = item.cue
    return item.kind == AMOUNT or (cue is not None and (cue.assertion, cue.scope) == ("present", "clause"))


def dated(clauses: Clauses, first: int, last: int) -> bool:
    """Whether a sentence tells of findings at some time that may be past."""
    timed = any(first <= k <= last and not _measured(clauses, k, last) for k in clauses.timed)
    return timed and any(map(_counts, clauses.findings(first, last + 1)))


def behind(clauses: Clauses, first: int, k: int) -> list[Hit]:
    """Findings that count and were said before item k in its segment."""
    return [hit for hit in clauses.findings(first, k, clauses.segment[k]) if _counts(hit)]


def _framed(clauses: Clauses, first: int, last: int, mark: int, turn: int | None) -> tuple[list[Hit], list[Hit]]:
    """Findings that a word of the past looks back to, and those ahead that it made historical."""
    aside = not _is_earlier(clauses, mark) or clauses.items[mark - 1].key == "("
    before = [] if aside else behind(clauses, first, mark)
    if before and turn is not None:  # "hạch rốn phổi trước đây to, nay ..."
        before += [hit for hit in clauses.findings(mark, turn) if _counts(hit)]
    ahead = [hit for hit in _hits(clauses, mark, last + 1) if hit.cue == mark and hit.assertion == "historical"]
    return before, ahead


def _goes_far(clauses: Clauses, mark: int, ahead: list[Hit]) -> bool:
    """Whether the past takes in more than its clause: "trước đây khỏe, tràn dịch màng phổi phải" may be of now."""
    items = clauses.items
    following = items[mark + 1].key if mark + 1 < len(items) else ""
    if following == "(":  # "phim cũ (gãy sườn 5, tràn máu)"
        end = next((j for j in range(mark, len(items)) if items[j].key == ")"), mark)
        return any(hit.item > end for hit in ahead)
    start = clauses.segment[mark] + (following == ":")
    return any(clauses.segment[hit.item] > start for hit in ahead)


def _told(
    clauses: Clauses, start: int, last: int, framed: list[Hit], turn: int | None, beside: dict[str, str] | None = None
) -> str | None:
    """What the items from `start` on say of the findings of the past, up to a finding of their own.

    `turn` is the word of now among them, `beside` names regions whose normal statements speak of a neighbour too.
    """
    items, regions = clauses.items, _regions(framed)
    if beside is not None:
        regions |= {beside[region] for region in regions if region in beside}
    gone = stays = False
    for k in range(start, last + 1):
        item, unit = items[k], items[k].unit
        now = turn is not None and k > turn
        course = unit is not None and unit.role == "course"
        for hit in clauses.hits.get(k, ()) if not course else ():
            if hit in framed:
                continue
            if hit.sense is UNATTACHED:
                stays = stays or (now and hit.assertion == "present")
            elif _counts(hit):
                return _verdict(gone, stays)
            else:
                denied = hit.assertion == "absent" and not of_a_kind(clauses, hit, last)
                gone = gone or ((denied or hit.assertion == "present") and _concerns(hit, regions))
        if course:
            stays = True
        elif item.kind == CUE and item.cue is not None:
            if item.cue.assertion == "absent":
                gone = gone or item.cue.scope in ("before", "around") or _stands_alone(clauses, k, last)
            elif item.cue.assertion == "present" and item.cue.scope == "none":
                stays = stays or now
            elif now and _remains(item) and (k == last or items[k + 1].kind == PUNCT):
                stays = stays or not gone  # "nay còn ít"
        elif now and item.kind == NUMBER and item.key[0] == "0":
            return UNSURE  # a ratio of then and one of now
        elif now and (item.kind in (AMOUNT, NUMBER) or (unit is not None and unit.role in SIZES)):
            stays = stays or not gone
    return _verdict(gone, stays)


def _verdict(gone: bool, stays: bool) -> str | None:
    if gone == stays:
        return None
    return GONE if gone else STAYS


def _stands_alone(clauses: Clauses, k: int, last: int) -> bool:
    """Whether a negation denies nothing that follows it: "nay không thấy", "không thấy lại trên phim này"."""
    while k < last and clauses.items[k + 1].kind == NEUTRAL and not describes(clauses.items[k + 1]):
        k += 1
    following = clauses.items[k + 1] if k < last else None
    return following is None or following.kind in (PUNCT, CUE)


def _is_earlier(clauses: Clauses, k: int) -> bool:
    cue = clauses.items[k].cue
    return cue is not None and cue.assertion == "earlier"


def _measured(clauses: Clauses, mark: int, last: int) -> bool:
    """Whether only a number of then is told beside the one of now: "tim to 0,61, phim trước 0,55"."""
    numbers = [item for item in clauses.items[mark + 1 : min(mark + 3, last + 1)] if item.kind == NUMBER]
    return any(not (len(item.key) == 4 and item.key.isdigit()) for item in numbers)  # no year


def _concerns(hit: Hit, regions: set[str]) -> bool:
    """Whether a normal statement or a denied finding is about one of these regions."""
    sense = hit.sense
    if sense.finding is not None:
        return sense.region in regions or (sense.generic and hit.structure is None)
    if sense.whole_film or not regions.isdisjoint(sense.covers):
        return True
    return hit.structure is not None and hit.structure.region in regions


def _turned(clauses: Clauses, first: int, last: int, now: list[int], settled: list[Hit]) -> bool:
    """Whether a finding without a word of the past is followed by one of now that calls its place normal."""
    for k in now:
        hits = [hit for hit in clauses.findings(first, k) if _counts(hit) and hit not in settled]
        hits = [hit for hit in hits if not _goes_on(clauses, hit, k)]
        if hits and (_told(clauses, k, last, hits, k, _BESIDE) == GONE or _unnamed(clauses, k, last)):
            return True
    return False


def _goes_on(clauses: Clauses, hit: Hit, k: int) -> bool:
    """Whether the clause of a finding tells its course before item k: "đám mờ đã giảm, hang nay không còn"."""
    own = clauses.segment[hit.item]
    return own != clauses.segment[k] and any(
        _is_course(item) for j, item in enumerate(clauses.items[:k]) if j > hit.item and clauses.segment[j] == own
    )


def _unnamed(clauses: Clauses, k: int, last: int) -> bool:
    """Whether something that is not named is called normal right after a word of now: "dịch đã hút, nay góc nhọn"."""
    hits = [hit for hit in _hits(clauses, k, last + 1) if clauses.segment[hit.item] == clauses.segment[k]]
    return bool(hits) and all(_is_bare(hit) for hit in hits)


def _is_bare(hit: Hit) -> bool:
    return hit.sense.finding is None and hit.structure is None and not hit.sense.covers and not hit.sense.whole_film


def _undated(clauses: Clauses, first: int, last: int) -> bool:
    """Whether a word of time stands beside a finding, and nothing tells whether the finding is of then or of now."""
    for k in clauses.timed:
        if first <= k <= last and not _has_course(clauses, first, last + 1) and not _measured(clauses, k, last):
            here = clauses.findings(first, last + 1, clauses.segment[k])
            if any(_counts(hit) and hit.sense.region != "other" for hit in here):
                return True
    return False


def _has_course(clauses: Clauses, start: int, end: int) -> bool:
    return any(map(_is_course, clauses.items[start:end]))


def _is_course(item: Item) -> bool:
    return item.unit is not None and item.unit.role == "course"


def _hits(clauses: Clauses, start: int, end: int) -> Iterator[Hit]:
    return (hit for j in range(start, end) for hit in clauses.hits.get(j, ()) if hit.sense is not UNATTACHED)


def _counts(hit: Hit) -> bool:
    return bool(hit.sense.finding) and hit.assertion in ASSERTED


def _regions(hits: list[Hit]) -> set[str]:
    return {hit.sense.region or "other" for hit in hits}
