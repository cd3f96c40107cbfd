"""Every format goes in, the same labels come out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.helpers import labels, process, small, table, vnlabel

TEXTS = {
    "a1": "Tràn dịch màng phổi phải.",
    "a2": "- Tim không to.\n- Không thấy tràn khí màng phổi.",
    "a3": 'Gãy xương sườn, "tim to"',
    "a4": "",
    "5": "Catheter. Sẹo phổi; tim to.",
}
EXPECTED = {"a1": "01001", "a2": "00000", "a3": "10011", "a4": "00000", "5": "00111"}


def as_csv(delimiter: str = ",", end: str = "\n", columns: tuple[str, str] = ("report_id", "description")) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    writer.writerows(TEXTS.items())
    return out.getvalue()


def as_jsonl() -> str:
    rows = [{"report_id": int(k) if k == "5" else k, "description": v, "age": 3} for k, v in TEXTS.items()]
    return "".join(json.dumps(row, ensure_ascii=k % 2 == 0) + "\n" for k, row in enumerate(rows))


def write(path: Path, name: str) -> str:
    target = path / name
    if name.endswith((".jsonl", ".ndjson")):
        target.write_text(as_jsonl(), encoding="utf-8")
    elif name.endswith(".parquet"):
        pq.write_table(pa.table({"description": list(TEXTS.values()), "x": [1] * 5, "report_id": list(TEXTS)}), target)
    elif name.endswith(".tsv"):
        target.write_text(as_csv("\t"), encoding="utf-8")
    elif name == "folder":
        target.mkdir()
        for key, text in TEXTS.items():
            (target / f"{key}.txt").write_text(text, encoding="utf-8")
        (target / "notes.md").write_text("no report")
        (target / "._a1.txt").write_bytes(b"\x00\x05")
    else:
        target.write_text(as_csv(), encoding="utf-8")
    return str(target)


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.jsonl", "r.ndjson", "r.parquet", "folder"])
def test_every_format_gives_the_same_labels(here: Path, name: str) -> None:
    result = small(write(here, name), "-o", "out.csv")
    assert result.exit_code == 0, result.stderr
    assert labels((here / "out.csv").read_text("utf-8")) == EXPECTED


def test_order_is_kept_and_a_folder_goes_by_name(here: Path) -> None:
    for name, order in (("r.csv", list(TEXTS)), ("folder", sorted(TEXTS))):
        result = small(write(here, name), "-o", "-")
        assert list(table(result.stdout)) == order


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (as_csv(), []),
        (as_jsonl(), []),
        ("\n\n  " + as_jsonl(), []),
        (as_csv("\t"), ["--format", "tsv"]),
        (as_csv(";"), []),
        (as_csv("\t"), []),
        (as_csv(end="\r\n"), ["--format", "csv"]),
        ("\n\n" + as_csv(), []),
    ],
)
def test_standard_input(content: str, options: list[str]) -> None:
    result = small("-", "-o", "-", *options, stdin=content.encode())
    assert result.exit_code == 0, result.stderr
    assert labels(result.stdout) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", [as_csv(), as_jsonl()])
def test_byte_order_marks_tell_the_encoding(encoding: str, content: str) -> None:
    result = small("-", "-o", "-", stdin=content.encode(encoding))
    assert result.exit_code == 0, result.stderr
    assert labels(result.stdout) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-8", "cp1258"])
def test_a_named_encoding(here: Path, encoding: str) -> None:
    text = as_csv() if encoding != "cp1258" else 'report_id,description\na1,"Tim to, catheter"\n'
    (here / "r.csv").write_bytes(text.encode(encoding))
    result = small("r.csv", "-o", "-", "--encoding", encoding)
    assert result.exit_code == 0, result.stderr
    assert labels(result.stdout) == (EXPECTED if encoding != "cp1258" else {"a1": "00011"})


def test_text_files_have_encodings_of_their_own(here: Path) -> None:
    (here / "x").mkdir()
    for name, encoding in (("a", "utf-8"), ("b", "utf-8-sig"), ("c", "utf-16")):
        (here / "x" / f"{name}.txt").write_bytes("Viêm phổi.\r\nTim to.".encode(encoding))
    result = small("x", "-o", "-")
    assert labels(result.stdout) == dict.fromkeys("abc", "00111")


def test_columns_by_other_names(here: Path) -> None:
    (here / "r.csv").write_text(as_csv(columns=("Mã phiếu", "Mô tả")), encoding="utf-8")
    result = small("r.csv", "-o", "-", "--id-column", "Mã phiếu", "--text-column", "Mô tả")
    assert labels(result.stdout) == EXPECTED


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.parquet", "r.jsonl"])
def test_a_missing_column_names_the_nearest(here: Path, name: str) -> None:
    result = small(write(here, name), "-o", "out.csv", "--text-column", "descripton")
    assert result.exit_code == 2
    assert result.stderr == f"{here / name}:1: no column 'descripton'; did you mean 'description'? (--text-column)\n"
    assert not (here / "out.csv").exists()


def test_parquet_of_many_types(here: Path) -> None:
    ids = pa.array([1, 2, None, 4], pa.int64())
    texts = pa.array(["Tim to.", None, "Tim to.", "Viêm phổi."]).dictionary_encode()
    pq.write_table(pa.table({"report_id": ids, "description": texts}), "r.parquet")
    result = small("r.parquet", "-o", "-")
    assert result.exit_code == 2
    assert "r.parquet:3: the id is missing" in result.stderr
    assert labels(result.stdout) == {"1": "00011", "2": "00000", "4": "00101"}
    pq.write_table(pa.table({"report_id": ["a"], "description": [1.5]}), "n.parquet")
    assert "holds double, not text" in small("n.parquet", "-o", "-").stderr


def test_parquet_with_bytes_that_are_no_text_loses_one_row(here: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"Tim to.", b"\xff\xfe", b"Catheter."]).buffers())
    pq.write_table(pa.table({"report_id": ["a", "b", "c"], "description": broken}), "r.parquet")
    result = small("r.parquet", "-o", "-")
    assert "r.parquet:2: holds bytes that are not text" in result.stderr
    assert labels(result.stdout) == {"a": "00011", "c": "00001"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nope.csv", "-o", "-"], "nope.csv: no such file or folder"),
        (["r.cvs", "-o", "-"], "r.cvs: no such file or folder; did you mean 'r.csv'?"),
        (["r.csv"], "say where the labels go"),
        (["-o", "x.csv"], "name one source: SRC or --examples"),
        (["r.csv", "--examples", "-o", "x.csv"], "name one source: SRC or --examples"),
        (["r.csv", "-o", "r.csv"], "-o and SRC are the same file"),
        (["r.csv", "-o", "x.csv", "--explain", "x.csv"], "are the same file"),
        (["r.csv", "-o", "x.parquet"], "name the file .csv"),
        (["r.csv", "-o", "-", "--json"], "both want standard output"),
        (["r.csv", "-o", "no/where.csv"], "no/where.csv: cannot be written"),
        (["r.csv", "-o", "-", "--encoding", "utf-88"], "unknown encoding 'utf-88'"),
        (["r.xyz", "-o", "-"], "r.xyz: cannot tell the format"),
        (["empty.csv", "-o", "-"], "empty.csv:1: the file is empty"),
        (["void", "-o", "-"], "void: no .txt files"),
        (["false.parquet", "-o", "-"], "false.parquet: not a Parquet file"),
        (["utf16.csv", "-o", "-"], "utf16.csv:1: holds NUL bytes; is it UTF-16"),
        (["r.csv", "-o", "-", "--shceme", "chexpert"], "--scheme"),
        (["r.csv", "-o", "-", "--decisions", "none.csv"], "none.csv: No such file"),
        (["r.csv", "-o", "-", "--decisions", "r.csv"], "no column 'text_hash'"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Path, args: list[str], message: str) -> None:
    write(here, "r.csv")
    for name in ("r.xyz", "empty.csv", "false.parquet"):
        (here / name).write_bytes(b"" if name == "empty.csv" else b"abc")
    (here / "utf16.csv").write_bytes(as_csv().encode("utf-16-le"))
    (here / "void").mkdir()
    before = sorted(p.name for p in here.iterdir())
    result = small(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(p.name for p in here.iterdir()) == before


def test_the_shipped_examples(here: Path) -> None:
    result = vnlabel("label", "--examples", "-o", "labels.csv")
    assert result.exit_code == 0, result.stderr
    rows = table((here / "labels.csv").read_text("utf-8"))
    assert len(rows) >= 12
    assert rows["VD002"]["pleura"] == "1"
    assert rows["VD001"]["abnormal"] == "0"
    assert {"auto", "review"} == {row["status"] for row in rows.values()}
    assert "VD002" in result.stdout
    assert "labels.csv" in result.stdout


def test_several_processes_give_the_same_in_the_same_order(here: Path) -> None:
    rows = [f"r{i},{text}" for i, text in enumerate(["Tim to.", "Viêm phổi.", "Catheter.", "Tim không to."] * 700)]
    (here / "r.csv").write_text("report_id,description\n" + "\n".join(rows) + "\nr7,again\n", encoding="utf-8")
    for jobs in ("1", "3"):
        args = ["label", "r.csv", "--rules", Path(__file__).parent / "small_rules"]
        done = process(*args, "-o", f"{jobs}.csv", "--explain", f"{jobs}.jsonl", "--jobs", jobs)
        assert done.returncode == 2, done.stderr
        assert b"r.csv:2802: this id was used before" in done.stderr
    assert (here / "1.csv").read_bytes() == (here / "3.csv").read_bytes()
    assert (here / "1.jsonl").read_bytes() == (here / "3.jsonl").read_bytes()
    assert len((here / "1.csv").read_text().splitlines()) == 2801
