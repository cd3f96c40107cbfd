"""What a line holds once its phrases are found: items, each of a kind."""

from __future__ import annotations

from labeler.meanings import CueSense, Unit

# Kinds of items.  UNKNOWN words are what the rule set cannot explain.
SIGN, STRUCTURE, CUE, HEADING, SIDE, AMOUNT, LOCATIVE, CONJUNCTION, NEUTRAL, NUMBER, PUNCT, UNKNOWN = range(12)
FILLERS = frozenset({NEUTRAL, AMOUNT, SIDE, NUMBER})

_KIND_OF_ROLE = {
    "neutral": NEUTRAL, "link": NEUTRAL, "left": SIDE, "right": SIDE, "both": SIDE,
    "amount": AMOUNT, "locative": LOCATIVE, "above": LOCATIVE, "below": LOCATIVE, "conjunction": CONJUNCTION,
    "disjunction": CONJUNCTION, "modifier": NEUTRAL, "course": NEUTRAL, "more": NEUTRAL, "less": NEUTRAL,
    "degree": NEUTRAL, "cause": NEUTRAL, "overlay": NEUTRAL,
}  # fmt: skip
ARROWS = frozenset({"->", "=>", "→", "⇒"})  # keys of signs that lead to what is now


class Item:
    """A matched phrase, an unknown word, or a sign of punctuation, in token order.

    `first` and `last` are token indexes in its part of the line (last exclusive).  Items are shared between lines:
    one that plays another part is a copy (`as_kind`).
    """

    __slots__ = ("first", "last", "kind", "unit", "cost", "others", "key", "guess")

    def __init__(
        self, first: int, last: int, kind: int, unit: Unit | None, cost: float, key: str, others: tuple[Unit, ...] = ()
    ) -> None:
        self.first = first
        self.last = last
        self.kind = kind
        self.unit = unit
        self.cost = cost
        self.key = key
        self.others = others
        self.guess = False  # some word of it is a real word that was taken for another

    @property
    def cue(self) -> CueSense | None:
        """The cue that its phrase is, whatever part it plays."""
        return self.unit.cue if self.unit is not None else None

    def as_kind(self, kind: int, unit: Unit | None = None) -> Item:
        """The same words in another part, or meaning another phrase."""
        out = Item(self.first, self.last, kind, unit or self.unit, self.cost, self.key, self.others)
        out.guess = self.guess
        return out

    def __repr__(self) -> str:
        return f"<{self.kind} {self.key!r}>"


def kind_of(unit: Unit) -> int:
    """The part a phrase plays first; the assertion step may give it another."""
    if unit.cue is not None:
        return CUE
    if unit.alone is not None or unit.beside or unit.above is not None:
        return SIGN
    if unit.structure is not None:
        return STRUCTURE
    if unit.section is not None:
        return HEADING
    return _KIND_OF_ROLE.get(unit.role or "neutral", NEUTRAL)


def contrasts(item: Item) -> bool:
    """Whether an item only sets what follows against what was said: "tràn dịch nhưng nay đã hết"."""
    return item.kind == CUE and item.cue is not None and item.cue.assertion == "contrast"


def doubts(item: Item) -> bool:
    """Whether a cue makes uncertain: "tổn thương nghĩ nhiều đến lao phổi" names one finding."""
    return item.kind == CUE and item.cue is not None and item.cue.assertion == "uncertain"


def gives_cause(item: Item) -> bool:
    """Whether what follows an item says why a finding is seen, or what it is: "do", "là", "="."""
    role = item.unit.role if item.unit is not None else None
    return item.key == "=" or (role == "cause" and item.kind == NEUTRAL)


def describes(item: Item) -> bool:
    """Whether an item says of what kind a finding is, or how it went on: "không thấy tổn thương mới" leaves old ones."""
    return item.unit is not None and item.unit.role in ("course", "modifier")
