"""What bytes and letters mean: encodings as declared and as found, and the legacy Vietnamese fonts.

A file's encoding is told by its bytes; what it declares decides only between encodings that the bytes allow.  Texts
typed in a TCVN3 (ABC) or VNI font hold other letters than they show: `readable` gives what they showed.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from labeler.text import split_tone

BLOCK = 1 << 20
SAMPLE = 1 << 18  # bytes around letters that are not ASCII, by which 8-bit encodings are told apart
DECLARATION = re.compile(r"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]{0,40})["']""")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
EIGHT_BIT = ("cp1258", "cp1252", "latin-1")  # cp1252 and latin-1 carry the bytes of legacy fonts
SURE, BETTER = 0.8, 0.25  # share of marked words that are Vietnamese syllables; by how much a reading must be better
ENOUGH = 2  # marked words


class Undecodable(Exception):
    """Bytes that are no text; `offset` is the first of them, `sha256` the file's digest."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.sha256 = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A file's digest, the encoding that its bytes are in, and the one it declares."""

    sha256: str
    size: int
    encoding: str
    declared: str | None

    @property
    def misdeclared(self) -> bool:
        """Whether it says another encoding than it is in (plain ASCII is in all of them)."""
        if self.declared is None or self.encoding == "ascii":
            return False
        return _family(self.declared) != _family(self.encoding)


def examine(path: Path) -> Examined:
    """Read a file once, in bounded memory: digest and encoding.  Raises OSError, Undecodable."""
    digest, size, evidence = hashlib.sha256(), 0, _Evidence()
    with path.open("rb") as stream:
        head = stream.read(BLOCK)
        block = head
        while block:
            digest.update(block)
            size += len(block)
            evidence.add(block)
            block = stream.read(BLOCK)
    try:
        return Examined(digest.hexdigest(), size, *_decide(head, evidence))
    except Undecodable as error:
        error.sha256 = digest.hexdigest()
        raise


def examine_bytes(data: bytes) -> tuple[str, str | None]:
    """(encoding, declared encoding) of a whole document.  Raises Undecodable."""
    evidence = _Evidence()
    evidence.add(data)
    return _decide(data[:BLOCK], evidence)


class _Evidence:
    """Whether bytes are UTF-8 to the end, and a sample of those that are not ASCII."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._read = 0
        self.bad: int | None = None  # offset of the first byte that is not UTF-8
        self.ascii = True
        self.sample = bytearray()
        self.lead = self.stray = 0  # whole UTF-8 sequences, and other bytes that are not ASCII

    def add(self, block: bytes) -> None:
        plain = block.isascii()
        self.ascii = self.ascii and plain
        if not plain and len(self.sample) < SAMPLE:
            for line in block.splitlines(keepends=True):
                if not line.isascii():
                    self.sample += line[:8192]
                    if len(self.sample) >= SAMPLE:
                        break
        if self.bad is None:
            pending = len(self._utf8.getstate()[0])
            try:
                self._utf8.decode(block)
            except UnicodeDecodeError as error:
                self.bad = self._read - pending + error.start
        self._read += len(block)

    def close(self) -> None:
        if self.bad is None and self._utf8.getstate()[0]:
            self.bad = self._read - len(self._utf8.getstate()[0])
        text = bytes(self.sample)
        whole = re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", text)
        self.lead = len(whole)
        self.stray = sum(byte >= 0x80 for byte in text) - sum(map(len, whole))


def _decide(head: bytes, evidence: _Evidence) -> tuple[str, str | None]:
    evidence.close()
    for mark, name in MARKS:
        if head.startswith(mark):
            if name == "utf-8-sig" and evidence.bad is not None:
                raise Undecodable(evidence.bad, "not UTF-8, although its byte order mark says so")
            return name, _declared(head.decode(name, "replace"))
    start = head.lstrip(b"\0\t\r\n ")[:4]
    if b"<\0" in head[:64] and not start.startswith(b"<?xm"):
        wide = "utf-16-be" if head.lstrip(b"\t\r\n ")[:1] == b"\0" else "utf-16-le"
        return wide, _declared(head[: len(head) & ~1].decode(wide, "replace"))
    declared = _declared(head[:1024].decode("latin-1"))
    if evidence.bad is None:
        return ("ascii" if evidence.ascii else "utf-8"), declared
    if evidence.lead > 3 * evidence.stray:
        raise Undecodable(evidence.bad, "not UTF-8 from there on, although the rest is; export the file again")
    return _eight_bit(bytes(evidence.sample), declared), declared


def _eight_bit(sample: bytes, declared: str | None) -> str:
    """The 8-bit encoding under which most marked words are Vietnamese; the declared one where nothing tells."""
    best, found = -1.0, "latin-1"
    for name in EIGHT_BIT:
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        said, legacy = readable(text)
        if legacy == "cp1258":
            continue  # it is that, and not this
        share, _ = _vietnamese(said)
        if share > best + 0.01 or (declared is not None and share > best - 0.01 and _family(declared) == name):
            best, found = max(share, best), name
    return found


def _declared(head: str) -> str | None:
    match = DECLARATION.search(head[:1024])
    return match[1] if match else None


def _family(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return name.lower()
    return {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16", "iso8859-1": "latin-1"}.get(
        found, found
    )


# legacy fonts

_TCVN3 = str.maketrans(
    "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢§£¤¥¦",
    "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂĐÊÔƠƯ",
)
_TONES = dict(zip("ùøûõï", "\u0301\u0300\u0309\u0303\u0323", strict=True))
_VNI_VOWELS = {  # a base letter, and what the sign after it makes of it
    **{f"{base}{sign}": f"{base}{tone}" for base in "aeouyôö" for sign, tone in _TONES.items()},
    **{f"{base}{sign}": f"{base}\u0302{tone}"
       for base in "aeo" for sign, tone in zip("âáàåãä", ("", *_TONES.values()), strict=True)},
    **{f"a{sign}": f"a\u0306{tone}" for sign, tone in zip("êéèúüë", ("", *_TONES.values()), strict=True)},
    "ô": "ơ", "ö": "ư", "ñ": "đ", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ",
}  # fmt: skip


def _with_capitals(table: dict[str, str]) -> dict[str, str]:
    out = {}
    for sign, shown in table.items():
        shown = shown.replace("ô", "ơ").replace("ö", "ư") if len(sign) == 2 else shown
        shown = unicodedata.normalize("NFC", shown)
        out[sign] = shown
        out[sign.upper()] = shown.upper()
        out[sign[0].upper() + sign[1:]] = shown.capitalize()
    return out


_VNI_TABLE = _with_capitals(_VNI_VOWELS)
_VNI = re.compile("|".join(sorted(map(re.escape, _VNI_TABLE), key=len, reverse=True)))


def from_tcvn3(text: str) -> str:
    """A text typed in a TCVN3 (ABC, .VnTime) font, as it showed.

    >>> from_tcvn3("Trµn dÞch mµng phæi")
    'Tràn dịch màng phổi'
    """
    return text.translate(_TCVN3)


def from_vni(text: str) -> str:
    """A text typed in a VNI font, as it showed.

    >>> from_vni("Traøn dòch maøng phoåi")
    'Tràn dịch màng phổi'
    """
    return _VNI.sub(lambda match: _VNI_TABLE[match[0]], text)


def _from_utf8_as_1252(text: str) -> str:
    """UTF-8 that was read as windows-1252 or latin-1 and written again; empty where it was not."""
    for name in ("cp1252", "latin-1"):
        try:
            return text.encode(name).decode("utf-8")
        except UnicodeError:
            continue
    return ""


def _from_1258_as_1252(text: str) -> str:
    try:
        return unicodedata.normalize("NFC", text.encode("cp1252").decode("cp1258"))
    except UnicodeError:
        return ""


READINGS = {"tcvn3": from_tcvn3, "vni": from_vni, "utf8_twice": _from_utf8_as_1252, "cp1258": _from_1258_as_1252}


def readable(text: str) -> tuple[str, str | None]:
    """(the text in composed Unicode, the code of the legacy reading that made it so, if any).

    A text stays as it is unless its marked words are hardly Vietnamese and under another reading nearly all are.
    """
    text = unicodedata.normalize("NFC", text)
    share, marked = _vietnamese(text)
    if marked == 0 or share >= SURE:
        return text, None
    best, found, how = share + BETTER, text, None
    for name, convert in READINGS.items():
        other = convert(text)
        now, words = _vietnamese(other)
        if words >= ENOUGH and now >= SURE and now > best:
            best, found, how = now, other, name
    return found, how


_WORD = re.compile(r"[^\x00-\x40\[-`{-\x7f\s“”‘’–—…•°±≥≤\u200b\ufeff]+")
REMEMBERED = 300  # characters of a line whose count is remembered
LONGEST = 12  # letters of a syllable, and some more
_ONSET = "(?:b|c|ch|d|đ|g|gh|gi|h|k|kh|l|m|n|ng|ngh|nh|p|ph|qu|r|s|t|th|tr|v|x)?"
_RIME = (
    "(?:(?:[aăâeêoôơuư]|iê|yê|oa|oă|oe|uâ|uê|uô|ươ|oo)(?:ch|ng|nh|[cmnpt])?|(?:i|uy|uyê|y)(?:ch|nh|[cmnpt])?"
    "|[aăâeêioôơuưy]|ia|ya|ua|ưa|uơ|uya|uy"
    "|ai|ay|ao|au|âu|ây|eo|êu|iu|iêu|yêu|oi|ôi|ơi|oai|oay|oao|oeo|ui|uôi|uây|uyu|ươi|ươu|ưi|ưu|uêu|uau)"
)
_SYLLABLE = re.compile(_ONSET + _RIME)


@lru_cache(maxsize=65536)
def is_syllable(word: str) -> bool:
    """Whether a word is built as Vietnamese syllables are, whatever it means.

    >>> is_syllable("phổi"), is_syllable("phæi"), is_syllable("phoåi")
    (True, False, False)
    """
    return _SYLLABLE.fullmatch(split_tone(word)[0]) is not None


def _vietnamese(text: str) -> tuple[float, int]:
    """(share of the words with letters beyond ASCII that are Vietnamese syllables, number of such words)."""
    fine = words = 0
    for line in text.split("\n"):
        if not line.isascii():
            in_line, of_line = _counted(line) if len(line) < REMEMBERED else _counted.__wrapped__(line)
            fine += in_line
            words += of_line
    return (fine / words if words else 1.0), words


@lru_cache(maxsize=8192)  # lines repeat from report to report
def _counted(line: str) -> tuple[int, int]:
    """(words that are syllables, words) of a line, of those with letters beyond ASCII."""
    words = [word for word in _WORD.findall(line) if not word.isascii() and any(map(str.isalpha, word))]
    return sum(len(word) <= LONGEST and is_syllable(word) for word in words), len(words)
