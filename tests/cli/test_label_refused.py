"""A bad row is reported with file and line and counted, and the rest is labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.helpers import labels, small

GOOD = b"ok,Tim to.\n"
MEGABYTE = b"Tim to. " * 125_001


def label_csv(here: Path, body: bytes, header: bytes = b"report_id,description\n") -> tuple[str, dict[str, str], dict]:
    (here / "r.csv").write_bytes(header + body)
    result = small("r.csv", "-o", "out.csv")
    meta = json.loads((here / "out.meta.json").read_text("utf-8"))
    assert result.exit_code == (2 if meta["counts"]["refused"] else 0)
    assert small("r.csv", "-o", "out.csv", "--allow-refused").exit_code == 0
    assert meta["counts"]["refused"] == len(meta["refused"]) == result.stderr.count("r.csv:")
    return result.stderr, labels((here / "out.csv").read_text("utf-8")), meta


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"a,Tim \xff\xfe to.\n", "undecodable"),
        (b",Tim to.\n", "missing_id"),
        (b"  ,Tim to.\n", "missing_id"),
        (b"a,Tim\0 to.\n", "nul"),
        (b"a,Tim to, catheter\n", "too_many_fields"),
        (b"a\n", "too_few_fields"),
        (b"a," + MEGABYTE + b"\n", "too_long"),
        (b'a,"' + MEGABYTE + b'"\n', "too_long"),
        (b'a,"' + MEGABYTE.replace(b". ", b".\n") + b'"\n', "too_long"),
        (b"a," + MEGABYTE * 6 + b"\n", "too_long"),
        (b'a,"Tim "to", catheter"\n', "bad_quote"),
        (b'a,"Tim to\n', "open_quote"),
    ],
)
def test_a_bad_row_costs_only_itself(here: Path, row: bytes, code: str) -> None:
    stderr, rows, meta = label_csv(here, GOOD + row + b"c,Catheter.\nd,Tim to.\n")
    assert rows == {"ok": "00011", "c": "00001", "d": "00011"}
    assert meta["refused"][0]["line"] == 3
    assert meta["refused"][0]["file"] == "r.csv"
    assert code in {r["code"] for r in meta["refused"]}
    assert stderr.startswith("r.csv:3: ")


def test_a_repeated_id_is_refused_where_it_stands_again(here: Path) -> None:
    _, rows, meta = label_csv(here, b"a,Tim to.\nb,Catheter.\na,Catheter.\n b ,Tim to.\n")
    assert rows == {"a": "00011", "b": "00001"}
    assert [(r["line"], r["code"]) for r in meta["refused"]] == [(4, "repeated_id"), (5, "repeated_id")]


def test_an_open_quote_does_not_swallow_the_rows_after_it(here: Path) -> None:
    rows_after = b"".join(b'r%d,"Tim to, catheter"\n' % i for i in range(200))
    _, rows, meta = label_csv(here, b'bad,"Tim to\n' + rows_after)
    assert len(rows) == 200
    assert [(r["line"], r["code"]) for r in meta["refused"]] == [(2, "bad_quote")]


def test_an_open_quote_in_a_file_without_other_quotes(here: Path) -> None:
    rows_after = b"".join(b"r%d,Tim to.\n" % i for i in range(60_000))
    _, rows, meta = label_csv(here, b'bad,"Tim to\n' + rows_after)
    assert len(rows) == 60_000
    assert [(r["line"], r["code"]) for r in meta["refused"]] == [(2, "open_quote")]


def test_undoubled_quotes_in_a_long_text_make_no_rows_of_their_own(here: Path) -> None:
    _, rows, meta = label_csv(here, 'x,"Tim to,\nnốt "mờ" , phổi\nTim to, catheter\n"\n'.encode() + GOOD)
    assert rows == {"ok": "00011"}
    assert {r["line"] for r in meta["refused"]} >= {2}


def test_lines_within_a_quoted_text_are_counted(here: Path) -> None:
    _, rows, meta = label_csv(here, b'a,"Tim\nto."\n\nb,"x""y\r\n"\n,z\n')
    assert set(rows) == {"a", "b"}
    assert [r["line"] for r in meta["refused"]] == [7]


def test_old_line_ends(here: Path) -> None:
    _, rows, meta = label_csv(here, b"a,Tim to.\r,Catheter.\rc,Catheter.\r", b"report_id,description\r")
    assert rows == {"a": "00011", "c": "00001"}
    assert [r["line"] for r in meta["refused"]] == [3]


def test_undecodable_bytes_in_another_encoding_cost_one_row(here: Path) -> None:
    text = "report_id,description\na,Tim to.\nb,X\nc,Catheter.\n".encode("utf-16")
    (here / "r.csv").write_bytes(text.replace("X".encode("utf-16-le"), b"\x00\xd8"))
    result = small("r.csv", "-o", "-")
    assert result.stderr.startswith("r.csv:3: holds bytes that are not text")
    assert labels(result.stdout) == {"a": "00011", "c": "00001"}


JSON_ROWS = [
    (b'{"report_id": "a", "description": "Tim to."', "broken_json"),
    (b'["a", "Tim to."]', "broken_json"),
    (b"[" * 100_000, "broken_json"),
    (b'{"report_id": "a", "description": 5}', "bad_text"),
    (b'{"report_id": "a", "description": ["Tim to."]}', "bad_text"),
    (b'{"report_id": 1.5, "description": "Tim to."}', "bad_id"),
    (b'{"report_id": true, "description": "Tim to."}', "bad_id"),
    (b'{"report_id": null, "description": "Tim to."}', "missing_id"),
    (b'{"description": "Tim to."}', "missing_id"),
    (b'{"report_id": "a", "text": "Tim to."}', "missing_text"),
    (b'{"report_id": "a", "description": "Tim \\ud800 to."}', "undecodable"),
    (b'{"report_id": "a", "description": "Tim \\u0000 to."}', "nul"),
    (b'{"report_id": "a", "description": "Tim \xff to."}', "undecodable"),
    (b'{"report_id": "a", "description": "' + MEGABYTE + b'"}', "too_long"),
    (b'{"report_id": "ok", "description": "Tim to."}', "repeated_id"),
]


@pytest.mark.parametrize("first", [True, False])
def test_bad_json_lines(here: Path, first: bool) -> None:
    good = b'{"report_id": "ok", "description": "Tim to."}'
    bad = [row for row, code in JSON_ROWS if not (first and code == "repeated_id")]
    lines = [*bad, good] if first else [good, *bad]
    (here / "r.jsonl").write_bytes(b"\n".join([*lines, b'{"report_id": "z", "description": null}']))
    result = small("r.jsonl", "-o", "out.csv")
    meta = json.loads((here / "out.meta.json").read_text("utf-8"))
    assert result.exit_code == 2
    assert labels((here / "out.csv").read_text("utf-8")) == {"ok": "00011", "z": "00000"}
    codes = {r["line"]: r["code"] for r in meta["refused"]}
    start = 1 if first else 2
    expected = {start + i: code for i, (row, code) in enumerate(JSON_ROWS) if row in bad}
    assert codes == expected
    assert result.stderr.count("r.jsonl:") == len(bad)


def test_bad_text_files(here: Path) -> None:
    (here / "x").mkdir()
    for name, data in {"a": b"Tim to.", "b": b"Tim\nto \xff", "c": MEGABYTE, "d": b"\0", "e": b""}.items():
        (here / "x" / f"{name}.txt").write_bytes(data)
    result = small("x", "-o", "-")
    assert result.exit_code == 2
    assert labels(result.stdout) == {"a": "00011", "e": "00000"}
    for start in ("x/b.txt:2: ", "x/c.txt:1: ", "x/d.txt:1: "):
        assert f"\n{start}" in f"\n{result.stderr}"


def test_an_empty_text_is_a_row(here: Path) -> None:
    (here / "r.csv").write_text('report_id,description\na,\nb,""\nc," \n "\n')
    result = small("r.csv", "-o", "-")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [f"{i},0,0,0,0,0,review,rules,,empty" for i in "abc"]


def test_neither_messages_nor_account_tell_anything_of_a_patient(here: Path) -> None:
    secret = "Nguyễn Văn A, tim to"
    rows = f'SECRET7,"{secret}"\nSECRET7,"{secret}"\nSECRET8,{secret}\nSECRET9,"{secret}" x\n'
    (here / "r.csv").write_text("report_id,description\n" + rows, encoding="utf-8")
    result = small("r.csv", "-o", "out.csv")
    said = result.stderr + result.stdout + (here / "out.meta.json").read_text("utf-8")
    assert json.loads((here / "out.meta.json").read_text("utf-8"))["counts"]["refused"] == 3
    assert "Nguyễn" not in said
    assert "SECRET" not in said
