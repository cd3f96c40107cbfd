"""A corpus with unknown phrases and misspellings planted in it, all drawn by a seed: nothing here is tuned to a rule."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from labeler import Labeler
from labeler.lexicon import Lexicon
from labeler.patterns import word_key, words_of
from labeler.text import display, normalize, skeleton, split_tone
from tests.benchmarks.corpora import redundant

GOLD = Path(__file__).parents[2] / "gold"
TONES = ("", "\u0301", "\u0300", "\u0309", "\u0303", "\u0323")
ONSETS = ("b", "c", "ch", "d", "đ", "g", "h", "kh", "l", "m", "n", "nh", "ph", "r", "s", "t", "th", "tr", "v", "x")
RIMES = ("a", "ai", "an", "ang", "ao", "âm", "ăn", "e", "em", "ênh", "eo", "i", "im", "iêu", "o", "oang", "oi", "ôm", "ơi",
         "u", "ung", "uôi", "ưng", "ươm")  # fmt: skip
FRAMES = ("Phổi {side} có {phrase}.", "Hình ảnh {phrase} {zone} phổi {side}.", "{Phrase} {zone} phổi {side}.",
          "Thấy {phrase} ở {zone} phổi {side}, không thấy tràn dịch màng phổi.", "{Phrase} cạnh bóng tim.",
          "Trung thất có {phrase}.", "Bóng tim không to, {phrase} nhẹ.", "Màng phổi {side}: {phrase}.",
          "{Phrase} xương sườn số {n} bên {side}.", "Theo dõi {phrase} {side}.")  # fmt: skip
NEAR = {"a": "sq", "n": "bm", "o": "ip", "i": "uo", "h": "gj", "t": "ry", "c": "xv", "g": "fh", "m": "n", "u": "yi", "p": "o",
        "d": "sf", "r": "et", "s": "ad", "k": "jl", "e": "wr", "l": "k", "v": "cb", "b": "vn", "đ": "d"}  # fmt: skip
KEYS = {"\u0301": "s", "\u0300": "f", "\u0309": "r", "\u0303": "x", "\u0323": "j"}


@dataclass(frozen=True)
class Corpus:
    """Reports, and what was planted in them: phrases, and misspellings with what they should be."""

    reports: list[str]
    phrases: list[str]
    slips: dict[str, str]


def corpus(size: int, seed: int, labeler: Labeler, phrases: int = 20, slips: int = 50) -> Corpus:
    """`size` reports, half of them made by a grammar and half like the gold, planted at frequencies that fall as 1/rank."""
    rng = random.Random(seed)
    lexicon = labeler.lexicon
    half = size // 2
    reports = redundant(size - half, max(size // 8, 10), seed) + rng.choices(_gold(labeler), k=half)
    rng.shuffle(reports)
    unknown = [_phrase(rng, lexicon) for _ in range(phrases)]
    for rank, phrase in enumerate(unknown):
        for at in rng.sample(range(size), _times(size, rank)):
            reports[at] = _plant(rng, reports[at], phrase)
    wrong: dict[str, str] = {}
    words = _frequent(reports, lexicon, 40 if size >= 5000 else 12)
    while len(wrong) < slips:
        word = rng.choice(words)
        typed = misspelt(rng, word)
        if typed and word_key(typed) not in lexicon.vocabulary and typed not in wrong:
            wrong[typed] = word
    for rank, (typed, word) in enumerate(wrong.items()):
        holding = [i for i, text in enumerate(reports) if f" {word} " in f" {text} "]
        for at in rng.sample(holding, min(len(holding) // 2, _times(size, rank) // 2 + 3)):
            padded = f" {reports[at]} ".replace(f" {word} ", f" {typed} ", 1)
            reports[at] = padded[1:-1]
    return Corpus(reports, unknown, wrong)


def misspelt(rng: random.Random, word: str) -> str | None:
    """A word with one typing slip: a letter hit beside, lost, doubled or swapped, a wrong tone, a keystroke left in."""
    at = rng.randrange(len(word))
    base, tone = split_tone(word)
    ways = {
        "beside": lambda: word[:at] + rng.choice(NEAR.get(word[at], word[at])) + word[at + 1 :],
        "lost": lambda: word[:at] + word[at + 1 :] if len(word) > 3 else None,
        "doubled": lambda: word[: at + 1] + word[at:],
        "swapped": lambda: word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        "tone": lambda: display(base + rng.choice([t for t in TONES if t != tone])),
        "telex": lambda: base + KEYS[tone] if tone else None,
    }
    typed: str | None = ways[rng.choice(list(ways))]()
    return typed if typed != word else None


def _gold(labeler: Labeler) -> list[str]:
    """Gold reports that the rules understand to the last word: what is unknown in the corpus was planted."""
    rows = (json.loads(line) for file in sorted(GOLD.glob("*.jsonl")) for line in file.open(encoding="utf-8"))
    return [row["description"] for row in rows if _understood(labeler, row["description"])]


def _understood(labeler: Labeler, text: str) -> bool:
    report = labeler.label(text)
    known = all(word in labeler.lexicon.vocabulary for word in words_of(normalize(text).text) if word.isalpha())
    return known and report.status == "auto" and not report.residue and all(m.match == "exact" for m in report.mentions)


def _times(size: int, rank: int) -> int:
    return max(5, size // 100 // (rank + 1))


def _phrase(rng: random.Random, lexicon: Lexicon) -> str:
    """Two or three made-up syllables of which some may be known words, not all."""
    while True:
        words = [
            display(rng.choice(ONSETS) + rng.choice(RIMES) + rng.choice(TONES)) for _ in range(rng.choice((2, 2, 3)))
        ]
        if rng.random() < 0.3:
            words[0] = rng.choice(("hình", "dải", "dấu", "bóng", "vòng"))
        if any(word_key(word) not in lexicon.vocabulary for word in words) and len(set(words)) == len(words):
            return " ".join(words)


def _plant(rng: random.Random, report: str, phrase: str) -> str:
    """The report with one of its lines replaced by one that says the phrase, or that line at its end."""
    frame = rng.choice(FRAMES)
    said = frame.format(
        phrase=phrase, Phrase=phrase[0].upper() + phrase[1:], side=rng.choice(("phải", "trái")), n=rng.randint(2, 9),
        zone=rng.choice(("đỉnh", "đáy", "thùy trên", "thùy dưới")),
    )  # fmt: skip
    lines = report.split("\n")
    if len(lines) > 1 and lines[-1].startswith("-"):
        lines[rng.randrange(len(lines))] = f"- {said}"
        return "\n".join(lines)
    return f"{report}\n{said}"


def _frequent(reports: list[str], lexicon: Lexicon, least: int) -> list[str]:
    """Known words of two letters and more that stand in many reports, lower case."""
    counts: dict[str, int] = {}
    for text in reports:
        for word in set(normalize(text).text.split()):
            counts[word] = counts.get(word, 0) + 1
    known = (w for w, n in counts.items() if n >= least and w.isalpha() and w.islower() and len(w) > 2)
    return sorted(w for w in known if words_of(w)[0] in lexicon.vocabulary and skeleton(w) != w)
