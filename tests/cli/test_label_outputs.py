"""Outputs are whole or not there, say what was done, and never stand in the way of a pipe."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.helpers import COMMAND, SMALL, process, small, start, table

TEXTS = ["Tim to.", "Không thấy tràn dịch màng phổi.", "Theo dõi viêm phổi.", "Tim phổi bình thường", "Tim to. Xyzzy."]


def write_rows(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.write("report_id,description\n")
        out.writelines(f"r{i},{TEXTS[i % 5]}\n" for i in range(rows))


def temporary(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.endswith(".tmp")]


def wait_until_writing(folder: Path, child: subprocess.Popen[bytes], size: int = 1) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert child.poll() is None, child.communicate()
        if any((folder / name).stat().st_size >= size for name in temporary(folder)):
            return
        time.sleep(0.01)
    raise AssertionError("nothing was written in time")


def feed(child: subprocess.Popen[bytes], rows: int) -> None:
    """Give a child part of its input, and keep its input open."""
    assert child.stdin is not None
    child.stdin.write(b"report_id,description\n" + b"".join(b"r%d,Tim to.\n" % i for i in range(rows)))
    child.stdin.flush()


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("number", "left"),
    [(signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGHUP, False)],
)
def test_killed_midway(here: Path, number: signal.Signals, left: bool, jobs: str) -> None:
    (here / "labels.csv").write_text("from before\n")
    outputs = ["-o", "labels.csv", "--explain", "why.jsonl", "--review-out", "review.csv"]
    child = start("label", "-", *outputs, "--rules", SMALL, "--jobs", jobs)
    try:
        feed(child, 40_000)
        wait_until_writing(here, child, 100_000)
        child.send_signal(number)
        _, stderr = child.communicate(timeout=30)
    finally:
        child.kill()
    assert (here / "labels.csv").read_text() == "from before\n"
    assert sorted(p.name for p in here.iterdir() if not p.name.endswith(".tmp")) == ["labels.csv"]
    if not left:
        assert temporary(here) == []
        assert child.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}[number]
        assert stderr.count(b"\n") == 1
        assert b"nothing was written" in stderr
    else:
        assert child.returncode == -signal.SIGKILL


def test_workers_end_with_a_parent_that_was_killed(here: Path) -> None:
    child = start("label", "-", "-o", "labels.csv", "--rules", SMALL, "--jobs", "2")
    feed(child, 20_000)
    wait_until_writing(here, child)
    workers = subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, text=True).stdout.split()
    assert workers
    child.kill()
    child.communicate(timeout=30)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(alive(int(pid)) for pid in workers):
        time.sleep(0.05)
    assert not any(alive(int(pid)) for pid in workers)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_input_that_breaks_off_leaves_nothing(here: Path) -> None:
    (here / "r.jsonl").write_text("".join(f'{{"report_id": "{i}", "text": "Tim to."}}\n' for i in range(500)))
    result = small("r.jsonl", "-o", "labels.csv")
    assert result.exit_code == 2
    assert "no column 'description'" in result.stderr
    assert [p.name for p in here.iterdir()] == ["r.jsonl"]


def test_a_full_disk_is_one_line_and_leaves_nothing(here: Path) -> None:
    write_rows(here / "r.csv", 2000)
    command = f"ulimit -f 8; exec {' '.join(COMMAND)} label r.csv -o labels.csv --rules {SMALL}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "too large" in done.stderr
    assert [p.name for p in here.iterdir()] == ["r.csv"]


def test_the_file_that_is_replaced_keeps_its_mode_and_a_link_stays_one(here: Path) -> None:
    write_rows(here / "r.csv", 5)
    (here / "real.csv").write_text("old")
    (here / "real.csv").chmod(0o640)
    (here / "labels.csv").symlink_to("real.csv")
    assert small("r.csv", "-o", "labels.csv").exit_code == 0
    assert (here / "labels.csv").is_symlink()
    assert (here / "real.csv").stat().st_mode & 0o777 == 0o640
    assert len(table((here / "real.csv").read_text())) == 5


def test_the_account(here: Path) -> None:
    write_rows(here / "r.csv", 10)
    with (here / "r.csv").open("ab") as out:
        out.write(b"r1,twice\n,none\n")
    result = small("r.csv", "-o", "labels.csv")
    meta = json.loads((here / "labels.meta.json").read_text("utf-8"))
    assert result.exit_code == 2
    assert meta["rules"]["name"] == "small"
    assert len(meta["rules"]["hash"]) >= 16
    assert meta["vnlabel"]
    counts = meta["counts"]
    assert counts["reports"] == 10
    assert counts["status"] == {"auto": 8, "review": 2}
    assert counts["method"] == {"rules": 8, "template": 2}
    assert counts["uncertain"] == {"abnormal": 2, "parenchyma": 2}
    assert counts["reasons"] == {"residue": 2}
    assert counts["classes"]["cardio"] == {"0": 6, "1": 4}
    assert counts["refused_by"] == {"missing_id": 1, "repeated_id": 1}
    assert [(r["file"], r["line"]) for r in meta["refused"]] == [("r.csv", 12), ("r.csv", 13)]
    assert meta["options"]["source"] == "r.csv"


def test_json_is_all_there_is_on_standard_output(here: Path) -> None:
    write_rows(here / "r.csv", 10)
    done = process("label", "r.csv", "-o", "labels.csv", "--rules", SMALL, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["counts"]["reports"] == 10


def test_explanations(here: Path) -> None:
    text = "- Tim to.\r\n- Không thấy  tràn dịch màng phổi, Xyzzy.\n"
    (here / "r.jsonl").write_text(json.dumps({"report_id": "é", "description": text}) + "\n")
    assert small("r.jsonl", "-o", "labels.csv", "--explain", "why.jsonl").exit_code == 0
    (line,) = (here / "why.jsonl").read_text("utf-8").splitlines()
    why = json.loads(line)
    assert list(why)[:2] == ["report_id", "labels"]
    assert why["report_id"] == "é"
    assert why["status"] == "review"
    assert [(m["finding"], m["assertion"]) for m in why["mentions"]] == [
        ("cardiomegaly", "present"),
        ("pleural_effusion", "absent"),
    ]
    for part in (*why["mentions"], *why["residue"]):
        assert text[part["start"] : part["end"]] == part["text"]
    assert all(m["rule"].startswith(f"{SMALL}/rules.yaml:") for m in why["mentions"])
    assert [r["text"] for r in why["residue"]] == ["Xyzzy"]
    assert {name: c["because"]["kind"] for name, c in why["classes"].items()} == {
        "chest_wall": "not mentioned", "pleura": "negation", "parenchyma": "not mentioned", "cardio": "mention",
        "abnormal": "mention",
    }  # fmt: skip


def test_a_pipe_that_closes_early_is_quiet(here: Path) -> None:
    write_rows(here / "r.csv", 50_000)
    child = start("label", "r.csv", "-o", "-", "--rules", SMALL)
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline().startswith(b"report_id,")
    child.stdout.close()
    assert child.wait(60) == 141
    assert child.stderr.read() == b""


def test_a_reader_sees_rows_before_the_input_ends(here: Path) -> None:
    child = start("label", "-", "-o", "-", "--rules", SMALL)
    feed(child, 3000)  # what both pipes can hold
    assert child.stdout is not None
    assert child.stdout.readline().startswith(b"report_id,")
    assert child.stdout.readline() == b"r0,0,0,0,1,1,auto,rules,,\n"
    child.kill()
    child.communicate(timeout=30)


def test_a_progress_bar_only_on_a_terminal(here: Path) -> None:
    write_rows(here / "r.csv", 3000)
    command = [*COMMAND, "label", "r.csv", "-o", "labels.csv", "--rules", SMALL]
    assert b"%" not in process(*command[3:]).stderr
    master, slave = pty.openpty()
    child = subprocess.Popen(command, stderr=slave, stdout=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    while True:
        try:
            block = os.read(master, 4096)
        except OSError:
            break
        if not block:
            break
        shown += block
    assert child.wait(60) == 0
    assert b"%" in shown


def test_ids_that_need_quotes(here: Path) -> None:
    ids = ['a"b', "c,d", "e;f", "đ g"]
    (here / "r.jsonl").write_text("".join(json.dumps({"report_id": i, "description": "Tim to."}) + "\n" for i in ids))
    assert list(table(small("r.jsonl", "-o", "-").stdout)) == ids
