"""What a line asserts about each finding: present, absent, uncertain, historical, or not about this film.

Its sentences are read one after the other: a heading says what follows is about, a denial answers the question before
it, and what is told of an older film or another day leaves open what is there now.
"""

from __future__ import annotations

from labeler.pipe.chronology import dated, is_settled, left_open, remains_elsewhere, supersede, unchanged
from labeler.pipe.clauses import Clauses
from labeler.pipe.cues import CueReader
from labeler.pipe.items import AMOUNT, CUE, FILLERS, HEADING, PUNCT, SIDE, SIGN, STRUCTURE, UNKNOWN, doubts
from labeler.pipe.sentence import Assertions
from labeler.report import ASSERTED

SECTIONS_ABOUT_THE_FILM = frozenset({"description", "conclusion"})
_DENIALS = frozenset({("absent", "list"), ("absent", "next")})
OPEN_COURSE = "open_course"  # a line tells only how something went on: the lines before it show whether that is known

ASKS = "asks"  # a line holds nothing but a bare diagnosis: the lines below it show whether that is only the question


def assert_line(clauses: Clauses, section: str) -> Assertions:
    """Decide every hit of a line.  `section` is what the headings before the line say it is about."""
    out = Assertions(section)
    items = clauses.items
    n = len(items)
    out.excluded = [False] * n
    first = 0
    then = older = False  # whether a sentence told of findings at some time, or of an older film
    opened: str | None = None  # what to say of a sentence that leaves open what is there now
    while first < n:
        last = first
        while last + 1 < n and clauses.sentence[last + 1] == clauses.sentence[first]:
            last += 1
        heading = items[first].unit if items[first].kind == HEADING else None
        if heading is not None and heading.section is not None:
            out.section = heading.section
            if out.section == "reader":  # who it is, or what he saw
                kinds = {item.kind for item in items[first + 1 : last + 1]}
                out.section = "description" if SIGN in kinds and UNKNOWN not in kinds else "identity"
            if heading.section == "conclusion":
                out.conclusion_from = first
        elif first and out.section not in SECTIONS_ABOUT_THE_FILM and not _goes_on(clauses, out.section, first, last):
            out.section = "description"
        sentence = CueReader(clauses, out, first, last, out.section in SECTIONS_ABOUT_THE_FILM, older)
        sentence.read()
        if first and sentence.now:
            supersede(clauses, first, last)
        if first and _answer(clauses, first, last):
            out.reasons.add("unclear_indication")
        if then and (sentence.now or first in clauses.timed):
            out.reasons.add("unclear_time")  # "Ngày 1: mờ đáy phải. Ngày 7: hai phổi sáng."
        then = then or (bool(clauses.timed) and dated(clauses, first, last))
        open_to = older or clauses.course or clauses.puzzling or not clauses.hits
        if open_to and not out.excluded[last] and left_open(clauses, first, last):
            # "Phim trước: nốt mờ phổi phải. Phim này không thay đổi.", "Phim nay: còn ít."
            opened = "unclear_time" if older else OPEN_COURSE
            out.unchanged = out.unchanged or unchanged(clauses, first, last)
        older = older or bool(sentence.past) or out.section == "comparison"
        first = last + 1
    if opened is not None and not (opened == "unclear_time" and is_settled(clauses)):
        out.reasons.add(opened)
    unheaded = not clauses.headings or clauses.sentence[clauses.headings[0]] > 0
    if n and section == "description" and unheaded:
        asked = _asked(clauses)
        if asked and not clauses.sentence[-1]:
            if any(hit.assertion == "uncertain" for hits in clauses.hits.values() for hit in hits):
                out.reasons.add(ASKS)
        elif asked and _answered(clauses, asked):
            out.reasons.add("unclear_indication")
    if clauses.strayed and any(hit.assertion == "present" for hit in clauses.findings(0, n)):
        out.reasons.add("ambiguous_scope")  # "không thấy. tràn dịch. tràn khí"
    if remains_elsewhere(clauses):
        out.reasons.add("ambiguous_scope")
    return out


def _asked(clauses: Clauses) -> set[str | None]:
    """Regions of the bare diagnoses that a line opens with and says nothing beside: "Nghi viêm phổi.", "COPD."."""
    asked: set[str | None] = set()
    bare = True
    for k, item in enumerate(clauses.items):
        if clauses.sentence[k]:
            break
        bare = bare and item.kind not in (STRUCTURE, SIDE, AMOUNT)
        for hit in clauses.hits.get(k, ()):
            if hit.numeric or not hit.sense.finding or hit.sense.region in (None, "other") or hit.side is not None:
                return set()
            if hit.assertion not in ASSERTED or (hit.assertion == "present" and hit.structure is not None):
                return set()
            asked.add(hit.sense.region)
    if not bare and not (clauses.items[0].cue is not None and doubts(clauses.items[0])):
        return set()
    return asked


def _answered(clauses: Clauses, asked: set[str | None]) -> bool:
    """Whether later sentences call one of these regions normal and none of them ill: then it may have been the question."""
    called_normal: set[str | None] = set()
    for k, hits in clauses.hits.items():
        for hit in hits if clauses.sentence[k] else ():
            if hit.sense.finding is not None and hit.assertion in ASSERTED:
                if hit.sense.region in asked:
                    return False
            elif hit.assertion not in ("historical", "excluded"):
                called_normal.add(hit.structure.region if hit.structure is not None else hit.sense.region)
    return not asked.isdisjoint(called_normal)


def _answer(clauses: Clauses, first: int, last: int) -> bool:
    """Let a sentence that only answers settle the question before it ("Tim to? Không."); whether the answer is unclear."""
    items = clauses.items
    said = [k for k in range(first, last + 1) if items[k].kind not in FILLERS and items[k].kind != PUNCT]
    cue = items[said[0]].cue if said else None
    if items[first - 1].key != "?":  # "tràn dịch -> không", "tràn dịch | không |"
        before = clauses.findings(clauses.sentence_of(first - 1)[0], first)
        own_side = any(item.kind == SIDE for item in items[first : last + 1])
        bare = len(said) == 1 and not own_side and cue is not None and (cue.assertion, cue.scope) in _DENIALS
        return bare and any(hit.assertion in ASSERTED for hit in before)
    if cue is not None and (cue.assertion, cue.scope) == ("present", "none"):
        # "Có tràn dịch không? Có."
        return any(hit.cue == first - 1 for hits in clauses.hits.values() for hit in hits if hit.assertion == "excluded")
    if cue is None or cue.assertion not in ("absent", "not_assessable"):
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
        hit.assertion, hit.cue = cue.assertion, said[0]  # "Tim to? Khó đánh giá."
    return False


def _goes_on(clauses: Clauses, section: str, first: int, last: int) -> bool:
    """Whether a sentence still belongs to the indication, technique ... that a heading before it opened in its line."""
    if section == "advice" or (section == "indication" and clauses.items[last].key == "?"):
        return True  # "Câu hỏi: tim to? lao? gãy sườn?"
    opening = next((i for i in clauses.items[first : last + 1] if i.kind not in FILLERS and i.kind != PUNCT), None)
    cue = opening.cue if opening is not None and opening.kind == CUE else None
    if cue is not None and cue.assertion in ("uncertain", "historical", "excluded"):
        return True
    cues = (item.cue for item in clauses.items[first : last + 1] if item.kind == CUE)
    return any(cue is not None and cue.assertion == "clinical" for cue in cues)
