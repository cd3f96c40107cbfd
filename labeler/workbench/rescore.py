"""An evaluation kept up to date while rules and gold are edited: only what a change can touch is labelled again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from labeler.evaluate import Outcome, outcome
from labeler.io.gold import Gold, gold_files, read_gold
from labeler.io.sources import BadInput
from labeler.labeler import Labeler
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
        self._typed: Typed | None = None
        self._texts: list[str] = []
        self._by_text: dict[str, Outcome] = {}
        self.relabelled = 0
        self.outcomes = self._score(set())
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
        gold_stays = all(file.match("*.y*ml") for file in self._changed(now))
        self._stamps = now
        rules = RuleSet.load(self._rules)
        if rules.hash != old.rules.hash:
            new = Labeler(rules, old=old)
            gold_stays = gold_stays and new.classes == old.classes
            gold = self.gold if gold_stays else read_gold(self._paths, new.classes)
            touched = self._touched(old, new) if new.classes == old.classes else set(self._texts)
            self.labeler, self.gold = new, gold
            old.forget()
        else:
            self.gold, touched = read_gold(self._paths, old.classes), set()
        self.outcomes = self._score(touched)
        return before

    def prepare(self) -> None:
        """Index the texts, which takes a moment: best while nobody waits."""
        if self._typed is None:
            self._typed = Typed(self._texts)

    def _touched(self, old: Labeler, new: Labeler) -> set[str]:
        self.prepare()
        assert self._typed is not None
        return {self._texts[i] for i in affected(self._typed, old, new)}

    def _score(self, touched: set[str]) -> list[Outcome]:
        known = {text: found for text, found in self._by_text.items() if text not in touched}
        self.relabelled = 0
        out: list[Outcome] = []
        for one in self.gold.reports:
            held = known.get(one.description)
            if held is None:
                self.relabelled += 1
                held = known[one.description] = outcome(one, self.labeler.label(one.description))
            out.append(replace(held, gold=one))
        self._by_text = known
        texts = list(dict.fromkeys(one.description for one in self.gold.reports))
        if texts != self._texts:
            self._texts, self._typed = texts, None
        return out
