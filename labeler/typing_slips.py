"""How Vietnamese is mistyped, and what each slip costs: rules of letters, marks and keys that know no words.

What is typed wrongly is undone (Telex or VNI keystrokes, doubled letters, a messenger's spelling) or set beside what
may have been meant (sounds written alike, a letter apart).  Which of it is a word, `labeler.spelling` knows.
"""

from __future__ import annotations

import re

from labeler.text import display, split_tone

LOST_MARKS = 0.05  # typed without any mark
WRONG_MARKS = 0.15  # some mark is wrong or missing
KEYSTROKE = 0.05  # Telex or VNI left in
DOUBLED = 0.1  # the same letter twice
HOI_NGA = 0.1  # the tones that the South does not part ("đẫy" for "đẩy")
JOINED = 0.05  # syllables run together
SOUND = 0.23  # written as it sounds (s/x, tr/ch, final n/ng)
SLIP = 0.25  # one letter doubled, swapped, or hit beside
EDIT = 0.4  # one letter lost, added or changed

_DOUBLED = re.compile(r"(\w)\1+")
_ONSET = "b|c|ch|d|đ|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|p|ph|q|qu|r|s|t|th|tr|v|x|"
_SYLLABLE = re.compile(
    rf"(?:{_ONSET})(?:[aăâeêioôơuưy]|ia|iê|ua|uô|ưa|ươ|oa|oă|oe|uâ|uê|uy|uya|uyê|uơ|yê|ai|ao|au|ay|âu|ây|eo|êu|oi|ôi|ơi|ui"
    r"|ưi|iu|ưu|oai|oay|oeo|uây|uôi|ươi|iêu|yêu|ươu|uyu)(?:c|ch|m|n|ng|nh|p|t)?"
)
_SAME_SOUND = (
    ("tr", "ch"),
    ("s", "x"),
    ("gi", "d"),
    ("r", "d"),
    ("r", "g"),
    ("gi", "r"),
    ("l", "n"),
    ("v", "d"),
    ("gi", "v"),
    ("qu", "w"),
)
_SAME_END = (("n", "ng"), ("n", "nh"), ("t", "c"), ("t", "ch"), ("c", "ch"), ("ng", "nh"), ("p", "t"), ("p", "c"))
_CHAT_ONSETS = {"f": "ph", "w": "qu", "z": "d"}  # as in short messages: "fổi", "wa"
_HOI_AND_NGA = {"\u0309", "\u0303"}
_NEIGHBOURS = {
    a: set(b)
    for a, b in {
        "q": "wa", "w": "qeas", "e": "wrsd", "r": "etdf", "t": "ryfg", "y": "tugh", "u": "yihj", "i": "uojk", "o": "ipkl",
        "p": "ol", "a": "qwsz", "s": "awedxz", "d": "serfcx", "f": "drtgvc", "g": "ftyhbv", "h": "gyujnb", "j": "huikmn",
        "k": "jiolm", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
    }.items()
}  # fmt: skip
_TELEX_TONES = {"s": "\u0301", "f": "\u0300", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
_VNI_TONES = {"1": "\u0301", "2": "\u0300", "3": "\u0309", "4": "\u0303", "5": "\u0323"}


def deletions(bare: str) -> set[str]:
    """A word, and what is left of it when a letter is taken out: words one edit apart share one of these."""
    return {bare, *(bare[:i] + bare[i + 1 :] for i in range(len(bare)))}


def is_syllable(word: str) -> bool:
    """Whether a word is a possible Vietnamese syllable: its letters, and sắc or nặng alone before a stopped ending.

    >>> is_syllable("phổi"), is_syllable("dỉch"), is_syllable("thơưng")
    (True, False, False)
    """
    base, tone = split_tone(word)
    stopped = base.endswith(("c", "ch", "p", "t"))
    return _SYLLABLE.fullmatch(base) is not None and not (stopped and tone not in ("\u0301", "\u0323"))


def mark_cost(typed: str, known: str) -> float:
    """Cost of the difference in marks alone: 0 to 0.15."""
    (base_a, tone_a), (base_b, tone_b) = split_tone(typed), split_tone(known)
    cost = 0.05 if tone_a != tone_b else 0.0
    return cost + (0.05 if base_a != base_b else 0.0)


def hoi_nga(typed: str, known: str) -> bool:
    """Whether two words differ only in the tones hỏi and ngã."""
    (base_a, tone_a), (base_b, tone_b) = split_tone(typed.lower()), split_tone(known)
    return base_a == base_b and {tone_a, tone_b} == _HOI_AND_NGA


def slip_cost(typed: str, near: str) -> float:
    """Cost of the one-letter difference between two bare syllables."""
    if sorted(typed) == sorted(near):
        return SLIP
    if len(typed) == len(near):
        a, b = next((a, b) for a, b in zip(typed, near, strict=True) if a != b)
        return SLIP if b in _NEIGHBOURS.get(a, ()) else EDIT
    longer, shorter = (typed, near) if len(typed) > len(near) else (near, typed)
    i = next((i for i, ch in enumerate(shorter) if longer[i] != ch), len(shorter))
    doubled = longer[i] in (longer[i - 1 : i] or "-", longer[i + 1 : i + 2] or "-")
    return SLIP if doubled or len(typed) < len(near) else EDIT


def sounds_like(bare: str) -> set[str]:
    """Other spellings of an unmarked word that some dialect speaks alike."""
    out: set[str] = set()
    for pairs, at_start in ((_SAME_SOUND, True), (_SAME_END, False)):
        for pair in pairs:
            for a, b in (pair, pair[::-1]):
                if at_start and bare.startswith(a):
                    out.add(b + bare[len(a) :])
                elif not at_start and bare.endswith(a):
                    out.add(bare[: -len(a)] + b)
    out.discard(bare)
    return out


def undo_telex(word: str) -> str | None:
    """The syllable that Telex keystrokes left in a word would have made, or None when there are none.

    >>> undo_telex("dichj"), undo_telex("suwownf"), undo_telex("tim")
    ('dịch', 'sườn', None)
    """
    text = word.lower()
    vowel = re.search(r"[aeiouyăâêôơư]", skeleton_keep(text))
    if vowel is None:
        return None
    head, rest = text[: vowel.start()], text[vowel.start() :]
    changed = head != (head := head.replace("dd", "đ"))
    tone = ""
    out = ""
    for ch in rest:
        if ch in _TELEX_TONES and out:
            tone, changed = _TELEX_TONES[ch], True
        elif ch == "w":
            for a, b in (("uo", "ươ"), ("ưo", "ươ"), ("o", "ơ"), ("u", "ư"), ("a", "ă")):
                if a in out:
                    out = b.join(out.rsplit(a, 1))
                    break
            else:
                out += "ư"
            changed = True
        elif (
            ch in "aeo"
            and ch in out
            and out[-1] in "aeo" + "iuy" + "nmtcpgh"
            and {"a": "â", "e": "ê", "o": "ô"}[ch] not in out
        ):
            out, changed = out.replace(ch, {"a": "â", "e": "ê", "o": "ô"}[ch], 1), True
        elif ch == "d" and head == "d":
            head, changed = "đ", True
        else:
            out += ch
    if not changed:
        return None
    return _with_tone(head + out, tone)


def skeleton_keep(text: str) -> str:
    """The text with each letter's tone removed, one character for one."""
    return "".join(split_tone(ch)[0][:1] or ch for ch in text)


def undo_vni(word: str) -> str | None:
    """The syllable that VNI keystrokes left in a word would have made, or None.

    >>> undo_vni("tra2n"), undo_vni("su7o7n2"), undo_vni("T12")
    ('tràn', 'sườn', None)
    """
    out = ""
    tone = ""
    for ch in word.lower():
        if not ch.isdigit():
            out += ch
            continue
        if ch in _VNI_TONES:
            tone = _VNI_TONES[ch]
            continue
        table = {"6": "aâeêoô", "7": "oơuư", "8": "aă", "9": "dđ"}.get(ch, "")
        places = [i for i, c in enumerate(out) if c in table[::2]]
        if not places:
            return None
        at = places[0] if ch == "9" else places[-1]
        if ch == "7" and out[at - 1 : at + 1] == "uo":
            out = out[: at - 1] + "ươ" + out[at + 1 :]
        else:
            out = out[:at] + table[table.index(out[at]) + 1] + out[at + 1 :]
    if not re.search(r"[aeiouyăâêôơư]", skeleton_keep(out)):
        return None
    return _with_tone(out, tone)


def _with_tone(base: str, tone: str) -> str:
    plain, held = split_tone(base)
    return display(plain + (tone or held))


def undo_chat(word: str) -> str | None:
    """The word that is written as in short messages ("fổi"), or None.

    >>> undo_chat("fổi"), undo_chat("phổi")
    ('phổi', None)
    """
    onset = _CHAT_ONSETS.get(word[0].lower())
    return onset + word[1:] if onset is not None and len(word) > 1 else None


def undo_doubling(word: str) -> str:
    """The word with each doubled letter single."""
    return _DOUBLED.sub(r"\1", word)
