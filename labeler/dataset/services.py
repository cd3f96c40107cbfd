"""Service codes: which reports are of frontal chest films, and whether a service's name agrees with its code."""

from __future__ import annotations

import re

from labeler.io.refusals import BadInput
from labeler.rules import RuleSet
from labeler.text import skeleton

CHEST = frozenset({"nguc", "phoi", "chest", "thorax", "lung"})
SIDEWAYS = frozenset({"nghieng", "chech", "lateral", "oblique"})  # what no frontal film is called
_WORD = re.compile(r"[^\W\d_]+")


class Services:
    """The report service codes of a rule set: exact ones, and prefixes that end in `.*`.

    Raises BadInput when there is no frontal one.
    """

    def __init__(self, rules: RuleSet) -> None:
        entries = [located.entry for located in rules.all("services")]
        if not any(entry.view == "frontal" for entry in entries):
            raise BadInput(f"{rules.path}: lists no frontal service; add one under services, or extend builtin")
        self.codes = tuple(sorted((entry.code, entry.view) for entry in entries))
        self._exact = {entry.code: entry.view for entry in entries if not entry.code.endswith(".*")}
        prefixes = [(entry.code[:-1], entry.view) for entry in entries if entry.code.endswith(".*")]
        self._prefixes = sorted(prefixes, key=lambda prefix: -len(prefix[0]))  # the longest speaks first
        self._views: dict[str, str | None] = {}

    def view(self, code: str) -> str | None:
        """frontal, lateral, other; None for a code that is not listed."""
        if code not in self._views:
            if len(self._views) > 100_000:
                self._views.clear()
            found = self._exact.get(code)
            self._views[code] = found or next((v for start, v in self._prefixes if code.startswith(start)), None)
        return self._views[code]

    def fits(self, name: str) -> bool:
        """Whether a service's name may be that of a frontal chest film; a blank one says nothing."""
        words = {skeleton(word) for word in _WORD.findall(name)}
        return not words or (bool(words & CHEST) and not words & SIDEWAYS)
