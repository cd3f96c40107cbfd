"""The lexicon: a rule set compiled into one trie over syllables, from phrases to what they mean.

A phrase (`Unit`) may be several things at once: a finding of its own, a sign that becomes a finding beside some
structure, a structure, a normal descriptor, a cue, a heading, a side, or neutral vocabulary.  Everything a report can
say is looked up in the trie, exactly or through the repairs of `labeler.spelling`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from labeler.compiler import Compiler
from labeler.meanings import NOTHING, Claim, Unit
from labeler.patterns import Words
from labeler.rules import Problem, RuleSet, RuleSetError

LEAF = ""  # key of a trie node under which its Unit stands
Node = dict[str, Any]


class Lexicon:
    """Compiled phrases of a rule set.  What does not fit together is in `problems`.

    Made out of an older lexicon, it shares with it every phrase that means the same, at the price of the others alone.
    """

    def __init__(self, rules: RuleSet, old: Lexicon | None = None) -> None:
        compiler = Compiler(rules)
        self.rules = rules
        self.structures, self.findings = compiler.structures, compiler.findings
        self.templates, self.abbreviations = compiler.templates, compiler.abbreviations
        self.confusable = compiler.confusable
        self.vocabulary, self.follows = compiler.vocabulary, compiler.follows
        self.around_digits = compiler.around_digits
        self.expansion = compiler.expansion
        self.problems: list[Problem] = compiler.problems
        self.claims = {claim.key: claim for claim in compiler.claims}
        self.by_words: dict[Words, Unit] = {}
        self.trie: Node = {}
        self._glued: set[Words] = set()  # phrases that are better read as a structure and its sign
        if old is None:
            self._read(None)
            self._settle(list(self.by_words.values()))
            for unit in self.by_words.values():
                self._plant(unit)
        else:
            self._revise(old)

    @classmethod
    def build(cls, rules: RuleSet, old: Lexicon | None = None) -> Lexicon:
        """Compile, or raise RuleSetError with everything that does not fit."""
        lexicon = cls(rules, old)
        if lexicon.problems:
            raise RuleSetError(lexicon.problems)
        return lexicon

    def find(self, words: Words) -> Unit | None:
        """The unit of exactly these words."""
        return self.by_words.get(words)

    def units(self) -> Iterable[Unit]:
        """All units."""
        return self.by_words.values()

    def spells_like(self, other: Lexicon) -> bool:
        """Whether single words read alike in both."""
        return (
            self.vocabulary == other.vocabulary
            and self.follows == other.follows
            and self.abbreviations == other.abbreviations
            and self.confusable == other.confusable
            and self.rules.info.language == other.rules.info.language
        )

    def opens(self, words: Words) -> bool:
        """Whether some phrase begins with these words."""
        node: Node | None = self.trie
        for word in words:
            node = node.get(word) if node is not None else None
        return node is not None

    # from claims to units

    def _read(self, only: Collection[Words] | None) -> None:
        """Make the units of all phrases that are claimed, or of some."""
        units = self.by_words
        for claim in self.claims.values():
            part, meaning = claim.part, claim.meaning
            phrases: Iterable[Words] = claim.phrases.phrases
            if only is not None:
                phrases = [words for words in phrases if words in only]
            for words in phrases:
                unit = units.get(words)
                if unit is None:
                    unit = units[words] = Unit(words)
                held = getattr(unit, part)
                if held is None or held is NOTHING:
                    setattr(unit, part, meaning)
                elif held != meaning:
                    self._join(unit, held, claim)

    def _join(self, unit: Unit, held: Any, claim: Claim) -> None:
        """Add to a part of a unit that is there already.  Two meanings of one part contradict each other."""
        part, meaning = claim.part, claim.meaning
        if part == "alone":
            self._must_agree(unit, "", held, claim, meaning)
        elif part == "beside":
            for name in meaning.keys() & held.keys():
                self._must_agree(unit, f" said of {name!r}", held[name], claim, meaning[name])
            unit.beside = {**meaning, **held}
        elif part == "role" and "neutral" in (held, meaning):
            unit.role = meaning if held == "neutral" else held
        elif part != "cue" or (held.assertion, held.scope) != (meaning.assertion, meaning.scope):
            says = getattr(held, "id", held), getattr(meaning, "id", meaning)
            message = f"{unit.text!r} is already {part} {says[0]!r} and cannot be {says[1]!r} too: keep it in one place"
            self.problems.append(claim.located.problem(message, *claim.path))

    def _must_agree(self, unit: Unit, of: str, held: Any, claim: Claim, sense: Any) -> None:
        if held.finding != sense.finding:
            a, b = held.finding or "normal", sense.finding or "normal"
            where = self.rules.where(held.rule)
            message = f"two meanings: {unit.text!r}{of} is {a!r} ({where}) and here {b!r}; keep it in one of them"
            self.problems.append(replace(claim.located.problem(message, *claim.path), other=where))

    def _settle(self, units: Iterable[Unit]) -> None:
        """What units mean in the light of others."""
        glued = [unit for unit in units if self._is_glued(unit)]
        self._glued.update(unit.words for unit in glued)
        for unit in units:
            normal = unit.alone is not None and unit.alone.finding is None and unit.cue is None
            if normal or (unit.cue is not None and unit.cue.assertion == "uncertain"):
                unit.denies = any(self._is_denial(unit.words[:i]) for i in range(1, len(unit.words)))
        for unit in glued:
            unit.alone = None
            if unit.structure is None and unit.cue is None and unit.role is None:
                del self.by_words[unit.words]

    def _is_glued(self, unit: Unit) -> bool:
        """Whether it only puts a sign after its structure ("tim to"): apart they can be denied, sided, shared."""
        alone = unit.alone
        if alone is None or alone.finding is None or unit.above is not None or unit.beside:
            return False
        for cut in range(1, len(unit.words)):
            structure, sign = self.find(unit.words[:cut]), self.find(unit.words[cut:])
            if structure is None or structure.structure is None or sign is None or sign.cue is not None:
                continue
            if structure.is_sign or structure.words in self._glued:
                continue
            sense = sign.sense_for(structure.structure)
            if sense is not None and sense.finding == alone.finding:
                return True
        return False

    def _is_denial(self, words: Words) -> bool:
        unit = self.find(words)
        return (
            unit is not None
            and unit.cue is not None
            and unit.cue.assertion == "absent"
            and unit.cue.scope in ("list", "next")
        )

    def _plant(self, unit: Unit) -> None:
        node = self.trie
        for word in unit.words:
            below = node.get(word)
            if below is None:
                below = node[word] = {}
            node = below
        node[LEAF] = unit

    # from an older lexicon

    def _revise(self, old: Lexicon) -> None:
        changed = [self.claims[key] for key in self.claims.keys() - old.claims.keys()]
        changed += [old.claims[key] for key in old.claims.keys() - self.claims.keys()]
        touched = {words for claim in changed for words in claim.phrases.phrases}
        touched |= set(_made_of(touched, (*old.by_words, *old._glued)))
        self.by_words = {**old.by_words}
        for words in touched:
            self.by_words.pop(words, None)
        self._glued = old._glued - touched
        self._read(touched)
        self._settle([unit for words in touched if (unit := self.find(words)) is not None])
        self.trie = {**old.trie}
        own = {id(self.trie)}
        for words in touched:
            unit, before = self.find(words), old.find(words)
            if unit is not None and before is not None and unit.parts == before.parts:
                self.by_words[words] = before
            elif unit is not before:
                self._replant(words, unit, own)

    def _replant(self, words: Words, unit: Unit | None, own: set[int]) -> None:
        """Put a unit into the trie or take it out, in copies of the nodes that are not this lexicon's own."""
        path = [self.trie]
        for word in words:
            node = path[-1].get(word)
            if node is None or id(node) not in own:
                node = path[-1][word] = {**(node or {})}
                own.add(id(node))
            path.append(node)
        if unit is not None:
            path[-1][LEAF] = unit
            return
        del path[-1][LEAF]
        for above, word, node in zip(path[-2::-1], words[::-1], path[:0:-1], strict=True):
            if node:
                break
            del above[word]


def _made_of(parts: Collection[Words], phrases: Iterable[Words]) -> Iterable[Words]:
    """Phrases that begin or end with one of the parts."""
    first, last = {words[0] for words in parts}, {words[-1] for words in parts}
    for words in phrases:
        if (words[0] in first and any(words[:i] in parts for i in range(1, len(words)))) or (
            words[-1] in last and any(words[i:] in parts for i in range(1, len(words)))
        ):
            yield words
