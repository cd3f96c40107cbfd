"""Labeler: one engine for one report, a stream of them, or a spaCy document.

Each distinct line is analysed once and remembered under its text and its whole context; each distinct report is
put together once.  What callers get is shared between equal reports: it is to be read, not changed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from labeler import explaining
from labeler.compiler import template_key
from labeler.lexicon import Lexicon
from labeler.pipe.anchors import Anchorer
from labeler.pipe.assertion import ASKS, OPEN_COURSE, SECTIONS_ABOUT_THE_FILM, assert_line
from labeler.pipe.clauses import Clauses
from labeler.pipe.interpolation import COLLAPSED_LUNG, FLAG, Interpolator, Said, Verdict
from labeler.pipe.parts import Match, Part, Parts, serials, without_digits
from labeler.pipe.sections import Line, Splitter, unbroken
from labeler.pipe.tokenizer import Tokenizer
from labeler.report import AUTO, REVIEW, Explanation, LabeledReport
from labeler.rules import RuleSet
from labeler.spelling import Reading, Speller
from labeler.text import Normalized, display, has_any_mark, has_digit, has_marks, is_unmarked, normalize

if TYPE_CHECKING:
    from spacy.language import Language

MAX_LINES = 200_000  # distinct lines remembered; about 1 KB each
MAX_REPORTS = 50_000  # distinct reports remembered
NOT_FOR_REVIEW = frozenset({"not_assessable"})  # reasons that a person could not settle either

_TELLS = attrgetter("tells")
NO_TEMPLATE = "<not in a template>"
_IN_NO_TEMPLATE = frozenset({"?", "(+)", "(-)", "(±)", "(?)", "(+-)"})


class Context:
    """What a line is read in: the section, the structure named by a heading line, and whether marks are missing.

    Contexts remember the lines met in them, so that a report is a walk from context to context.
    """

    __slots__ = ("section", "topic", "unmarked", "memo", "blind")

    def __init__(self, section: str, topic: str | None, unmarked: bool) -> None:
        self.section, self.topic, self.unmarked = section, topic, unmarked
        self.memo: dict[str, Entry] = {}
        self.blind: dict[str, Entry] = {}  # by the line without its digits, where they mean nothing


class Entry:
    """What a raw line contributes to labels, and the context it leaves to the next."""

    __slots__ = (
        "definite", "uncertain", "present", "absent", "findings", "denied", "reasons", "conclusion_normal", "ends_in_past",
        "tells", "key", "in_template", "bullet", "after", "loud",
    )  # fmt: skip
    after: Context

    def __init__(self) -> None:
        self.definite = self.uncertain = 0
        self.present: frozenset[Said] = frozenset()
        self.absent: frozenset[Said] = frozenset()
        self.findings: frozenset[str] = frozenset()
        self.denied: frozenset[str] = frozenset()
        self.reasons: frozenset[str] = frozenset()
        self.conclusion_normal = 0  # regions
        self.ends_in_past = self.tells = self.in_template = self.bullet = False
        self.loud = False  # says anything but that something is normal or absent
        self.key = ""

    def add(self, verdict: Verdict, words: str) -> None:
        """Take in one item of the line."""
        if self.key:
            self.definite |= verdict.definite
            self.uncertain |= verdict.uncertain
            self.present |= verdict.present
            self.absent |= verdict.absent
            self.findings |= verdict.findings
            self.denied |= verdict.denied
            self.reasons |= verdict.reasons
            self.conclusion_normal |= verdict.conclusion_normal
            self.ends_in_past = verdict.historical
            self.tells = self.tells or verdict.tells
            self.key = f"{self.key} {words}"
        else:
            (
                self.definite, self.uncertain, self.present, self.absent, self.findings, self.denied, self.reasons,
                self.conclusion_normal, self.ends_in_past, self.tells, _, _,
            ) = verdict  # fmt: skip
            self.key = words
        self.loud = bool(self.present or self.reasons or self.conclusion_normal or self.ends_in_past)


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
        self.template_lines = _template_lines(self.lexicon)
        self._template_openings = {line.split(" ", 1)[0] for line in self.template_lines}
        self._reports: dict[str, LabeledReport] = {}
        self._regions = [(name, self.interpolator.bits[name]) for name in rules.regions if name != "other"]
        self._patterns: dict[tuple[int, int], tuple[dict[str, int], tuple[str, ...]]] = {}

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
        return self.combine(text, self._read(text))

    def combine(self, text: str, entries: list[Entry]) -> LabeledReport:
        """Put a report together from what its lines contribute."""
        template = self._template_of(entries)
        if template is not None:
            return self._from_template(text, template)
        loud = [entry for entry in entries if entry.loud]
        if not loud:
            if not any(map(_TELLS, entries)):  # no text, an empty form, "không thay đổi so với phim cũ"
                return LabeledReport(text, dict.fromkeys(self.classes, 0), REVIEW, "rules", (), ("empty",), None, self)
            return LabeledReport(text, dict.fromkeys(self.classes, 0), AUTO, "rules", (), (), None, self)
        definite = uncertain = 0
        conclusion_normal = 0
        reasons: frozenset[str] = frozenset()
        present: frozenset[Said] = frozenset()
        names: frozenset[str] = frozenset()
        for entry in loud:
            definite |= entry.definite
            uncertain |= entry.uncertain
            if entry.reasons:
                reasons |= entry.reasons
            if entry.present:
                present = present | entry.present if present else entry.present
                names = names | entry.findings if names else entry.findings
            conclusion_normal |= entry.conclusion_normal
        if reasons:
            reasons = self._settled(reasons, entries, names, present, conclusion_normal)
        if present:
            if conclusion_normal and self.interpolator.disagrees(names, conclusion_normal):
                reasons |= {"conclusion_disagrees"}
            for entry in entries:
                if entry.denied and not names.isdisjoint(entry.denied) and _contradict(present, entry.absent):
                    reasons |= {"contradiction"}
                    break
        if entries[-1].ends_in_past and entries[-1].after.section not in SECTIONS_ABOUT_THE_FILM:
            reasons |= {"open_section"}
        labels, unsure = self._classes(definite, uncertain)
        status = REVIEW if reasons and not reasons <= NOT_FOR_REVIEW else AUTO
        return LabeledReport(text, labels, status, "rules", unsure, tuple(sorted(reasons)), None, self, names)

    def _settled(
        self, reasons: frozenset[str], entries: list[Entry], names: frozenset[str], present: frozenset[Said],
        conclusion_normal: int,
    ) -> frozenset[str]:  # fmt: skip
        """Reasons of a report: what a line leaves open may be settled by the others."""
        if COLLAPSED_LUNG in reasons:
            reasons -= {COLLAPSED_LUNG}
            if self.interpolator.fills_with_air(present):
                reasons |= {"ambiguous_scope"}
        if FLAG in reasons:
            reasons -= {FLAG}
            if len(names) == 1:
                reasons |= {"unspecified"}
        if ASKS in reasons:
            reasons -= {ASKS}
            if _only_asked(entries):
                reasons |= {"unclear_indication"}
        if OPEN_COURSE in reasons:
            reasons -= {OPEN_COURSE}
            if not any(map(_TELLS, entries)):
                reasons |= {"empty"}
            elif conclusion_normal != self.interpolator.everywhere and _left_open(entries):
                reasons |= {"unclear_time"}
        return reasons

    def template_report(self, text: str) -> LabeledReport | None:
        """The report of a text that equals a no-finding template as a whole, else None."""
        template = self._template_of(self._read(text))
        return None if template is None else self._from_template(text, template)

    def _template_of(self, entries: list[Entry]) -> str | None:
        """Id of the template that these lines make together."""
        if not entries:
            return None
        for entry in entries:
            if not entry.in_template:
                return None
        return self.lexicon.templates.get(" ".join(entry.key for entry in entries))

    def _from_template(self, text: str, template: str) -> LabeledReport:
        return LabeledReport(text, dict.fromkeys(self.classes, 0), AUTO, "template", (), (), template, self)

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
        words = NO_TEMPLATE
        tokens = parts[0].tokens
        if entry.key != NO_TEMPLATE and tokens and (entry.key or tokens[0].key in self._template_openings):
            words = template_words([token for part in parts for token in part.tokens])
            if not self.parts.digits_in_templates and has_digit(words):
                words = NO_TEMPLATE
        entry.add(verdict, words)
        entry.in_template = entry.key in self.template_lines

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

    def _classes(self, definite: int, uncertain: int) -> tuple[dict[str, int], tuple[str, ...]]:
        found = self._patterns.get((definite, uncertain))
        if found is None:
            seen = definite | uncertain
            labels = {name: int(bool(seen & bit)) for name, bit in self._regions}
            labels["abnormal"] = int(bool(seen))
            unsure = [name for name, bit in self._regions if uncertain & bit and not definite & bit]
            if uncertain and not definite:
                unsure.append("abnormal")
            found = self._patterns[definite, uncertain] = (labels, tuple(unsure))
        return dict(found[0]), found[1]


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


def _left_open(entries: list[Entry]) -> bool:
    """Whether only the course is told of what was on an older film: "Phim cũ: nốt mờ đỉnh", and below "Phim nay: như cũ"."""
    told = past = False
    for entry in entries:
        opens = OPEN_COURSE in entry.reasons
        if entry.present:
            told, past = True, False
        elif entry.ends_in_past and not opens:
            told, past = False, True
        if opens and (past or (entry.ends_in_past and not told)):
            return True
    return False


def _only_asked(entries: list[Entry]) -> bool:
    """Whether a report opens with a bare diagnosis of a region that no line below calls ill."""
    first = next(entry for entry in entries if entry.tells or entry.loud)
    if ASKS not in first.reasons:
        return False
    below = [entry for entry in entries if entry is not first]
    return any(map(_TELLS, below)) and not any(
        (entry.definite | entry.uncertain) & (first.definite | first.uncertain) for entry in below
    )


def _contradict(present: frozenset[Said], absent: frozenset[Said]) -> bool:
    """Whether the same finding is both there and not, on the same side as far as the text says."""
    sided = {finding for finding, side in present if side is not None}
    return any(
        p[0] == a[0] and {p[1], a[1]} != {"left", "right"} and not (p[1] is None and a[1] is not None and p[0] in sided)
        for p in present
        for a in absent
    )


def template_words(tokens: list[Reading]) -> str:
    """The words and numbers of a line, as templates are compared; a question or a result is in no template."""
    words: list[str] = []
    for reading in tokens:
        if reading.word:
            words.append(reading.key)
        elif reading.key in _IN_NO_TEMPLATE:
            return NO_TEMPLATE
    return " ".join(words)


def _template_lines(lexicon: Lexicon) -> frozenset[str]:
    """Every run of words that begins or ends where a template's own lines do: what a line of a template can be."""
    out: set[str] = set()
    for located in lexicon.rules.all("templates"):
        lines = [template_key(line) for line in located.entry.text.split("\n")]
        lines = [line for line in lines if line]
        for i in range(len(lines)):
            out.update(" ".join(lines[i:j]) for j in range(i + 1, len(lines) + 1))
    return frozenset(out)
