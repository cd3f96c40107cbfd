"""To a person and back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.helpers import CLASSES, labels, small, table

ROWS = {
    "clear": "Tim to.",
    "odd": "Tim to. Xyzzy.",
    "odder": 'Tràn dịch\nmàng phổi, "Qwfp".',
    "empty": "",
    "line": "Xyzzy Catheter.",
}


@pytest.fixture
def review(here: Path) -> list[dict[str, str]]:
    """Rows of the review file of ROWS."""
    with (here / "r.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["report_id", "description"])
        writer.writerows(ROWS.items())
    assert small("r.csv", "-o", "labels.csv", "--review-out", "review.csv").exit_code == 0
    with (here / "review.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decide(review: list[dict[str, str]], *options: str, delimiter: str = ",", encoding: str = "utf-8") -> object:
    with Path("decided.csv").open("w", encoding=encoding, newline="") as out:
        writer = csv.DictWriter(out, list(review[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(review)
    return small("r.csv", "-o", "labels.csv", "--decisions", "decided.csv", *options)


def test_the_review_file(review: list[dict[str, str]]) -> None:
    assert {r["report_id"]: r["description"] for r in review} == {k: v for k, v in ROWS.items() if k != "clear"}
    assert all(r[name] == "" for r in review for name in ["corrected_text", *CLASSES])
    odd = review[0]
    assert [odd[f"proposed_{name}"] for name in CLASSES] == ["0", "0", "0", "1", "1"]
    assert odd["reasons"] == "residue"
    assert len({r["text_hash"] for r in review}) == 4


def test_a_file_left_as_it_was_changes_nothing(here: Path, review: list[dict[str, str]]) -> None:
    before = (here / "labels.csv").read_bytes()
    assert decide(review).exit_code == 0
    assert (here / "labels.csv").read_bytes() == before


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), (",", "utf-16")])
def test_given_labels_win(here: Path, review: list[dict[str, str]], delimiter: str, encoding: str) -> None:
    review[0].update(dict(zip(CLASSES, "01001", strict=True)))
    result = decide(review, "--explain", "why.jsonl", delimiter=delimiter, encoding=encoding)
    assert result.exit_code == 0, result.stderr
    row = table((here / "labels.csv").read_text())["odd"]
    assert "".join(row[name] for name in CLASSES) == "01001"
    assert (row["method"], row["status"]) == ("person", "reviewed")
    why = next(w for w in map(json.loads, (here / "why.jsonl").open(encoding="utf-8")) if w["report_id"] == "odd")
    assert (why["labels"]["pleura"], why["status"], why["method"]) == (1, "reviewed", "person")
    assert why["classes"]["pleura"] == {"value": 1, "because": {"kind": "person"}}
    assert json.loads((here / "labels.meta.json").read_text())["decisions"] == {"applied": 1, "not_applied": []}


def test_some_given_labels_leave_the_others_and_abnormal_follows(here: Path, review: list[dict[str, str]]) -> None:
    review[0]["cardio"] = "0"
    review[3]["pleura"] = "0"
    assert decide(review).exit_code == 0
    got = labels((here / "labels.csv").read_text())
    assert got["odd"] == "00000"
    assert got["line"] == "00001", "the catheter is still abnormal"


def test_a_corrected_text_is_labelled_again(here: Path, review: list[dict[str, str]]) -> None:
    review[0]["corrected_text"] = "Viêm phổi."
    review[1]["corrected_text"] = "Tràn dịch màng phổi. Qwfp."
    result = decide(review, "--review-out", "again.csv")
    assert result.exit_code == 0, result.stderr
    rows = table((here / "labels.csv").read_text())
    assert "".join(rows["odd"][name] for name in CLASSES) == "00101"
    assert (rows["odd"]["method"], rows["odd"]["status"]) == ("rules", "auto")
    assert rows["odder"]["status"] == "review"
    again = table((here / "again.csv").read_text("utf-8"))
    assert "odd" not in again
    assert again["odder"]["description"] == ROWS["odder"]
    assert again["odder"]["corrected_text"] == "Tràn dịch màng phổi. Qwfp."
    assert again["odder"]["text_hash"] == review[1]["text_hash"]


def test_line_ends_may_change_on_the_way(here: Path, review: list[dict[str, str]]) -> None:
    for row in review:
        row["description"] = row["description"].replace("\n", "\r\n")
    review[1].update(dict(zip(CLASSES, "00000", strict=True)))
    (here / "r.csv").write_bytes((here / "r.csv").read_bytes().replace(b"\n", b"\r\n").replace(b"\r\r", b"\r"))
    assert decide(review).exit_code == 0
    assert table((here / "labels.csv").read_text())["odder"]["method"] == "person"


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"text_hash": "0" * 16, "description": "", "pleura": "1"}, "changed_text", "the report's text has changed"),
        ({"report_id": "nobody", "pleura": "1"}, "unknown_id", "no report with this id"),
        ({"report_id": "", "pleura": "1"}, "missing_id", "the id is missing"),
        ({"text_hash": "", "pleura": "1"}, "missing_hash", "text_hash is missing"),
        ({"pleura": "2"}, "bad_label", "pleura is '2'; write 0 or 1"),
        ({"pleura": "yes"}, "bad_label", "pleura is 'yes'; write 0 or 1"),
        ({"pleura": "1", "abnormal": "0"}, "bad_label", "abnormal is 0 although a class is 1"),
        ({"description": "Tim không to."}, "edited_text", "write the corrected text into 'corrected_text'"),
        ({"corrected_text": "a\0b"}, "bad_text", "corrected_text is no text"),
    ],
)
def test_what_is_not_applied_is_reported(
    here: Path, review: list[dict[str, str]], changes: dict[str, str], code: str, message: str
) -> None:
    before = (here / "labels.csv").read_bytes()
    review[0].update(changes)
    result = decide(review)
    assert result.exit_code == 2
    assert result.stderr.startswith("decided.csv:2: ")
    if "\0" not in str(changes):
        assert message in result.stderr
    assert (here / "labels.csv").read_bytes() == before
    not_applied = json.loads((here / "labels.meta.json").read_text())["decisions"]["not_applied"]
    assert [(p["file"], p["line"]) for p in not_applied] == [("decided.csv", 2)]
    assert decide(review, "--allow-refused").exit_code == 0


def test_a_report_decided_twice(here: Path, review: list[dict[str, str]]) -> None:
    review[0]["pleura"] = "1"
    review.append({**review[0], "pleura": "0"})
    result = decide(review)
    assert result.exit_code == 2
    assert "decided above already" in result.stderr
    assert table((here / "labels.csv").read_text())["odd"]["pleura"] == "1"


def test_decisions_are_about_the_five_classes(here: Path, review: list[dict[str, str]]) -> None:
    result = decide(review, "--scheme", "chexpert")
    assert result.exit_code == 2
    assert "use --scheme classes" in result.stderr
