"""Labeler: one engine for one report, a stream of them, or a spaCy document.

Each distinct line is analysed once and remembered under its text and its whole context; each distinct report is
put together once.  What callers get is shared between equal reports: it is to be read, not changed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from labeler import explaining
from labeler.combining import Combiner
from labeler.entries import Context, Entry
from labeler.lexicon import Lexicon
from labeler.pipe.anchors import Anchorer
from labeler.pipe.assertion import assert_line
from labeler.pipe.clauses import Clauses
from labeler.pipe.interpolation import Interpolator, Verdict
from labeler.pipe.parts import Match, Part, Parts, serials, without_digits
from labeler.pipe.sections import Line, Splitter, unbroken
from labeler.pipe.tokenizer import Tokenizer
from labeler.report import Explanation, LabeledReport
from labeler.rules import RuleSet
from labeler.spelling import Speller
from labeler.templates import Templates
from labeler.text import Normalized, display, has_any_mark, has_marks, is_unmarked, normalize

if TYPE_CHECKING:
    from spacy.language import Language

MAX_LINES = 200_000  # distinct lines remembered; about 1 KB each
MAX_REPORTS = 50_000  # distinct reports remembered


class Labeler:
    """Labels reports by a rule set.

    >>> labeler = Labeler.from_rules()
    >>> labeler.label("- Tràn dịch màng phổi phải.").labels["pleura"]
    1
    """

    def __init__(self, rules: RuleSet, *, remember: bool = True, old: Labeler | None = None) -> None:
        """Labeler over a rule set; quickly made if it has most phrases in common with that of an `old` one."""
        with uncollected():
            self._build(rules, remember, old)

    def _build(self, rules: RuleSet, remember: bool, old: Labeler | None) -> None:
        self.rules = rules
        self.lexicon: Lexicon = Lexicon.build(rules, None if old is None else old.lexicon)
        self.classes = rules.classes
        self.remember = remember
        self._marked = any(map(has_marks, self.lexicon.vocabulary))
        self.tokenizer: Tokenizer
        if old is not None and self.lexicon.spells_like(old.lexicon):
            self.tokenizer = old.tokenizer
        else:
            self.tokenizer = Tokenizer(Speller(self.lexicon))
            if remember and old is None:
                self.tokenizer.learn(display(word) for word in self.lexicon.vocabulary if word[0].isalpha())
        self.splitter = Splitter(self.lexicon)
        self.parts = Parts(self.lexicon, self.tokenizer, remember)
        self.anchorer = Anchorer(self.lexicon)
        self.interpolator = Interpolator(self.lexicon)
        self._contexts: dict[tuple[str, str | None, bool], Context] = {}
        self._start = tuple(self.context("description", None, unmarked) for unmarked in (False, True))
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._remembered = 0
        self.templates = Templates(self.lexicon, self.parts.digits_in_templates)
        self._combiner = Combiner(rules, self.interpolator, self.templates)
        self._reports: dict[str, LabeledReport] = {}

    @classmethod
    def from_rules(cls, path: str | Path | None = None, *, remember: bool = True) -> Labeler:
        """Labeler over the rule set in a folder (default: the shipped one).

        `remember=False` analyses every line anew.  Raises RuleSetError when the rules cannot be used.
        """
        return cls(RuleSet.load(path), remember=remember)

    def label(self, text: str) -> LabeledReport:
        """Label one report."""
        found = self._reports.get(text)
        if found is not None:
            return found
        report = self._label(text)
        if self.remember:
            if len(self._reports) >= MAX_REPORTS:
                self._reports.clear()
            self._reports[text] = report
        return report

    def label_many(self, texts: Iterable[str]) -> Iterator[LabeledReport]:
        """Label a stream of reports, in order, without holding it."""
        known, label = self._reports.get, self.label
        for text in texts:
            yield known(text) or label(text)

    def explain(self, report: LabeledReport) -> Explanation:
        """Every word behind a report's labels; not kept, as `report.explanation` is."""
        return explaining.explain(self, report)

    def lines(self) -> set[str]:
        """The raw lines that are remembered."""
        return {raw for context in self._contexts.values() for raw in context.memo}

    def take_over(self, old: Labeler, touched: Iterable[str]) -> None:
        """Remember what another labeler made of lines, but for those that this one may read otherwise.

        The other one keeps nothing, so that it is freed.
        """
        self._contexts, self._start, self._remembered = old._contexts, old._start, old._remembered
        touched = set(touched)
        blind = set(map(without_digits, touched))
        for context in self._contexts.values():
            for memo, dropped in ((context.memo, touched), (context.blind, blind)):
                for raw in memo.keys() & dropped:
                    del memo[raw]
        old._contexts = {}
        old.forget()

    def forget(self) -> None:
        """Drop all that was remembered of lines and reports, and with it what would keep this labeler from being freed."""
        self._reports.clear()
        self._verdicts.clear()
        self._forget()

    @cached_property
    def nlp(self) -> Language:
        """The same engine as a spaCy `Language` of registered components."""
        from labeler.spacy_components import build

        return build(self)

    # one report

    def _label(self, text: str) -> LabeledReport:
        return self._combiner.combine(text, self._read(text), self)

    def combine(self, text: str, entries: list[Entry]) -> LabeledReport:
        """Put a report together from what its lines contribute."""
        return self._combiner.combine(text, entries, self)

    def template_report(self, text: str) -> LabeledReport | None:
        """The report of a text that equals a no-finding template as a whole, else None."""
        return self._combiner.template_report(text, self._read(text), self)

    def unmarked(self, text: str) -> bool:
        """Whether a raw text was typed wholly without Vietnamese marks."""
        return self._marked and not has_any_mark(text) and is_unmarked(normalize(text).text)

    def _read(self, text: str) -> list[Entry]:
        unmarked = self.unmarked(text)
        entries = self._known(text, unmarked)
        return entries if entries is not None else self._entries(self.splitter.groups(text), unmarked)

    def _known(self, text: str, unmarked: bool) -> list[Entry] | None:
        """The entries of a text in which each line has a bullet of its own, so that there is nothing to join."""
        context = self._start[unmarked]
        out: list[Entry] = []
        for raw in text.split("\n"):
            entry = context.memo.get(raw)
            if entry is None:
                if not raw or not self.splitter.opens(raw):
                    return None
                entry = self._entry(raw, context)
            elif not entry.bullet:
                return None
            out.append(entry)
            context = entry.after
        return out

    def _entries(self, groups: list[tuple[int, str]], unmarked: bool) -> list[Entry]:
        context = self._start[unmarked]
        out: list[Entry] = []
        for _, raw in groups:
            entry = context.memo.get(raw)
            if entry is None:
                entry = self._entry(raw, context)
            out.append(entry)
            context = entry.after
        return out

    def _entry(self, raw: str, context: Context) -> Entry:
        """A line that was not met before in this context, unless one was that differs in numbers which mean nothing."""
        plain = self.splitter.plain(raw)
        blind = raw if plain is not None else without_digits(raw)
        if blind != raw and self.remember:
            entry = context.blind.get(blind)
            if entry is not None:
                return entry
        section, topic = context.section, context.topic
        entry = Entry()
        sensitive = False
        for line in self.items(normalize(unbroken(raw))) if plain is None else (plain,):
            parts = self.parts.of(line.text, context.unmarked)
            verdict = self._verdict(parts, section, topic)
            self.add(entry, line, verdict, parts)
            section, topic = verdict.section, verdict.topic
            sensitive = sensitive or any(part.digits for part in parts)
        entry.after = self.context(section, topic, context.unmarked)
        if self.remember:
            self._remembered += 1
            if self._remembered >= MAX_LINES:
                self._forget()
            context.memo[raw] = entry
            if blind != raw and not sensitive:
                context.blind[blind] = entry
        return entry

    def items(self, normalized: Normalized) -> list[Line]:
        """The items of a normalised raw line."""
        return self.splitter.split(normalized.text)

    def _verdict(self, parts: list[Part], section: str, topic: str | None) -> Verdict:
        """The verdict on a line, known already where it says what another one said."""
        alike = serials(parts)
        if alike is None:
            return self._reached(parts, section, topic)
        key = (section, topic, *alike)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._reached(parts, section, topic)
            if self.remember:
                if len(self._verdicts) >= MAX_LINES:
                    self._verdicts.clear()
                self._verdicts[key] = verdict
        return verdict

    def _reached(self, parts: list[Part], section: str, topic: str | None) -> Verdict:
        clauses, match = self.clauses(parts, topic)
        return self.interpolator.verdict(clauses, assert_line(clauses, section), match.doubt, section)

    def add(self, entry: Entry, line: Line, verdict: Verdict, parts: list[Part]) -> None:
        """Add one item to what its raw line contributes."""
        if not entry.key:
            entry.bullet = line.bullet
        entry.add(verdict, self.templates.words(entry, parts))
        entry.in_template = entry.key in self.templates.lines

    def context(self, section: str, topic: str | None, unmarked: bool) -> Context:
        key = (section, topic, unmarked)
        found = self._contexts.get(key)
        if found is None:
            found = self._contexts[key] = Context(*key)
        return found

    def _forget(self) -> None:
        self._remembered = 0
        for context in self._contexts.values():
            context.memo.clear()
            context.blind.clear()

    def clauses(self, parts: list[Part], topic: str | None) -> tuple[Clauses, Match]:
        """A line of these parts, with the structures its signs are said of; `topic` is what a heading before it named."""
        match = self.parts.join(parts)
        clauses = Clauses(match.items)
        self.anchorer.anchor(clauses, match, self.lexicon.structures[topic] if topic is not None else None)
        return clauses, match


@contextmanager
def uncollected() -> Iterator[None]:
    """For what lives long, as rules do: the collector need not walk it, neither while it is made nor later."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
