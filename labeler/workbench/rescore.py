"""An evaluation kept up to date while rules and gold are edited: only what a change can touch is read again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from labeler.evaluate import Outcome, outcomes
from labeler.io.gold import Gold, gold_files, read_gold
from labeler.io.refusals import BadInput
from labeler.labeler import Labeler, uncollected
from labeler.rules import RuleSet
from labeler.workbench.affected import Typed, affected

Stamp = tuple[int, int]  # modification time in ns, and size


class Rescorer:
    """Outcomes of gold reports under a rule set on disk.

    `update` reads what was saved since; it raises RuleSetError or BadInput when that cannot be used, and what was
    known before then stays.
    """

    def __init__(self, gold: tuple[str, ...], rules: str | None) -> None:
        self._paths, self._rules = gold, rules
        self.labeler = Labeler.from_rules(rules)
        self.gold: Gold = read_gold(gold, self.labeler.classes)
        self._gold_saved = False  # since it was last read
        self._typed = Typed(())
        self.reread = 0  # lines that were read for the last update
        self.outcomes = outcomes(self.labeler, self.gold.reports)
        self._stamps = self.stamps()

    def stamps(self) -> dict[Path, Stamp]:
        """When each rule and gold file was last saved."""
        out: dict[Path, Stamp] = {}
        for file in self._files():
            try:
                status = os.stat(file)  # noqa: PTH116 (a path object would cost as much as the call)
            except OSError:
                continue
            out[file] = status.st_mtime_ns, status.st_size
        return out

    def _files(self) -> Iterator[Path]:
        for folder in self.labeler.rules.folders:
            yield from folder.glob("*.y*ml")
        for paths in [(path,) for path in self._paths] if self._paths else [()]:
            with contextlib.suppress(BadInput):  # away for a moment, as when it is saved anew
                yield from (file for file, _ in gold_files(paths))

    def saved(self) -> list[Path]:
        """Files that were saved, made or removed since the last `update`."""
        return sorted(self._changed(self.stamps()))

    def _changed(self, now: dict[Path, Stamp]) -> Iterator[Path]:
        return (file for file in now.keys() | self._stamps.keys() if now.get(file) != self._stamps.get(file))

    def update(self) -> list[Outcome]:
        """Take in what was saved, and give the outcomes as they were before."""
        before, old = self.outcomes, self.labeler
        now = self.stamps()
        # Remembered until it is read: while the rules are broken, it is not.
        self._gold_saved |= any(not file.match("*.y*ml") for file in self._changed(now))
        self._stamps = now
        rules = RuleSet.load(self._rules)
        if rules.hash != old.rules.hash:
            new = Labeler(rules, old=old)
            gold = read_gold(self._paths, new.classes) if self._gold_saved or new.classes != old.classes else self.gold
            self.prepare()
            new.take_over(old, affected(self._typed, old, new))
            self.labeler, self.gold = new, gold
        else:
            self.gold = read_gold(self._paths, old.classes)
        self._gold_saved = False
        known = self.labeler.lines()
        with uncollected():
            self.outcomes = outcomes(self.labeler, self.gold.reports)
        self.reread = len(self.labeler.lines() - known)
        return before

    def prepare(self) -> None:
        """Index the lines, which takes a moment: best while nobody waits."""
        lines = self.labeler.lines()
        if not lines.issubset(self._typed.lines):
            self._typed = Typed(lines)
