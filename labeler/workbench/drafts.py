"""Drafts of entries, and the YAML that they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labeler import schema
from labeler.rules import RuleSet
from labeler.text import skeleton
from labeler.workbench.residue import Times

KINDS = {"phrase": "findings", "spelling": "abbreviations", "template": "templates"}
MAX_ID = 40
_PLAIN_LINE = re.compile(r"[^\W_\s-][^\n]*|- [^\n]*")


@dataclass(frozen=True, slots=True)
class Draft:
    """A suggested entry: an unknown phrase, a spelling of a known word, or a whole text without findings."""

    kind: str
    text: str
    times: Times
    meant: str = ""
    region: str = ""
    note: str = ""
    id: str = ""

    @property
    def told(self) -> str:
        """How often it was met."""
        parts = [f"{self.times.reports} reports"]
        if self.kind != "template":
            parts.append(f"{self.times.review} to review")
        return "; ".join((", ".join(parts), self.note)) if self.note else ", ".join(parts)


def identify(drafts: Iterable[Draft], rules: RuleSet) -> list[Draft]:
    """The drafts with ids that nothing in the set bears."""
    taken = {name for kind in schema.KINDS for name in rules.entries[kind]}
    out = []
    for draft in drafts:
        words = "" if draft.kind == "template" else "_".join(re.findall("[a-z0-9]+", skeleton(draft.text)))[:MAX_ID]
        stem = f"draft_{words or draft.kind}".rstrip("_")
        name, n = stem, 1
        while name in taken:
            n += 1
            name = f"{stem}_{n}"
        taken.add(name)
        out.append(replace(draft, id=name))
    return out


def as_yaml(drafts: Iterable[Draft], lines: dict[int, Draft] | None = None, opening: str = "") -> str:
    """A rule file of the drafts, by kind and in order; `lines` is told on which line each begins."""
    out = opening.splitlines()
    for kind, entries in KINDS.items():
        own = [(rank, draft) for rank, draft in enumerate(drafts, 1) if draft.kind == kind]
        if own:
            out.append(f"{entries}:")
        for rank, draft in own:
            if lines is not None:
                lines[len(out) + 1] = draft
            out.append(f"  # {rank}. {draft.told}")
            out += _entry(draft)
    return "".join(f"{line}\n" for line in out)


def _entry(draft: Draft) -> list[str]:
    text = _quoted(draft.text)
    if draft.kind == "spelling":
        return [f"  - {{id: {draft.id}, short: [{text}], means: [{_quoted(draft.meant)}]}}"]
    if draft.kind == "phrase":
        example = _quoted(f"{draft.text[:1].upper()}{draft.text[1:]}.")
        return [
            f"  - id: {draft.id}", f"    name: {text}", f"    region: {draft.region}", f"    phrases: [{text}]",
            f"    examples: [{example}]",
        ]  # fmt: skip
    lines = draft.text.split("\n")
    if all(_PLAIN_LINE.fullmatch(line) for line in lines):
        return [f"  - id: {draft.id}", "    text: |", *(f"      {line}" for line in lines)]
    return [f"  - id: {draft.id}", f"    text: {text}"]


def _quoted(text: str) -> str:
    """A double-quoted scalar, which JSON's strings are."""
    return json.dumps(text, ensure_ascii=False)
