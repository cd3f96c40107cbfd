"""Small rule sets of any shape and texts in their words, for what must hold of every set that `rules check` accepts.

They are drawn from a seed: hypothesis starves on structures of this size and ends in texts of no words.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any, get_args

from labeler import schema
from labeler.rule_tests import problems_of

Entries = dict[str, list[dict[str, Any]]]

ASSERTIONS, SCOPES, ROLES, SECTIONS = (
    get_args(model.model_fields[key].annotation)
    for model, key in (
        (schema.Cue, "assertion"), (schema.Cue, "scope"), (schema.WordList, "role"), (schema.Heading, "section"),
    )
)  # fmt: skip
REGIONS = ("pleura", "parenchyma", "cardio", "other")
STRUCTURES = ("aa", "bb", "cc", "dd")
FINDINGS = ("ff", "gg", "hh", "ii")
WORDS = (
    "màng", "phổi", "tim", "to", "dày", "dính", "hòa", "hoà", "quý", "đường", "không", "thấy", "nghi", "phải", "trái", "hai",
    "bóng", "mờ", "nốt", "góc", "sườn", "rõ", "đều", "lung", "opacity", "no", "is", "large", "heart", "effusion", "left",
    "2", "12", "0.5", "1,5", "0", "K", "M", "k", "ii", "x", "D8", "t12", "a1", "X-quang", "l'air", "ở", "q", "gi", "y", "ngh",
    "ß", "ﬁ", "İ", "ǅ", "肺", "плевра", "١٢", "½", "ñ", "e\u0301", "ạ\u0301", "²", "Ⅳ", "ſ", "ŉ", "ệ", "\u1e9e",
)  # fmt: skip
SIGNS = ('"(-)"', '"(+)"', '"*"', '"«"', "/", "+", "%", ".", ":", "-", "=", "<", "?", "&")
MARKS = (
    ".", ",", ":", ";", "\n", "- ", "(", ")", "?", "/", "<", "0,6", "55%", "1/3", "12/3/2020", "&amp;", "&#x301;", "<br>",
    "\r\n", "\u2028", "\u0301", "\u0323", "\u200b", "\x00", "[x]", "☐", "•", "1.", "3 x 4 cm", ",,", "–", "²", "İ", "ﬃ", "😀",
)  # fmt: skip
GLUE = (" ", " ", " ", " ", " ", " ", "", ", ", "\n", "\u00a0", ". ")


def letters(rng: Random) -> str:
    """A word of letters and digits of any script."""
    pool = [chr(rng.choice((rng.randrange(33, 128), rng.randrange(160, 0x600), rng.randrange(0x600, 0x11000)))) for _ in range(30)]
    return "".join(ch for ch in pool if ch.isalnum())[: rng.randint(1, 6)] or "a"


def word(rng: Random) -> str:
    return letters(rng) if rng.random() < 0.05 else rng.choice(WORDS)


def pattern(rng: Random, depth: int = 2) -> str:
    """A pattern with every operator of the language, of about two words."""
    kind = rng.random()
    if depth and kind < 0.12:
        return f"({'|'.join(pattern(rng, depth - 1) for _ in range(rng.randint(1, 3)))})"
    if depth and kind < 0.2:
        return f"{pattern(rng, depth - 1)} [{pattern(rng, depth - 1)}]"
    if depth and kind < 0.25:
        return f"[{pattern(rng, depth - 1)}] {pattern(rng, depth - 1)}"
    if depth and kind < 0.4:
        return f"{pattern(rng, depth - 1)} {pattern(rng, depth - 1)}"
    if kind < 0.5:
        return rng.choice((*SIGNS, "<number>", "<vertebra>", "<aa>", "<ww0>"))
    return " ".join(word(rng) for _ in range(rng.choice((1, 1, 2, 3))))


def nouns(rng: Random) -> str:
    """A plain word mostly, so that few structures are refused for a phrase that another has."""
    return pattern(rng) if rng.random() < 0.3 else word(rng)


def statement(rng: Random) -> str:
    """A pattern, or a sign said of a structure."""
    if rng.random() < 0.4:
        return pattern(rng)
    left = rng.choice(("<aa>", "<bb>", "<cc>", "(<aa>|<cc>)", word(rng), pattern(rng, 1)))
    return f"{left} ~ {pattern(rng)}"


def entries(rng: Random) -> Entries:
    """Lists of a rule file: a few entries of every kind, in which every key may occur."""

    def some(values: tuple[str, ...]) -> list[str]:
        return rng.sample(values, rng.randint(0, 2))

    def phrases(make: Any = pattern) -> list[str]:
        return [make(rng) for _ in range(rng.randint(1, 4))]

    def numbered(kind: str, upto: int) -> list[str]:
        return [f"{kind}{i}" for i in range(rng.randint(0, upto))]

    return {
        "regions": [{"id": r, "name": r, "anatomy": rng.choice((None, None, None, *STRUCTURES))} for r in REGIONS],
        "anatomy": [
            {
                "id": name, "region": rng.choice(REGIONS), "parent": rng.choice((None, *STRUCTURES[:i])),
                "location": rng.choice((None, "text")), "clears": some(FINDINGS)[:1], "phrases": phrases(nouns),
            }
            for i, name in enumerate(STRUCTURES)
        ],
        "words": [
            {"id": name, "role": rng.choice(ROLES), "phrases": phrases()} for name in numbered("ww", 6)
        ],
        "findings": [
            {
                "id": name, "name": name, "region": rng.choice(REGIONS), "phrases": phrases(statement),
                "generic": rng.random() < 0.2, "chexpert": rng.choice((None, "Fracture")),
                "measure": rng.choice((None, None, {"phrases": phrases(), "above": rng.choice((0, 0.5, 60))})),
            }
            for name in FINDINGS
        ],
        "normal": [
            {"id": name, "phrases": phrases(statement), "covers": some(REGIONS), "whole_film": rng.random() < 0.3}
            for name in numbered("nn", 3)
        ],
        "cues": [
            {"id": name, "assertion": rng.choice(ASSERTIONS), "scope": rng.choice(SCOPES), "phrases": phrases()}
            for name in numbered("qq", 8)
        ],
        "headings": [{"id": name, "section": rng.choice(SECTIONS), "phrases": phrases()} for name in numbered("hd", 3)],
        "abbreviations": [
            {"id": name, "short": [word(rng)], "means": [" ".join(word(rng) for _ in range(rng.randint(0, 3)))] * rng.randint(0, 2)}
            for name in numbered("ab", 3)
        ],
        "confusable": [{"id": name, "words": [word(rng), word(rng), word(rng)]} for name in numbered("co", 2)],
        "templates": [
            {"id": name, "text": rng.choice((pattern(rng), letters(rng), "", ".", f"{word(rng)}\n- {word(rng)}"))}
            for name in numbered("tt", 3)
        ],
        "services": [{"id": name, "code": word(rng), "view": "frontal"} for name in numbered("ss", 1)],
    }  # fmt: skip


def text(rng: Random, vocabulary: list[str]) -> str:
    """A report made mostly of phrases that the rules know, with signs of punctuation and anything that is UTF-8."""
    out = []
    for _ in range(rng.randint(0, 24)):
        kind = rng.random()
        if kind < 0.75 and vocabulary:
            piece = rng.choice(vocabulary)
            piece = piece.upper() if rng.random() < 0.05 else piece.capitalize() if rng.random() < 0.05 else piece
            if rng.random() < 0.1:
                piece = piece.replace(rng.choice(piece), rng.choice(("", "s", "j", "2")), 1)
        elif kind < 0.9:
            piece = rng.choice(MARKS)
        else:
            piece = rng.choice((word(rng), letters(rng), chr(rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000))))))
        out.append(piece + rng.choice(GLUE))
    return "".join(out)


def write_accepted(folder: Path, kinds: Entries, head: dict[str, Any]) -> None:
    """Write a rule set, one entry a line, without the entries that `rules check` refuses."""
    (folder / "ruleset.yaml").write_text(json.dumps({"name": "any", "version": "1", **head}), encoding="utf-8")
    file = folder / "entries.yaml"
    lines = []
    for kind, items in kinds.items():
        kept = ({key: value for key, value in item.items() if value is not None} for item in items)
        lines += [f"{kind}:", *(f"  - {json.dumps(item, ensure_ascii=False)}" for item in kept)]
    while True:
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _, problems = problems_of(str(folder))
        if not problems:
            return
        refused = {p.line - 1 for p in problems if p.file == str(file)}
        assert refused and all(lines[i].startswith("  ") for i in refused), problems
        lines = [line for i, line in enumerate(lines) if i not in refused]
