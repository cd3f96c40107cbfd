"""How the rules read a corpus: each distinct line in its context is looked at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from labeler.explaining import START, Reading, read
from labeler.labeler import Labeler

T = TypeVar("T")
MAX_LINES = 200_000  # distinct lines remembered


class Reader(Generic[T]):
    """Reads reports item by item and keeps what `look` makes of each distinct one."""

    def __init__(self, labeler: Labeler, look: Callable[[Reading], T]) -> None:
        self.labeler = labeler
        self.look = look
        self._lines: dict[tuple[str, str, str | None, bool], tuple[tuple[T, ...], tuple[str, str | None]]] = {}

    def read(self, text: str) -> list[T]:
        """What `look` makes of each item of a report, in order."""
        unmarked = self.labeler.unmarked(text)
        after = START
        out: list[T] = []
        for _, raw in self.labeler.splitter.groups(text):
            key = (raw, *after, unmarked)
            found = self._lines.get(key)
            if found is None:
                if len(self._lines) >= MAX_LINES:
                    self._lines.clear()
                items = list(read(self.labeler, *key))
                found = self._lines[key] = tuple(map(self.look, items)), items[-1].after if items else after
            looks, after = found
            out += looks
        return out
