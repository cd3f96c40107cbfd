"""Report corpora for the benchmarks, drawn from small grammars: no two runs and no two machines differ."""

from __future__ import annotations

import random

SIDES = ("phải", "trái", "hai bên", "(P)", "(T)")
ZONES = ("thùy trên", "thùy dưới", "thùy giữa", "đáy", "đỉnh", "hạ đòn", "1/3 giữa", "cạnh tim")
# Per region: how often it is abnormal (the paper's Table 2), its usual normal lines, and abnormal ones.
WALL = (
    0.024,
    ["Không thấy bất thường xương lồng ngực.", "Khung xương lồng ngực cân đối.", "Xương và phần mềm thành ngực bình thường.",
     "Lồng ngực cân đối, không gù vẹo.", "Các xương sườn, xương đòn liên tục.", "Không thấy gãy xương sườn, xương đòn."],
    [*(f"Gãy cung {arc} xương sườn {n} {side}." for arc in ("trước", "bên", "sau") for n in range(2, 11) for side in SIDES[:2]),
     *(f"Gãy 1/3 {part} xương đòn {side}{tail}" for part in ("ngoài", "giữa", "trong") for side in SIDES
       for tail in (".", " di lệch.", " đã KHX."))],
)  # fmt: skip
PLEURA = (
    0.022,
    ["Không thấy hình tràn dịch, tràn khí màng phổi.", "Góc sườn hoành hai bên nhọn.", "Màng phổi hai bên không dày, không dính.",
     "Không thấy dày dính hay tràn dịch màng phổi.", "Góc sườn hoành hai bên sáng, nhọn.", "Khoang màng phổi không có dịch, khí."],
    [*(f"Tràn {what} màng phổi {side} lượng {much}." for what in ("dịch", "khí", "máu") for side in SIDES
       for much in ("ít", "vừa", "nhiều")),
     *(f"{how} góc sườn hoành {side}." for how in ("Tù", "Mờ", "Mất", "Tù nhẹ") for side in SIDES)],
)  # fmt: skip
LUNG = (
    0.217,
    ["Hai trường phổi sáng, không thấy tổn thương khu trú.", "Nhu mô phổi hai bên sáng đều.", "Rốn phổi hai bên không đậm.",
     "Không thấy nốt mờ, đám mờ bất thường nhu mô phổi.", "Hai phế trường sáng, không thấy đám mờ.", "Phổi hai bên không thấy tổn thương."],
    [f"{what} {zone} phổi {side}{tail}" for what in ("Đám mờ", "Nốt mờ", "Dải xơ", "Đông đặc", "Nốt vôi hóa") for zone in ZONES
     for side in SIDES for tail in (".", ", theo dõi lao.", ", bờ rõ.")],
)  # fmt: skip
HEART = (
    0.078,
    ["Hình tim và trung thất không thấy bất thường.", "Bóng tim không to, quai ĐMC không vồng.", "Trung thất cân đối, không rộng.",
     "Bóng tim không to, trung thất cân đối.", "Hình tim không to, chỉ số tim/ngực < 0,5.", "Tim và trung thất bình thường."],
    [f"{who} {how}, {arch}." for who in ("Bóng tim", "Hình tim", "Tim") for how in ("không to", "to", "hơi to", "to toàn bộ")
     for arch in ("quai ĐMC vồng", "quai động mạch chủ vôi hóa", "cung động mạch phổi không giãn")],
)  # fmt: skip
DIAPHRAGM = (
    0.01,
    ["Vòm hoành hai bên đều, rõ nét.", "Cơ hoành hai bên nhẵn.", "Không thấy liềm hơi dưới vòm hoành."],
    ["Vòm hoành phải cao.", "Vòm hoành trái cao.", "Liềm hơi dưới vòm hoành phải.", "Nhão cơ hoành trái."],
)  # fmt: skip
REGIONS = (WALL, PLEURA, LUNG, HEART, DIAPHRAGM)
Region = tuple[float, list[str], list[str]]


def redundant(n: int = 10_002, distinct: int = 1_500, seed: int = 1) -> list[str]:
    """(a) `n` reports of which about `distinct` differ, some far more frequent than others (the paper's corpus)."""
    rng = random.Random(seed)
    pool = list(dict.fromkeys(_report(rng) for _ in range(distinct * 2)))[:distinct]
    weights = [1 / (rank + 1) for rank in range(len(pool))]
    out = pool + rng.choices(pool, weights, k=n - len(pool))
    rng.shuffle(out)
    return out


def all_distinct(n: int, seed: int = 2) -> list[str]:
    """(b) `n` different reports made of common lines."""
    rng = random.Random(seed)
    out: dict[str, None] = {}
    while len(out) < n:
        out[_report(rng)] = None
    return list(out)


def distinct_lines(n: int, seed: int = 3) -> list[str]:
    """(c) `n` reports in which every line is different, one in twenty misspelt."""
    rng = random.Random(seed)
    used: set[str] = set()
    out = []
    for _ in range(n):
        lines = []
        for region in REGIONS:
            line = _unheard(rng, region, used)
            lines.append("- " + (misspell(rng, line) if rng.random() < 0.05 else line))
        out.append("\n".join(lines))
    return out


def _report(rng: random.Random) -> str:
    lines = []
    for share, normal, abnormal in REGIONS:
        lines.append("- " + rng.choice(abnormal if rng.random() < share else normal))
    return "\n".join(lines)


def _unheard(rng: random.Random, region: Region, used: set[str]) -> str:
    """A line of a region that was not used before: lines joined and measured differently each time."""
    while True:
        line = rng.choice(rng.choice(region[1:])).rstrip(".")  # type: ignore[arg-type]
        extra = rng.choice(
            (
                f", kích thước {rng.randint(3, 90)} x {rng.randint(3, 90)} mm",
                f", so với phim ngày {rng.randint(1, 28)}/{rng.randint(1, 12)}/20{rng.randint(10, 26)} không thay đổi",
                f", đường kính khoảng {rng.randint(3, 90)},{rng.randint(1, 9)} cm",
                f", cách carina khoảng {rng.randint(3, 900)} mm",
            )
        )
        line = line + extra + "."
        if line not in used:
            used.add(line)
            return line


def misspell(rng: random.Random, line: str) -> str:
    """One typing slip in one word: a letter doubled, dropped or swapped."""
    words = line.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not places:
        return line
    i = rng.choice(places)
    word = words[i]
    at = rng.randrange(1, len(word) - 1)
    words[i] = rng.choice(
        (
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return " ".join(words)
