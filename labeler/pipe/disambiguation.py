"""Which of its readings an ambiguous phrase has, where only the structures beside it can tell."""

from __future__ import annotations

from labeler.lexicon import Lexicon
from labeler.pipe.candidates import left_of, right_of, sense_at
from labeler.pipe.clauses import Clauses
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
    Item,
    describes,
    kind_of,
)

_RESULTS = {"-": ("(-)",), "+": ("(+)",)}
_POSITIVE = frozenset({"+", "(+)"})
_DENIED = frozenset({SIGN, STRUCTURE, CUE, SIDE})  # what a result may follow
_PARTS = frozenset({",", ";", ".", "|"})


def disambiguate(clauses: Clauses, lexicon: Lexicon) -> None:
    """Settle what the ambiguous items of a line are, before any sign looks for its structure."""
    items = clauses.items
    for k, item in enumerate(items):
        if item.others:
            if k + 1 < len(items) and items[k + 1].key in _RESULTS:
                _result(clauses, k + 1, lexicon)
            _reconsider(clauses, k)
        elif item.kind == CUE and item.unit is not None and item.unit.beside and is_predicate(clauses, k):
            items[k] = item.as_kind(SIGN)  # "góc sườn hoành không rõ", not "không rõ đường gãy"
            if left_of(clauses, k) is None:
                items[k] = item
        elif item.kind == SIGN and item.last - item.first > 1:
            _cut_to_fit(clauses, k, lexicon)
        elif item.key in _RESULTS:
            _result(clauses, k, lexicon)
        elif item.kind == NUMBER and item.key == "0" and k and items[k - 1].kind == SIDE:
            _graded(clauses, k, lexicon)


def is_predicate(clauses: Clauses, k: int) -> bool:
    """Whether a word stands where a predicate does: nothing after it that it could introduce."""
    after = clauses.items[k + 1] if k + 1 < len(clauses.items) else None
    return after is None or after.kind in (PUNCT, CONJUNCTION, CUE) or clauses.segment[k + 1] != clauses.segment[k]


def shorten(clauses: Clauses, k: int, lexicon: Lexicon) -> bool:
    """Read a sign that no structure takes as its first words alone, if one takes those ("mờ hình thoi" as "mờ")."""
    item = clauses.items[k]
    assert item.unit is not None
    for cut in range(len(item.unit.words) - 1, 0, -1):
        shorter = lexicon.find(item.unit.words[:cut])
        if shorter is None or not shorter.says_finding:
            continue
        clauses.items[k] = item.as_kind(SIGN, shorter)
        if right_of(clauses, k) is not None or left_of(clauses, k) is not None:
            return True
    clauses.items[k] = item
    return False


def _result(clauses: Clauses, k: int, lexicon: Lexicon) -> None:
    """Read a sign that ends a segment as a result: "TDMP +, TKMP -"; a lone dash at the end of a line may be none."""
    items = clauses.items
    end = k + 1
    field = k > 1 and items[k - 1].key == ":" and items[k - 2].kind in _DENIED
    while field and end + 1 < len(items) and items[end].key == "/" and items[end + 1].key in _RESULTS:
        end += 2  # "tràn dịch / tràn khí: - / -"
    after = items[end] if end < len(items) else None
    if (not field and (not k or items[k - 1].kind not in _DENIED)) or (after is not None and after.key not in _PARTS):
        return
    result = lexicon.find(_RESULTS[items[k].key])
    if result is None or result.cue is None:
        return
    lone = after is None and not field and not any(item.kind == CUE and item.key in _RESULTS for item in items[:k])
    mixed = any(item.key in _RESULTS and item.key != items[k].key for item in items[k:end])
    if mixed or (lone and items[k].key == "-"):
        clauses.leave(k)
    else:
        items[k] = items[k].as_kind(CUE, result)


def _graded(clauses: Clauses, k: int, lexicon: Lexicon) -> None:
    """Read a 0 that ends a segment after a side as a result: "tràn dịch: P 0, T 0"."""
    after = clauses.items[k + 1] if k + 1 < len(clauses.items) else None
    none = lexicon.find(_RESULTS["-"])
    if none is not None and none.cue is not None and (after is None or after.key in _PARTS or after.key == "("):
        clauses.items[k] = clauses.items[k].as_kind(CUE, none)


def _reconsider(clauses: Clauses, k: int) -> None:
    """An ambiguous word becomes a sign where a structure beside it takes that sign."""
    items = clauses.items
    item = items[k]
    if item.kind == STRUCTURE and k and denies_next(items[k - 1]):
        pass  # "mp ko day": "không dày", not "không đáy"
    elif item.kind == STRUCTURE and (
        _is_placed(clauses, k) or (k and denies_list(items[k - 1]) and _names_nothing_more(clauses, k))
    ):
        noun = next((other for other in item.others if other.alone is not None and other.alone.finding), None)
        if noun is not None:  # "phổi ko thấy TT": no "tổn thương"
            items[k] = item.as_kind(SIGN, noun)
        return
    elif item.kind == SIGN:
        _fit(clauses, k)
        return
    elif item.kind in (STRUCTURE, HEADING):
        return
    if k + 1 < len(items) and items[k + 1].others and _is_placed(clauses, k + 1):
        _reconsider(clauses, k + 1)  # "TD TT đỉnh phổi"
    following = items[k + 1] if k + 1 < len(items) else None
    denied = (k and denies_next(items[k - 1])) or (following is not None and _denies_back(following))
    answered = following is not None and following.kind == CUE and following.key in _POSITIVE
    if item.kind == CUE and (denied or answered):  # "không TD, không TK", "TD (-)", "TD +, TK -"
        noun = next((other for other in item.others if other.alone is not None and other.alone.finding), None)
        if noun is not None:
            items[k] = item.as_kind(SIGN, noun)
            return
    if item.kind == CUE and following is not None and following.kind == SIGN:
        return  # "TD viêm phổi"
    for other in item.others:
        if not other.beside:
            continue
        items[k] = item.as_kind(kind_of(other), other)
        if items[k].kind == SIGN and (left_of(clauses, k) is not None or right_of(clauses, k) is not None):
            return
        items[k] = item


def _fit(clauses: Clauses, k: int) -> None:
    """Of signs typed alike, take the one that the nearest structure takes: "trung that rong" is "rộng", not "rỗng"."""
    items = clauses.items
    item = items[k]
    if item.unit is None or item.unit.alone is not None:
        return
    fitting: list[tuple[int, int, Item]] = []
    for n, unit in enumerate((item.unit, *item.others)):
        if kind_of(unit) == SIGN and unit.beside:
            items[k] = item.as_kind(SIGN, unit)
            places = [at for at in (left_of(clauses, k), right_of(clauses, k)) if at is not None]
            fitting += [(abs(k - at), n, items[k]) for at in places]
    items[k] = min(fitting, key=lambda fit: fit[:2])[2] if fitting else item


def _cut_to_fit(clauses: Clauses, k: int, lexicon: Lexicon) -> None:
    """Read a sign as its first words where the structure right before it takes those alone.

    "vồng nhẹ" is a phrase of the diaphragm, but "vồng" is said of the aorta too.
    """
    item = clauses.items[k]
    unit = item.unit
    if unit is None or not unit.beside or unit.alone is not None or item.cost or k == 0:
        return
    at = k - 1
    while at > 0 and clauses.items[at].kind in (SIDE, NEUTRAL) and clauses.segment[at] == clauses.segment[k]:
        at -= 1
    if clauses.items[at].kind != STRUCTURE or at in clauses.demoted or clauses.segment[at] != clauses.segment[k]:
        return
    if sense_at(clauses, k, at) is not None:
        return
    for cut in range(len(unit.words) - 1, 0, -1):
        shorter = lexicon.find(unit.words[:cut])
        if shorter is not None and shorter.says_finding and sense_at(clauses, k, at, shorter) is not None:
            clauses.items[k] = item.as_kind(SIGN, shorter)
            return


def denies_next(item: Item) -> bool:
    """Whether an item is a negation of the next word alone."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion == "absent" and cue.scope == "next"


def _names_nothing_more(clauses: Clauses, k: int) -> bool:
    """Whether what follows a word at most describes it."""
    after = clauses.items[k + 1] if k + 1 < len(clauses.items) else None
    return is_predicate(clauses, k) or (after is not None and describes(after))


def _is_placed(clauses: Clauses, k: int) -> bool:
    """Whether a place or a property follows, and nothing is said of either: "TT thùy giữa phổi phải", "TT cũ"."""
    items = clauses.items
    after = items[k + 1] if k + 1 < len(items) else None
    if after is None or not (after.kind == STRUCTURE or describes(after)):
        return False
    return all(item.kind != SIGN for item in items[k + 1 :])


def denies_list(item: Item) -> bool:
    """Whether an item is a negation of what is listed after it."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion == "absent" and cue.scope == "list"


def _denies_back(item: Item) -> bool:
    """Whether an item denies what stands right before it."""
    cue = item.cue if item.kind == CUE else None
    return cue is not None and cue.assertion == "absent" and cue.scope in ("before", "around")
