"""Normalisation of report text, with a map back to the raw offsets.

Hospital text arrives composed or decomposed, as HTML, with zero-width characters, look-alike letters and odd
spaces.  `normalize` undoes all of that and remembers, for every character of its result, which slice of the raw
string it came from, so that whatever is found later can be shown as the author typed it.

`canonical` goes one step further for single syllables: the tone is taken off the vowel and appended, so that
"hoà" and "hòa", "thâý" and "thấy" are one and the same key, and "kỹ" equals "kĩ".
"""

from __future__ import annotations

import html
import re
import string
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_VIETNAMESE = "".join(
    unicodedata.normalize("NFC", base + tone)
    for base in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
    for tone in ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
)
LETTERS = _VIETNAMESE + "đĐ" + string.ascii_letters

_TAG_NAMES = (
    "p|br|div|span|b|i|u|strong|em|li|ul|ol|table|tbody|thead|tr|td|th|font|h[1-6]|html|body|head|center|sup|sub"
    "|hr|pre|a|o:p|style|label|big|small"
)
_TAG = re.compile(rf"</?(?:{_TAG_NAMES})(?:\s[^<>\n]{{0,400}})?\s*/?>", re.IGNORECASE)
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|li|ul|ol|table|tr|h[1-6]|hr|pre)\b", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31}\d{0,2});")

# A text of nothing but these characters is its own normal form; the test is one regular expression.
_DIRTY = re.compile(rf"&[#A-Za-z]|</?[A-Za-z]|[^\n\x20-\x7e{LETTERS}°±×•“”]")

# Letters of other alphabets that look like Latin or Vietnamese ones, and typographic variants.
_LOOKALIKE = str.maketrans(
    {
        "Ð": "Đ", "Ɖ": "Đ", "ð": "đ", "ɖ": "đ",
        "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "х": "x", "у": "y", "і": "i", "ѕ": "s", "һ": "h",
        "А": "A", "В": "B", "Е": "E", "К": "K", "М": "M", "Н": "H", "О": "O", "Р": "P", "С": "C", "Т": "T",
        "Х": "X", "У": "Y", "І": "I", "ο": "o", "Ο": "O", "ı": "i", "ĭ": "i", "ŭ": "u", "ǎ": "ă",
        "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "‒": "-", "―": "-", "\u00ad": "-",
        "·": "•", "●": "•", "▪": "•", "■": "•", "◦": "•", "○": "•", "‣": "•", "►": "•", "▶": "•", "➢": "•",
        "❖": "•", "✓": "•", "\uf0b7": "•", "\uf0a7": "•", "\uf02d": "-",
        "’": "'", "‘": "'", "´": "'", "„": '"', "«": '"', "»": '"', "″": '"', "′": "'",
        "，": ",", "：": ":", "；": ";", "（": "(", "）": ")", "、": ",", "。": ".",
        "＜": "<", "＞": ">", "～": "~",
    }
)  # fmt: skip
_EXPAND = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "…": ".", "ﬁ": "fi", "ﬂ": "fl"}
_SPACES = frozenset(
    "\t\x0b\x0c\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_BREAKS = frozenset("\r\x85\u2028\u2029")
_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\ufeff\x00\ufffc"
)


@dataclass(slots=True, frozen=True)
class Normalized:
    """Normalised text and, per character, the raw slice it stands for.

    `starts` and `ends` are None when the text was clean already: then character i is raw character i.
    """

    raw: str
    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Map a non-empty span of the normalised text to the span of the raw text (code points)."""
        if self.starts is None or self.ends is None or end <= start:
            return start, end
        return self.starts[start], self.ends[end - 1]


def normalize(raw: str) -> Normalized:
    """Undo encoding accidents: NFC, entities and tags, zero-width and look-alike characters, odd spaces and breaks.

    Case and spelling are kept.  The result has "\\n" as its only line break.
    """
    if _DIRTY.search(raw) is None:
        return Normalized(raw, raw)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(text: str, start: int, end: int) -> None:
        for ch in text:
            chars.append(ch)
            starts.append(start)
            ends.append(end)

    for text, start, end in _clusters(_pieces(raw)):
        if text in _EXPAND:
            put(_EXPAND[text], start, end)
            continue
        composed = unicodedata.normalize("NFC", text).translate(_LOOKALIKE)
        if len(composed) == 1 and composed in _SPACES:
            composed = " "
        if len(composed) == 1 and ord(composed) >= 0xFF01 and ord(composed) <= 0xFF5E:
            composed = chr(ord(composed) - 0xFEE0)
        put(composed, start, end)
    return Normalized(raw, "".join(chars), tuple(starts), tuple(ends))


def _pieces(raw: str) -> list[tuple[str, int, int]]:
    """Raw text as single characters, entities decoded and tags replaced by the break or blank that they mean."""
    out: list[tuple[str, int, int]] = []
    i, n = 0, len(raw)
    while i < n:
        ch = raw[i]
        if ch == "&" and (m := _ENTITY.match(raw, i)):
            text = html.unescape(m.group())
            if text == "&" and (m2 := _ENTITY.match("&" + raw[m.end() : m.end() + 40])):  # &amp;igrave;
                inner = html.unescape(m2.group())
                if inner != m2.group():
                    end = m.end() + m2.end() - 1
                    out.extend((c, i, end) for c in inner)
                    i = end
                    continue
            out.extend((c, i, m.end()) for c in text)
            i = m.end()
        elif ch == "<" and (m := _TAG.match(raw, i)):
            out.append(("\n" if _BLOCK_TAG.match(m.group()) else " ", i, m.end()))
            i = m.end()
        elif ch == "\r" and i + 1 < n and raw[i + 1] == "\n":
            out.append(("\n", i, i + 2))
            i += 2
        elif ch in _BREAKS:
            out.append(("\n", i, i + 1))
            i += 1
        else:
            out.append((ch, i, i + 1))
            i += 1
    return out


def _clusters(pieces: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Join combining marks to their base and drop invisible characters (joining the raw slices around them)."""
    out: list[tuple[str, int, int]] = []
    for ch, start, end in pieces:
        if ch in _INVISIBLE:
            continue
        if out and unicodedata.combining(ch) and out[-1][0][0] not in " \n":
            text, first, _ = out[-1]
            out[-1] = (text + ch, first, end)
        else:
            out.append((ch, start, end))
    return out


_TONES = "\u0300\u0301\u0309\u0303\u0323"  # huyền, sắc, hỏi, ngã, nặng
_SHAPES = "\u0302\u0306\u031b"  # â ê ô, ă, ơ ư
_I_FOR_Y = re.compile(r"^([hklmst]|qu)y$")


@lru_cache(maxsize=65536)
def canonical(word: str) -> str:
    """Key of a syllable: lower case, tone mark at the end, i for y after h k l m s t qu.

    >>> canonical("Hoà") == canonical("hòa"), canonical("kỹ") == canonical("kĩ")
    (True, True)
    """
    base, tone = split_tone(word)
    return _I_FOR_Y.sub(r"\1i", base) + tone


@lru_cache(maxsize=65536)
def split_tone(word: str) -> tuple[str, str]:
    """(syllable without tone, combining tone mark or ""); the last mark wins where a slip left two."""
    tone = ""
    rest = []
    for ch in unicodedata.normalize("NFD", word.lower()):
        if ch in _TONES:
            tone = ch
        else:
            rest.append(ch)
    return unicodedata.normalize("NFC", "".join(rest)), tone


@lru_cache(maxsize=65536)
def skeleton(word: str) -> str:
    """The bare letters: no tone, no circumflex, breve or horn, d for đ, i for y where they are one sound.

    >>> skeleton("đường")
    'duong'
    """
    base, _ = split_tone(word)
    bare = "".join(
        ch for ch in unicodedata.normalize("NFD", base) if ch not in _SHAPES and not unicodedata.combining(ch)
    )
    return _I_FOR_Y.sub(r"\1i", bare.replace("đ", "d"))


@lru_cache(maxsize=65536)
def has_marks(word: str) -> bool:
    """Whether a word carries any Vietnamese mark (tone, circumflex, breve, horn, stroke)."""
    lowered = word.lower()
    return "đ" in lowered or any(unicodedata.combining(ch) for ch in unicodedata.normalize("NFD", lowered))


_MARKED = re.compile(f"[{''.join(ch for ch in LETTERS if not ch.isascii())}]")
_DIGIT = re.compile(r"\d")
_WORDY = re.compile(r"[A-Za-z]{2,}\W+[A-Za-z]{2,}")


def has_any_mark(text: str) -> bool:
    """Whether normalised text carries any Vietnamese mark at all."""
    return _MARKED.search(text) is not None


def has_digit(text: str) -> bool:
    """Whether a text holds a digit."""
    return _DIGIT.search(text) is not None


def is_unmarked(text: str) -> bool:
    """Whether normalised text was typed wholly without Vietnamese marks (two words at least)."""
    return _MARKED.search(text) is None and _WORDY.search(text) is not None


def display(key: str) -> str:
    """A canonical key as one would write it: the tone back on its vowel (new placement).

    >>> display(canonical("màng"))
    'màng'
    """
    if not key or key[-1] not in _TONES:
        return key
    base, tone = key[:-1], key[-1]
    vowels = [i for i, ch in enumerate(base) if skeleton(ch) in "aeiouy" and skeleton(ch)]
    if base.startswith(("qu", "gi")) and len(vowels) > 1:
        vowels = vowels[1:]
    if not vowels:
        return base + tone
    shaped = [i for i in vowels if base[i] in "ăâêôơư"]
    if shaped:
        at = shaped[-1]
    elif len(vowels) == 1:
        at = vowels[0]
    elif vowels[-1] == len(base) - 1:
        at = vowels[-2]
    else:
        at = vowels[-1]
    return unicodedata.normalize("NFC", base[: at + 1] + tone + base[at + 1 :])
