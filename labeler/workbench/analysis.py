"""What is wrong with a rule set as a whole, though each of its entries is sound.

Every phrase is read by the engine itself in the barest sentence that should show it: a phrase that never decides
there never will.  So a warning is a fact about the set, with the rule that takes the words instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from labeler.explaining import Reading
from labeler.meanings import Unit
from labeler.patterns import ANY_NUMBER, ANY_VERTEBRA, Words, words_of
from labeler.report import ASSERTED
from labeler.rules import Problem, RuleKey
from labeler.text import display, normalize
from labeler.workbench.catalog import PATTERNED, Catalog, Rule
from labeler.workbench.reading import Reader

TRIED = 60  # sentences read before a phrase counts as one that never fires
SAMPLES = {ANY_NUMBER: "3", ANY_VERTEBRA: "D8"}


@dataclass
class Findings:
    """Warnings are defects; notes are what may well be meant, and is worth knowing."""

    warnings: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)


def analyse(catalog: Catalog) -> Findings:
    """Everything found, in the order of files and lines."""
    found = _Analysis(catalog).run()
    for problems in (found.warnings, found.notes):
        problems[:] = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line, p.column))
    return found


class _Analysis:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.lexicon = catalog.labeler.lexicon
        self.out = Findings()
        self._hits: Reader[list[tuple[RuleKey, str | None, str]]] = Reader(catalog.labeler, self._look)
        self._names: dict[str, list[Words]] = {}
        self._below: dict[str, list[str]] = {}
        for unit in self.lexicon.units():
            if unit.structure is not None:
                self._names.setdefault(unit.structure.id, []).append(unit.words)
        for structure in self.lexicon.structures.values():
            for above in structure.lineage:
                self._below.setdefault(above, []).append(structure.id)

    def run(self) -> Findings:
        silent = self._silent()
        self._repeated()
        self._two_parts(silent)
        self._templates()
        self._inside()
        self._without_effect()
        return self.out

    def _warn(self, rule: Rule, message: str) -> None:
        self.out.warnings.append(Problem(rule.file, rule.line, rule.column, message))

    def _by(self, key: RuleKey) -> str:
        """A rule as a message names it."""
        rule = self.catalog.rules[key]
        return f"{rule.id} at {rule.place}"

    # phrases that never decide

    def _silent(self) -> set[RuleKey]:
        """Phrases of findings, normal statements, cues and headings that no sentence brings to speak."""
        silent: set[RuleKey] = set()
        for rule in self.catalog.rules.values():
            if rule.kind in ("findings", "normal"):
                speaks = any(rule.key in self._fired(s) for s in islice(self._sentences(rule), TRIED))
            elif rule.kind in ("cues", "headings"):
                speaks = any(rule.key in self._matched(words) for words in islice(self.catalog.words(rule), TRIED))
            else:
                continue
            if not speaks:
                silent.add(rule.key)
                self._warn(rule, self._taken(rule))
        return silent

    def _fired(self, sentence: str) -> set[RuleKey]:
        return {key for hits in self._hits.read(sentence) for key, _, _ in hits}

    def _matched(self, words: Words) -> set[RuleKey]:
        items = self.catalog.labeler.parts.match(_written(words)).items
        return {key for item in items if item.unit is not None for key in self.catalog.behind(item.unit)}

    def _sentences(self, rule: Rule) -> Iterator[str]:
        """The barest sentences that should show a phrase: alone, or beside each structure that it is said of."""
        for words in self.catalog.words(rule):
            unit = self.lexicon.find(words)
            if unit is None:
                continue
            said = _written(words)
            if unit.alone is not None and unit.alone.rule == rule.key:
                yield f"{said} {unit.above * 1.1:.2f}." if unit.above is not None else f"{said}."
            for name in (name for name, sense in unit.beside.items() if sense.rule == rule.key):
                for structure in self._below.get(name, ()):
                    for other in self._names.get(structure, ())[:2]:
                        yield f"{_written(other)} {said}."
                        yield f"{said} {_written(other)}."

    def _taken(self, rule: Rule) -> str:
        """What becomes of the words of a phrase that never decides."""
        words = next(iter(self.catalog.words(rule)))
        said = _written(words)
        hits = [hit for found in self._hits.read(f"{said}.") for hit in found]
        own = rule.id if rule.kind == "findings" else None
        for key, finding, _ in hits:
            if rule.kind in ("findings", "normal") and finding == own:
                return f"{said!r} says nothing new: {self._by(key)} says it already; take it out"
        items = self.catalog.labeler.parts.match(said).items
        parts = [(i.unit.text, min(self.catalog.behind(i.unit) - {rule.key}, default=None)) for i in items if i.unit]
        read = " and ".join(f"{text!r} ({self._by(key)})" for text, key in parts if key is not None)
        return f"{said!r} can never fire: it is read as {read or 'nothing'}; take it out of one of them"

    def _repeated(self) -> None:
        """Words, structures and headings that stand in another phrase of their kind as well."""
        first: dict[tuple[str, Words], Rule] = {}
        rules = [rule for rule in self.catalog.rules.values() if rule.kind in ("words", "anatomy", "headings")]
        neutral = {r.key for r in rules if getattr(self.catalog.entry(r).entry, "role", None) == "neutral"}
        for rule in sorted(rules, key=lambda r: r.key in neutral):  # any other role goes before neutral
            for words in self.catalog.words(rule):
                first.setdefault((rule.kind, words), rule)
        telling = {rule.key for rule in first.values()}
        for rule in rules:
            if rule.key not in telling:
                others = dict.fromkeys(first[rule.kind, words].key for words in self.catalog.words(rule))
                said = _written(self.catalog.words(rule)[0])
                self._warn(
                    rule, f"{said!r} says nothing new: {self._by(next(iter(others)))} says it already; take it out"
                )

    def _two_parts(self, silent: set[RuleKey]) -> None:
        """Words given two parts of which only one is ever played."""
        found: dict[tuple[RuleKey, str, RuleKey, str], list[str]] = {}
        for unit in self.lexicon.units():
            alone = unit.alone
            if unit.cue is not None and alone is not None and alone.finding and alone.rule not in silent:
                what = (alone.rule, alone.finding, unit.cue.rule, "cue")
                found.setdefault(what, []).append(unit.text)
            if unit.structure is None or unit.above is not None or not (unit.is_sign or unit.cue is not None):
                continue
            sign = next((sense for sense in (unit.alone, *unit.beside.values()) if sense is not None), None)
            other, part = (unit.cue.rule, "cue") if unit.cue is not None else (sign.rule, "sign")  # type: ignore[union-attr]
            for key in self.catalog.behind(unit):
                if self.catalog.rules[key].kind == "anatomy":
                    what = (key, f"the structure {unit.structure.id}", other, part)
                    found.setdefault(what, []).append(unit.text)
        for (key, here, other, part), texts in found.items():
            more = f" (and {len(texts) - 1} more)" if len(texts) > 1 else ""
            message = f"{texts[0]!r}{more} is {here} here, but is always read as the {part} {self._by(other)}"
            self._warn(self.catalog.rules[key], f"{message}; keep it in one of them")

    # normal texts against findings

    def _templates(self) -> None:
        """Templates in which the rules see a finding."""
        for rule in self.catalog.rules.values():
            if rule.kind == "templates":
                text = self.catalog.entry(rule).entry.text
                for hits in self._hits.read(text):
                    for key, finding, assertion in hits:
                        if finding and assertion in ASSERTED:
                            message = f"the template means no finding, but {self._by(key)} reads {finding} in it as {assertion}"
                            self._warn(rule, message)

    def _inside(self) -> None:
        """Findings whose words are part of a longer phrase that means none, which silences them there."""
        seen: Counter[tuple[RuleKey, RuleKey]] = Counter()
        for unit in self.lexicon.units():
            if len(unit.words) < 2 or unit.says_finding or unit.cue is not None or unit.section is not None:
                continue
            for inner in self._findings_in(unit.words):
                assert inner.alone is not None and inner.alone.finding is not None
                for key in self.catalog.behind(unit):
                    rule = self.catalog.rules[key]
                    seen[key, inner.alone.rule] += 1
                    if seen[key, inner.alone.rule] > 1:
                        continue
                    message = f"{unit.text!r} silences {inner.text!r} ({self._by(inner.alone.rule)}) within it"
                    problem = Problem(rule.file, rule.line, rule.column, message)
                    plain = rule.kind == "normal" and not self._denies(unit.words)
                    if plain and not self._shown(rule, inner):
                        problem = Problem(
                            rule.file,
                            rule.line,
                            rule.column,
                            f"{message}; if that is meant, add an example that shows it",
                        )
                        self.out.warnings.append(problem)
                    else:
                        self.out.notes.append(problem)

    def _findings_in(self, words: Words) -> Iterator[Unit]:
        for i in range(len(words)):
            for j in range(len(words), i, -1):
                inner = self.lexicon.find(words[i:j]) if j - i < len(words) else None
                if inner is not None and inner.cue is None and inner.alone is not None:
                    if inner.alone.finding is not None and not inner.alone.generic:
                        yield inner
                    break

    def _denies(self, words: Words) -> bool:
        """Whether a phrase holds a negation of its own, so that nothing present can be lost in it."""
        spans = (words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1))
        cues = (unit.cue for span in spans if (unit := self.lexicon.find(span)) is not None)
        return any(cue is not None and cue.assertion == "absent" and cue.scope != "before" for cue in cues)

    def _shown(self, rule: Rule, inner: Unit) -> bool:
        """Whether an example of the normal statement, or a counterexample of the finding, holds the words."""
        assert inner.alone is not None
        finding = self.catalog.rules[inner.alone.rule]
        texts = (*self.catalog.entry(rule).entry.examples, *self.catalog.entry(finding).entry.not_examples)
        return any(_holds(words_of(normalize(text).text), inner.words) for text in texts)

    # entries that nothing comes of

    def _without_effect(self) -> None:
        rules = self.catalog.ruleset
        for located in (located for kind in PATTERNED for located in rules.all(kind)):
            for i, pattern in enumerate(located.entry.phrases):
                if pattern in located.entry.phrases[:i]:
                    self._add(located.problem(f"{pattern!r} stands in this list twice; take one out", "phrases", i))
        used = {located.entry.region for located in rules.all("findings")}
        for located in rules.all("regions"):
            if located.entry.id not in used and located.entry.id != "other":
                self._add(located.problem("no finding is of this region: its class is always 0", "id"))
        for located in rules.all("findings"):
            if not located.entry.phrases and located.entry.measure is None:
                self._add(located.problem("can never fire: it has no phrases", "id"))
        known = {word for unit in self.lexicon.units() for word in unit.words}
        for located in rules.all("abbreviations"):
            for i, meaning in enumerate(located.entry.means):
                unknown = [display(word) for word in words_of(meaning) if word not in known]
                if unknown:
                    message = f"no phrase holds {unknown[0]!r}, so that the short form means nothing either"
                    self._add(located.problem(message, "means", i))
        for located in rules.all("confusable"):
            for i, word in enumerate(located.entry.words):
                if not any(key in known for key in words_of(word)):
                    self._add(
                        located.problem(f"no phrase holds {word!r}: nothing is ever repaired into it", "words", i)
                    )

    def _look(self, reading: Reading) -> list[tuple[RuleKey, str | None, str]]:
        """Rule, finding and assertion of each hit."""
        hits = self.catalog.labeler.interpolator.attribution.hits(reading.clauses)
        return [(hit.sense.rule, hit.sense.finding, hit.assertion) for _, hit in hits]

    def _add(self, problem: Problem) -> None:
        self.out.warnings.append(problem)


def _written(words: Words) -> str:
    """Words as one would write them, with a number where any will do."""
    return " ".join(SAMPLES.get(word) or display(word) for word in words)


def _holds(words: Words, part: Words) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))
