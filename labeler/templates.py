"""No-finding templates: whole descriptions, compared by their words."""

from __future__ import annotations

from labeler.compiler import template_key
from labeler.entries import Entry
from labeler.lexicon import Lexicon
from labeler.pipe.parts import Part
from labeler.spelling import Reading
from labeler.text import has_digit

_NONE = "<not in a template>"
_IN_NO_TEMPLATE = frozenset({"?", "(+)", "(-)", "(±)", "(?)", "(+-)"})


class Templates:
    """The no-finding templates of a rule set, and what a line of one can be."""

    def __init__(self, lexicon: Lexicon, digits: bool) -> None:
        """`digits` says whether any template has digits."""
        self._ids, self._digits = lexicon.templates, digits
        self.lines = _lines(lexicon)
        self._openings = {line.split(" ", 1)[0] for line in self.lines}

    def words(self, entry: Entry, parts: list[Part]) -> str:
        """The words of an item of these parts by which its line, of which `entry` holds what came before, is compared."""
        tokens = parts[0].tokens
        if entry.key != _NONE and tokens and (entry.key or tokens[0].key in self._openings):
            words = _words([token for part in parts for token in part.tokens])
            if self._digits or not has_digit(words):
                return words
        return _NONE

    def of(self, entries: list[Entry]) -> str | None:
        """Id of the template that these lines make together."""
        if not entries:
            return None
        for entry in entries:
            if not entry.in_template:
                return None
        return self._ids.get(" ".join(entry.key for entry in entries))


def _words(tokens: list[Reading]) -> str:
    """The words and numbers of a line, as templates are compared; a question or a result is in no template."""
    words: list[str] = []
    for reading in tokens:
        if reading.word:
            words.append(reading.key)
        elif reading.key in _IN_NO_TEMPLATE:
            return _NONE
    return " ".join(words)


def _lines(lexicon: Lexicon) -> frozenset[str]:
    """Every run of words that begins or ends where a template's own lines do: what a line of a template can be."""
    out: set[str] = set()
    for located in lexicon.rules.all("templates"):
        lines = [template_key(line) for line in located.entry.text.split("\n")]
        lines = [line for line in lines if line]
        for i in range(len(lines)):
            out.update(" ".join(lines[i:j]) for j in range(i + 1, len(lines) + 1))
    return frozenset(out)
