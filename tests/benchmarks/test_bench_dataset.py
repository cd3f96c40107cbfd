"""HIS exports and matching: speed, growth and peak memory.

    python -m tests.benchmarks.test_bench_dataset            a gigabyte of XML; a million films against a million reports
    python -m tests.benchmarks.test_bench_dataset --small    a fiftieth of it
    pytest -s tests/benchmarks/test_bench_dataset.py         small, and that the results are right

XML is compared with a bare `xml.etree.ElementTree.iterparse` that forgets every session at its end and does nothing
else, over the same file in the same run.  Each measurement is a process of its own: process time (user and system) and
peak resident memory.  Nothing is asserted about time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

GIGABYTE = 1_000_000_000
MILLION = 1_000_000
START = datetime(2020, 1, 1, 6)
SESSIONS_EACH = 3  # of a patient

MEASURED = """
import json, resource, sys, time
{}
start = time.process_time()
result = work(sys.argv[1])
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.process_time() - start, used.ru_maxrss / 1024, result]))
"""

BARE = """
from xml.etree import ElementTree
def work(path):
    sessions, root = 0, None
    for event, element in ElementTree.iterparse(path, events=("start", "end")):
        if root is None:
            root = element
        if event == "end" and element.tag == "SESSION":
            sessions += 1
            root.clear()
    return sessions
"""

OURS = """
import contextlib, io
from pathlib import Path
from labeler.cli import cli
def work(path):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        cli.main(["dataset", "reports", str(Path(path).parent / "work"), path, "--json"])
    return json.loads(out.getvalue())["kept"]
"""

MATCH = """
import contextlib, io
from labeler.cli import cli
def work(path):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        cli.main(["dataset", "match", path, "--json"])
    return json.loads(out.getvalue())["films"]
"""


def measure(code: str, argument: Path) -> tuple[float, float, Any]:
    """(seconds of process time, peak megabytes, result) of `work(argument)` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(code), str(argument)], capture_output=True, text=True, check=True
    )
    seconds, megabytes, result = json.loads(done.stdout)
    return seconds, megabytes, result


def write_xml(path: Path, size: int) -> int:
    """An export of about this many bytes; returns its sessions, one frontal report each, one description in six new."""
    texts = [
        "- Bóng tim không to.\n- Nhu mô hai phổi không thấy tổn thương khu trú.\n- Góc sườn hoành hai bên nhọn.",
        "- Tràn dịch màng phổi phải lượng ít.\n- Quai động mạch chủ vồng.\n- Không thấy tràn khí màng phổi.",
        "- Gãy cung sau xương sườn 5 bên trái.\n- Hai phổi sáng, rốn phổi không to &amp; không đậm.",
    ]
    number = written = 0
    with path.open("w", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<SESSIONS>\n')
        while written < size:
            start = START + timedelta(minutes=number)
            text = f"{texts[number % 3]} Số {number * 7919 % 10_007 if number % 6 else number}."
            written += out.write(
                f"<SESSION><SESSION_ID>S{number:09}</SESSION_ID><PATIENT_ID>BN{number // SESSIONS_EACH:08}</PATIENT_ID>"
                f"<CHECK_IN_TIME>{start:%Y%m%d%H%M}</CHECK_IN_TIME><CHECK_OUT_TIME>{start + timedelta(days=1):%Y%m%d%H%M}"
                "</CHECK_OUT_TIME><REPORTS>"
                f"<REPORT><SERVICE_ID>18.0119.0028</SERVICE_ID><REPORT_TIME>{start + timedelta(hours=1):%Y%m%d%H%M%S}"
                f"</REPORT_TIME><DESCRIPTION>{text}</DESCRIPTION></REPORT>"
                "<REPORT><SERVICE_ID>02.0085.1778</SERVICE_ID><REPORT_TIME/><DESCRIPTION>Điện tim thường</DESCRIPTION>"
                "</REPORT></REPORTS></SESSION>\n"
            )
            number += 1
        out.write("</SESSIONS>\n")
    return number


def fill(path: Path, pairs: int) -> None:
    """A workspace with so many films and reports; three visits a patient, a tenth of the films a day too late."""
    from sqlalchemy import insert

    from labeler.dataset.times import SECOND, micros
    from labeler.dataset.workspace import Workspace, reports, sessions, sources, studies

    day = 24 * 3600 * SECOND
    with Workspace(str(path), create=True) as workspace, workspace.engine.begin() as db:
        values = {"sha256": "-", "path": "-", "state": "done"}
        db.execute(insert(sources).values(**values))
        for first in range(0, pairs, 50_000):
            numbers = range(first, min(pairs, first + 50_000))
            at = {n: micros(START) + (n % SESSIONS_EACH) * 30 * day + n % 86_400 * SECOND for n in numbers}
            db.execute(insert(sessions), [
                {"id": n + 1, "session_id": f"S{n}", "patient_id": f"BN{n // SESSIONS_EACH:08}", "check_in": at[n],
                 "check_out": at[n] + 3 * day} for n in numbers
            ])  # fmt: skip
            db.execute(insert(reports), [
                {"session": n + 1, "service_id": "18.0119.0028", "report_time": at[n] + day // 2, "nth": 1, "text": "x",
                 "text_hash": "x", "same": str(n % 7), "source": 1, "line": n} for n in numbers
            ])  # fmt: skip
            db.execute(insert(studies), [
                {"sop_uid": f"1.2.840.113619.2.55.3.{n}", "study_uid": f"1.2.{n}", "series_uid": f"1.3.{n}",
                 "patient_id": str(n // SESSIONS_EACH), "view_probability": 0.99,
                 "study_time": at[n] + (day // 4 if n % 10 else 2 * day)} for n in numbers
            ])  # fmt: skip
        from labeler.dataset.workspace import put

        put(db, "patient_ids", {"prefixes": ["BN"], "leading_zeros": False})


def xml_rows(folder: Path, size: int) -> list[tuple[str, float, float, float, Any]]:
    """(what, seconds, MB/s, peak MB, result) of bare iterparse and of the stage."""
    path = folder / "his.xml"
    sessions = write_xml(path, size)
    megabytes = path.stat().st_size / 1e6
    rows = []
    for name, code in (("iterparse", BARE), ("dataset reports", OURS)):
        seconds, peak, result = measure(code, path)
        assert result == sessions
        rows.append((name, seconds, megabytes / seconds, peak, result))
    path.unlink()
    return rows


def match_rows(folder: Path, sizes: list[int]) -> list[tuple[int, float, float, Any]]:
    """(films, seconds, peak MB, result) of the stage `match`."""
    rows = []
    for size in sizes:
        path = folder / f"match{size}"
        fill(path, size)
        seconds, peak, result = measure(MATCH, path)
        late = len(range(0, size, 10))
        assert result == {"matched": size - late, "review": 0, "unmatched": late}
        rows.append((size, seconds, peak, result))
    return rows


def show(small: bool) -> None:
    """Print both tables."""
    size, most = (GIGABYTE // 50, MILLION // 50) if small else (GIGABYTE, MILLION)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"\n{size / 1e6:.0f} MB of XML")
        rows = xml_rows(folder, size)
        for what, seconds, speed, peak, _ in rows:
            print(f"  {what:16} {seconds:7.1f} s {speed:7.1f} MB/s {peak:6.0f} MB peak")
        print(f"  ratio {rows[1][2] / rows[0][2]:.2f}")
        print("matching")
        for films, seconds, peak, _ in match_rows(folder, [most // 16, most // 4, most]):
            print(
                f"  {films:9,} films and reports {seconds:7.1f} s {seconds / films * 1e6:6.1f} µs each {peak:6.0f} MB peak"
            )


@pytest.mark.benchmark
def test_the_results_are_right_at_a_small_size() -> None:
    show(small=True)


if __name__ == "__main__":
    show(small="--small" in sys.argv)
