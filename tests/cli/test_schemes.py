"""Label columns, and what an uncertain label becomes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.schema import CHEXPERT, VINDR_GLOBAL, VINDR_LOCAL
from tests.cli.helpers import CLASSES, labels, small, table, vnlabel

REPORTS = {
    "unsure": "Theo dõi viêm phổi.",
    "both": "Theo dõi viêm phổi. Tim to.",
    "definite": "Viêm phổi. Theo dõi viêm phổi.",
    "device": "Catheter. Theo dõi viêm phổi.",
    "none": "Tim không to.",
}


@pytest.fixture
def reports(here: Path) -> Path:
    rows = "".join(f"{key},{text}\n" for key, text in REPORTS.items())
    (here / "r.csv").write_text(f"report_id,description\n{rows}", encoding="utf-8")
    return here


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, ("0|0|1|0|1", "0|0|1|1|1", "0|0|1|0|1", "0|0|1|0|1")),
        ("positive", ("0|0|1|0|1", "0|0|1|1|1", "0|0|1|0|1", "0|0|1|0|1")),
        ("negative", ("0|0|0|0|0", "0|0|0|1|1", "0|0|1|0|1", "0|0|0|0|1")),
        ("missing", ("0|0|||".removesuffix("|") + "0|", "0|0||1|1", "0|0|1|0|1", "0|0||0|1")),
        ("minus1", ("0|0|-1|0|-1", "0|0|-1|1|1", "0|0|1|0|1", "0|0|-1|0|1")),
    ],
)
def test_policies(reports: Path, policy: str | None, expected: tuple[str, ...]) -> None:
    result = small("r.csv", "-o", "-", *(["--uncertain", policy] if policy else []))
    rows = table(result.stdout)
    got = tuple("|".join(rows[key][name] for name in CLASSES) for key in list(REPORTS)[:4])
    assert got == expected
    assert rows["none"]["abnormal"] == "0"
    assert [rows[key]["uncertain"] for key in REPORTS] == ["parenchyma;abnormal", "parenchyma", "", "parenchyma", ""]


def fine(text: str, scheme: str, *options: str) -> dict[str, str]:
    """Label columns that are not blank."""
    result = small("-", "-o", "-", "--scheme", scheme, *options, stdin=f'report_id,description\na,"{text}"\n')
    assert result.exit_code == 0, result.stderr
    row = table(result.stdout)["a"]
    return {k: v for k, v in row.items() if v and k not in ("report_id", "status", "method", "uncertain", "reasons")}


def test_header(here: Path) -> None:
    for scheme, names in (("chexpert", CHEXPERT), ("vindr", (*VINDR_LOCAL, *VINDR_GLOBAL)), ("classes", CLASSES)):
        header = small("-", "-o", "-", "--scheme", scheme, stdin="report_id,description\n").stdout.strip().split(",")
        assert header == ["report_id", *names, "status", "method", "uncertain", "reasons"]
    assert (len(CHEXPERT), len(VINDR_LOCAL), len(VINDR_GLOBAL)) == (14, 22, 6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"No Finding": "1"}),
        ("Tim to.", {"Cardiomegaly": "1"}),
        ("Tim không to.", {"Cardiomegaly": "0", "No Finding": "1"}),
        ("Theo dõi viêm phổi.", {"Pneumonia": "-1"}),
        ("Theo dõi viêm phổi. Viêm phổi.", {"Pneumonia": "1"}),
        ("Viêm phổi. Không thấy viêm phổi.", {"Pneumonia": "1"}),
        ("Màng phổi bình thường.", {"Pleural Effusion": "0", "Pneumothorax": "0", "No Finding": "1"}),
        ("Màng phổi bình thường. Tràn dịch màng phổi.", {"Pleural Effusion": "1", "Pneumothorax": "0"}),
        ("Catheter.", {"Support Devices": "1", "No Finding": "1"}),
        ("Catheter. Sẹo phổi.", {"Support Devices": "1"}),
        ("Sẹo phổi.", {}),
    ],
)
def test_chexpert(text: str, expected: dict[str, str]) -> None:
    assert fine(text, "chexpert") == expected


def test_chexpert_after_the_policy() -> None:
    text = "Theo dõi viêm phổi."
    assert fine(text, "chexpert", "--uncertain", "positive") == {"Pneumonia": "1"}
    assert fine(text, "chexpert", "--uncertain", "negative") == {"Pneumonia": "0", "No Finding": "1"}
    assert fine(text, "chexpert", "--uncertain", "missing") == {}


def test_vindr() -> None:
    assert fine("Theo dõi viêm phổi. Sẹo phổi.", "vindr") == {
        "Pneumonia": "-1", "Consolidation": "-1", "Other lesion": "1",
    }  # fmt: skip
    # that there is no scar does not mean that there is no other lesion at all
    assert fine("Không thấy sẹo phổi.", "vindr") == {"No finding": "1"}
    assert fine("Catheter.", "vindr") == {"No finding": "1"}


def test_a_template_clears_everything() -> None:
    got = fine("Tim phổi bình thường", "chexpert")
    assert got == {"Cardiomegaly": "0", "Fracture": "0", "Pleural Effusion": "0", "Pneumothorax": "0", "Pneumonia": "0",
                   "Support Devices": "0", "No Finding": "1"}  # fmt: skip


def test_the_shipped_rules_give_fine_labels(here: Path) -> None:
    result = vnlabel("label", "--examples", "-o", "-", "--scheme", "chexpert")
    rows = table(result.stdout)
    assert rows["VD002"]["Pleural Effusion"] == "1"
    assert rows["VD002"]["Pneumothorax"] == "0"
    assert rows["VD002"]["Fracture"] == ""
    assert rows["VD004"]["Fracture"] == "1"


def test_classes_agree_with_python(here: Path) -> None:
    from labeler import Labeler

    result = vnlabel("label", "--examples", "-o", "-")
    import csv

    from labeler.cli.label import examples_path

    labeler = Labeler.from_rules()
    with examples_path().open(encoding="utf-8", newline="") as file:
        expected = {
            r["report_id"]: "".join(map(str, labeler.label(r["description"]).labels.values()))
            for r in csv.DictReader(file)
        }
    assert labels(result.stdout) == expected
