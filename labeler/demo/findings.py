"""What radiologists of the simulated hospital find, and how they write it."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

CLASSES = ("chest_wall", "pleura", "parenchyma", "cardio", "abnormal")
SIDES = {"right": "phải", "left": "trái"}


@dataclass(frozen=True)
class Finding:
    """A finding of one patient: what is drawn, on which side, which class it sets, how it is written."""

    drawn: str
    side: str
    region: str  # a class, or other
    sentence: str


@dataclass(frozen=True)
class _Kind:
    drawn: str
    region: str
    frequency: int
    sentences: tuple[str, ...]  # {side} in words
    sides: tuple[str, ...] = ("right", "left")


_KINDS = (
    _Kind("effusion", "pleura", 5, (
        "Tràn dịch màng phổi {side} lượng ít", "Tràn dịch màng phổi {side} lượng vừa", "Mờ góc sườn hoành {side}",
    )),
    _Kind("pneumothorax", "pleura", 2, ("Tràn khí màng phổi {side}", "Tràn khí khoang màng phổi {side} lượng ít")),
    _Kind("opacity", "parenchyma", 4, (
        "Đám mờ không thuần nhất vùng giữa phổi {side}", "Nốt mờ vùng giữa phổi {side}", "Theo dõi viêm phổi {side}",
    )),
    _Kind("upper_opacity", "parenchyma", 2, ("Đám mờ thùy trên phổi {side}", "Đám mờ vùng cao phổi {side}")),
    _Kind("opacity", "parenchyma", 2, (  # words that no rule knows: such reports go to a person
        "Đám dày lạ cạnh rốn phổi {side}", "Hình ảnh nơ bướm cạnh rốn phổi {side}",
    )),
    _Kind("large_heart", "cardio", 5, ("Bóng tim to", "Chỉ số tim ngực > 0,5", "Bóng tim to, cung thất trái giãn"), ("left",)),
    _Kind("fracture", "chest_wall", 3, ("Gãy cung bên xương sườn 6 bên {side}", "Gãy xương sườn 6 bên {side}")),
    _Kind("device", "other", 1, ("Hình ảnh máy tạo nhịp thành ngực trái",), ("left",)),
)  # fmt: skip

_NORMAL = {
    "chest_wall": ("Khung xương lồng ngực không thấy bất thường", "Các xương sườn, xương đòn không thấy tổn thương"),
    "cardio": ("Bóng tim không to", "Bóng tim và trung thất bình thường"),
    "parenchyma": ("Nhu mô hai phổi không thấy tổn thương khu trú", "Hai phổi sáng đều"),
    "pleura": ("Góc sườn hoành hai bên nhọn", "Không thấy tràn dịch, tràn khí màng phổi"),
}
_HEADINGS = {"chest_wall": "Khung xương", "cardio": "Tim và trung thất", "parenchyma": "Nhu mô phổi", "pleura": "Màng phổi"}
_ALL_NORMAL = "Hình tim phổi trên phim trong giới hạn bình thường"


def draw_findings(rng: random.Random) -> list[Finding]:
    """None in half of the patients, else one to three of different kinds, no two of one region on one side."""
    if rng.random() < 0.5:
        return []
    number = rng.choices((1, 2, 3), (6, 3, 1))[0]
    found: list[Finding] = []
    kinds = list(_KINDS)
    for _ in range(number):
        kind = rng.choices(kinds, [k.frequency for k in kinds])[0]
        kinds.remove(kind)
        side = rng.choice(kind.sides)
        if any(f.region == kind.region for f in found):
            continue
        found.append(Finding(kind.drawn, side, kind.region, rng.choice(kind.sentences).format(side=SIDES[side])))
    return found


def labels_of(findings: list[Finding]) -> dict[str, int]:
    """The five classes."""
    regions = {finding.region for finding in findings}
    return {name: int(name in regions or (name == "abnormal" and bool(regions))) for name in CLASSES}


def write_report(rng: random.Random, findings: list[Finding]) -> str:
    """A report in one of the styles of the house: lines, headings, prose, or one sentence for a normal film."""
    if not findings and rng.random() < 0.3:
        return f"{_ALL_NORMAL}."
    by_region: dict[str, list[str]] = {region: [] for region in _NORMAL}
    for finding in findings:
        by_region["cardio" if finding.region == "other" else finding.region].append(finding.sentence)
    lines = {region: said or [rng.choice(_NORMAL[region])] for region, said in by_region.items()}
    style = rng.choice(("lines", "headings", "prose"))
    if style == "headings":
        return "\n".join(f"{_HEADINGS[region]}: {'. '.join(said)}." for region, said in lines.items())
    every = [sentence for said in lines.values() for sentence in said]
    if style == "lines":
        return "\n".join(f"- {sentence}." for sentence in every)
    return " ".join(f"{sentence}." for sentence in every)


def slip(rng: random.Random, text: str) -> str:
    """The text with one typing slip: a lost tone mark, a doubled letter, or two letters exchanged."""
    spots = [i for i in range(2, len(text) - 2) if text[i - 1 : i + 3].isalpha()]
    if not spots:
        return text
    kind = rng.choice(("tone", "double", "swap"))
    marked = [i for i in spots if len(unicodedata.normalize("NFD", text[i])) > 2]
    if kind == "tone" and marked:
        at = rng.choice(marked)
        return text[:at] + unicodedata.normalize("NFC", unicodedata.normalize("NFD", text[at])[:2]) + text[at + 1 :]
    at = rng.choice(spots)
    if kind == "swap" and text[at] != text[at + 1]:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at] + text[at:]
