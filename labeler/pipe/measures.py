"""Ratios with their numbers: "chỉ số tim/ngực 0,55" is a finding, "dưới 0,5" is none."""

from __future__ import annotations

from labeler.meanings import Sense
from labeler.pipe.clauses import Clauses
from labeler.pipe.items import ARROWS, NEUTRAL, NUMBER, SIGN, STRUCTURE, Item
from labeler.pipe.parts import Match
from labeler.spelling import Reading


def measure(clauses: Clauses, match: Match, k: int) -> None:
    """A ratio with its number: above the threshold the finding, else normal; without a number a structure."""
    item = clauses.items[k]
    unit = item.unit
    assert unit is not None and unit.above is not None and unit.alone is not None
    above: bool | None = None
    sign = unit.words[-1] if unit.words[-1] in (">", "≥") else ""  # "tim > 50%"
    negated = False
    for j in range(k + 1, min(len(clauses.items), k + 9)):
        other = clauses.items[j]
        unit_role = other.unit.role if other.unit is not None else None
        cue = other.cue
        if clauses.sentence[j] != clauses.sentence[k] or other.kind in (SIGN, STRUCTURE):
            break
        if other.key in (">", "≥", "<", "≤"):
            sign = other.key
        elif unit_role in ("more", "less", "above", "below"):
            sign = ">" if unit_role in ("more", "above") else "<"
        elif cue is not None and cue.assertion == "absent":
            negated = True
        value = _value(match.tokens, match.token(j))
        if value is None:
            continue
        if negated:
            above = sign not in (">", "≥")
        elif sign in (">", "≥"):
            above = value >= unit.above
        elif sign in ("<", "≤"):
            above = False
        else:
            above = value > unit.above
        if value > 1:
            above = None  # "CI 2,4": no ratio of heart and chest
            break
        later = None if sign else _later(clauses, match, j)
        if later is not None:
            j, value, surely = later
            if not surely and (value > unit.above) != above:
                above = None  # "từ 0,58 xuống 0,49": which of them is now?
                break
            above = value > unit.above
        limit = None if sign or value <= unit.above else _limit(clauses, match, j)
        if limit is not None and value <= limit[0]:
            above = not limit[1]
            if above:
                clauses.unplaced.append(k)
        clauses.consumed.update(range(k + 1, j + 1))
        break
    if above is None:
        ahead = (j for j in range(k + 1, len(clauses.items)) if clauses.segment[j] == clauses.segment[k])
        if any(clauses.ends_in_number(j) for j in ahead):
            clauses.leave(k)  # there is a number, but what of it is not clear
        elif unit.structure is not None:
            clauses.items[k] = item.as_kind(STRUCTURE)
        else:
            clauses.items[k] = item.as_kind(NEUTRAL)
        return
    sense = unit.alone
    if not above:
        sense = Sense(None, None, sense.rule, sense.layer, (sense.region,) if sense.region else ())
    clauses.add(k, None, None, sense).numeric = True


def _later(clauses: Clauses, match: Match, first: int) -> tuple[int, float, bool] | None:
    """The number that a ratio has come to, and whether surely: "0,55 → 0,49", "0,55 nay 0,49"; "0,55 xuống 0,49"."""
    turned = worded = comma = False
    for j in range(first + 1, min(len(clauses.items), first + 6)):
        item = clauses.items[j]
        cue = item.cue
        if item.kind == NUMBER:
            value = _value(match.tokens, match.token(j))
            told = turned or (worded and not comma)
            return (j, value, turned) if told and value is not None and value <= 1 else None
        if item.key in ARROWS or (cue is not None and cue.assertion == "present" and cue.scope != "none"):
            turned = True
        elif item.kind == NEUTRAL:
            worded = True
        elif item.key == ",":
            comma = True  # "0,47, trước can thiệp 0,56"
        elif item.key != "%":
            return None
    return None


def _limit(clauses: Clauses, match: Match, first: int) -> tuple[float, bool] | None:
    """The last ratio in brackets after a number, unless it is an older one, and whether it surely is the limit of the normal.

    "0,54 (bình thường đến 0,60)", but "0,54 (trước mổ 0,60)".
    """
    items = clauses.items
    start = first + 2 if first + 1 < len(items) and items[first + 1].key == "%" else first + 1
    if start >= len(items) or items[start].key != "(":
        return None
    end = next((j for j in range(start, len(items)) if items[j].key == ")"), len(items))
    inside = items[start + 1 : end]
    cues = (item.cue for item in inside if item.cue is not None)
    if any(cue.assertion in ("earlier", "historical", "present") for cue in cues):
        return None
    numbers = [value for j in range(start + 1, end) if (value := _value(match.tokens, match.token(j))) is not None]
    if not numbers or numbers[-1] > 1:
        return None
    return numbers[-1], any(_calls_normal(item) for item in inside)


def _calls_normal(item: Item) -> bool:
    return item.unit is not None and item.unit.alone is not None and item.unit.alone.finding is None


def _value(tokens: list[Reading], at: int) -> float | None:
    """The number that a token is, percent and fractions worked out."""
    reading = tokens[at]
    if not reading.number:
        return None
    try:
        value = float(reading.key)
    except ValueError:
        return None
    following = tokens[at + 1 : at + 3]
    if len(following) == 2 and following[0].key == "/" and following[1].number and following[1].key.isdigit():
        return value / (float(following[1].key) or 1.0)
    return value / 100 if value > 5 or (following and following[0].key == "%") else value
