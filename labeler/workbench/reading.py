"""How the rules read a corpus: each distinct line in its context is looked at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from labeler.labeler import Labeler
from labeler.pipe.assertion import assert_line
from labeler.pipe.clauses import Clauses, Hit
from labeler.pipe.interpolation import Verdict
from labeler.pipe.parts import Match
from labeler.pipe.sections import Line, unbroken
from labeler.pipe.sentence import Assertions
from labeler.text import normalize

T = TypeVar("T")
MAX_LINES = 200_000  # distinct lines remembered


class Reading(NamedTuple):
    """An item of a report as the engine understood it."""

    line: Line
    section: str
    unmarked: bool
    clauses: Clauses
    match: Match
    said: Assertions
    hits: list[tuple[int, Hit]]
    verdict: Verdict


class Reader(Generic[T]):
    """Reads reports item by item and keeps what `look` makes of each distinct one."""

    def __init__(self, labeler: Labeler, look: Callable[[Reading], T]) -> None:
        self.labeler = labeler
        self.look = look
        self._lines: dict[tuple[str, str, str | None, bool], tuple[tuple[T, ...], str, str | None]] = {}

    def read(self, text: str) -> list[T]:
        """What `look` makes of each item of a report, in order."""
        labeler = self.labeler
        unmarked = labeler.unmarked(text)
        section, topic = "description", None
        out: list[T] = []
        for _, raw in labeler.splitter.groups(text):
            key = (raw, section, topic, unmarked)
            found = self._lines.get(key)
            if found is None:
                if len(self._lines) >= MAX_LINES:
                    self._lines.clear()
                found = self._lines[key] = self._read(*key)
            looks, section, topic = found
            out += looks
        return out

    def _read(self, raw: str, section: str, topic: str | None, unmarked: bool) -> tuple[tuple[T, ...], str, str | None]:
        labeler = self.labeler
        looks: list[T] = []
        for line in labeler.items(normalize(unbroken(raw))):
            clauses, match = labeler.clauses(labeler.parts.of(line.text, unmarked), topic)
            said = assert_line(clauses, section)
            hits = list(labeler.interpolator.hits(clauses))
            verdict = labeler.interpolator.verdict(clauses, said, match.doubt, section)
            looks.append(self.look(Reading(line, section, unmarked, clauses, match, said, hits, verdict)))
            section, topic = verdict.section, verdict.topic
        return tuple(looks), section, topic
