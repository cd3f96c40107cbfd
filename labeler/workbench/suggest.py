"""Drafts of rules for what a corpus says and the rules do not know, most useful first.

Three kinds: unknown phrases as findings, misspellings as second spellings, frequent whole texts as templates.  What
is offered loads as it is over the set that it was made with; whether it is true, the author decides.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labeler.labeler import Labeler
from labeler.lexicon import Lexicon
from labeler.rule_tests import problems_of, run_examples
from labeler.rules import Problem, RuleSet, RuleSetError
from labeler.text import display
from labeler.workbench.drafts import Draft, as_yaml, identify
from labeler.workbench.phrases import Phrase, unknown_phrases
from labeler.workbench.residue import Residue
from labeler.workbench.slips import Misspelling, misspellings

TEMPLATES = 0.1  # share of the suggestions that templates may take


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Drafts, most useful first, and what they were made from."""

    reports: int
    review: int
    drafts: tuple[Draft, ...]


def suggest(residue: Residue, rules: RuleSet, lexicon: Lexicon, least: int = 3, limit: int = 100) -> Suggestions:
    """The `limit` most useful drafts of what is met in at least `least` reports."""
    slips = misspellings(residue, lexicon, least)
    phrases = unknown_phrases(residue, {slip.typed for slip in slips}, least)
    drafts = [_of_slip(slip) for slip in slips] + [_of_phrase(phrase, rules) for phrase in phrases]
    drafts.sort(key=lambda draft: (-draft.times.weight, draft.text))
    templates = [draft for draft in _templates(residue, lexicon) if draft.times.reports >= least]
    few = max(int(limit * TEMPLATES), limit - len(drafts))
    chosen = sorted(
        (*drafts[: limit - min(few, len(templates))], *templates[:few]), key=lambda draft: -draft.times.weight
    )
    return Suggestions(residue.reports, residue.review, tuple(_sound(identify(chosen, rules), rules)))


def _of_phrase(phrase: Phrase, rules: RuleSet) -> Draft:
    text = " ".join(map(display, phrase.words))
    region = next((name for name, _ in phrase.regions.most_common(1)), "other")
    near = ", ".join(f"{name} {n}" for name, n in phrase.regions.most_common(3))
    known = region if region in rules.regions else next(iter(rules.regions), region)
    return Draft("phrase", text, phrase.times, region=known, note=f"near {near}" if near else "")


def _of_slip(slip: Misspelling) -> Draft:
    meant = " ".join(map(display, slip.meant))
    note = "a possible word of its own: only if it never means that" if slip.real else ""
    return Draft("spelling", display(slip.typed), slip.times, meant=meant, note=note)


def _templates(residue: Residue, lexicon: Lexicon) -> list[Draft]:
    """Whole texts that the rules read as normal to their last word, most frequent first."""
    texts = (held for key, held in residue.normal.items() if key not in lexicon.templates)
    drafts = [Draft("template", text.strip(), times) for text, times in texts]
    return sorted(drafts, key=lambda draft: -draft.times.reports)


def _sound(drafts: list[Draft], rules: RuleSet) -> Iterable[Draft]:
    """Drafts that load together over the set they are made for and do what they say; the others are left out."""
    base = json.dumps(str(rules.path.resolve()), ensure_ascii=False)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ruleset.yaml").write_text(f"name: drafts\nversion: '0'\nextends: {base}\n", encoding="utf-8")
        while drafts:
            lines: dict[int, Draft] = {}
            file = Path(folder) / "drafts.yaml"
            file.write_text(as_yaml(drafts, lines), encoding="utf-8")
            read, problems = problems_of(folder)
            if broken := [p for p in problems if _line(p, file) is None]:  # the set itself, saved since it was read
                raise RuleSetError(broken)
            if read is not None and not problems:
                problems = run_examples(Labeler(read)).failed
            wrong = {_at(lines, line).id for p in problems if (line := _line(p, file)) is not None}
            wrong |= {d.id for d in drafts for p in problems if _line(p, file) is None and _breaks(d, p)}
            if not wrong:
                break
            drafts = [draft for draft in drafts if draft.id not in wrong]
    return drafts


def _breaks(draft: Draft, problem: Problem) -> bool:
    """Whether an example of the set itself fails for a draft: one that it gives, or whose words stand in it."""
    message = f" {problem.message.lower()} "
    return re.search(rf"\b{re.escape(draft.id)}\b", message) is not None or f" {draft.text.lower()} " in message


def _line(problem: Problem, file: Path) -> int | None:
    """The line of a file that a problem is in, or that it clashes with."""
    if problem.file == str(file):
        return problem.line
    other, _, line = problem.other.rpartition(":")
    return int(line) if other == str(file) else None


def _at(lines: dict[int, Draft], line: int) -> Draft:
    """The draft that a line of the YAML belongs to."""
    return lines[max(first for first in lines if first <= line)]
