"""kill -9 at many moments of every stage, and run again: nothing that was done is lost, and the end is the same."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from labeler.cli import cli
from labeler.dataset import his, labels, match, views
from labeler.dataset.workspace import metadata
from tests.dataset.films import film, write
from tests.dataset.hospital import (
    DAY,
    EFFUSION,
    NORMAL,
    RULES,
    Film,
    Report,
    Session,
    add_films,
    hours,
    insurance,
    paper,
    stamp,
)
from tests.dataset.test_views import service

TEXTS = [NORMAL, EFFUSION, "Tim to. Xyzzy.", "Gãy xương sườn."]
MOMENTS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)
STAGES = [
    ["reports", "work", "his", "--allow-refused", "--rules", str(RULES)],
    ["match", "work"],
    ["labels", "work", "--rules", str(RULES)],
    ["quality", "work", "--share", "0.3"],
    ["review", "work", "--out", "sheets", "--rules", str(RULES)],
    ["review", "work", "--in", "filled.csv", "--who", "A", "--rules", str(RULES)],
    ["quality", "work", "--share", "0.3"],
    ["split", "work"],
    ["export", "work", "--out", "data"],
]


def killed(args: list[str], moment: int | None) -> bool:
    """Run a stage in a process that kills itself before its nth step to a disk; whether it came to that."""
    pid = os.fork()
    if pid == 0:
        steps = 0

        def step(*what: object, **more: object) -> None:
            nonlocal steps
            steps += 1
            if steps == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(name: str, what: tuple[object, ...]) -> None:
            if name == "os.rename" or (name == "open" and str(what[1]) in ("w", "wb", "xb")):
                step()

        event.listen(Engine, "before_cursor_execute", step)
        event.listen(Engine, "commit", step)
        sys.addaudithook(hook)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        status = 1
        try:
            cli.main(["dataset", *args])
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0, args
    return False


def tables() -> dict[str, list[tuple[object, ...]]]:
    """Every row of the workspace, but for times of decisions and the key."""
    with sqlite3.connect("work/workspace.db") as db:
        return {
            name: sorted(
                (row for row in db.execute(f"SELECT * FROM {name}") if name != "settings" or row[0] != "key"), key=repr
            )
            for name in metadata.tables
        }


def done_so_far() -> set[str]:
    """What a stage may have reported done."""
    if not Path("work/workspace.db").exists():
        return set()
    with sqlite3.connect("work/workspace.db") as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'decisions'").fetchone():
            return set()
        out = {f"source {path}" for (path,) in db.execute("SELECT path FROM sources")}
        out |= {f"label {report}" for (report,) in db.execute("SELECT report FROM labels")}
        return out | {f"decision {n} {after}" for n, after in db.execute("SELECT id, after FROM decisions")}


def films() -> None:
    add_films("work", [Film(f"f{i}", f"P{i % 17}", DAY + hours(i % 5), image=f"images/{i}.jpg") for i in range(40)])
    Path("work/images").mkdir()
    for i in range(40):
        Path(f"work/images/{i}.jpg").write_bytes(b"\xff\xd8" + bytes([i]) * 50)


def fill_in() -> None:
    with Path("sheets/review.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        if row["kind"] == "match":
            row["verdict"], row["match"] = "match", row["candidates"].split(" ")[0]
        else:
            row["verdict"] = ("ok", "image", "labels")[i % 3]
            row["pleura"] = "1" if row["verdict"] == "labels" else ""
    with Path("filled.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def data_set() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path("data").rglob("*")) if path.is_file()}


def whole_way(moments: tuple[int, ...]) -> int:
    """All stages, each killed at these moments first; how often it was killed."""
    kills = 0
    for i, stage in enumerate(STAGES):
        for moment in moments:
            before = done_so_far()
            if not killed(stage, moment):
                break
            kills += 1
            assert before <= done_so_far()
        assert not killed(stage, None)
        if i == 0:
            films()
        if "--out" in stage and stage[0] == "review":
            fill_in()
    return kills


def test_killed_and_run_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(his, "COMMIT_EVERY", 0.0)
    monkeypatch.setattr(labels, "BATCH", 3)
    monkeypatch.setattr(match, "WRITTEN", 5)
    Path("his").mkdir()
    for i in range(17):
        reports = [Report(TEXTS[(i + k) % 4], stamp(DAY + hours(k))) for k in range(1 + (i % 3 == 0))]
        session = Session(f"S{i}", f"P{i}", reports=reports)
        Path(f"his/{i}.xml").write_text(insurance(session) if i % 2 else paper(session))
    Path("his/broken.xml").write_text("<SESSION>")
    assert whole_way(()) == 0
    expected, expected_data = tables(), data_set()
    key = Path("work/key").read_text()
    for name in ("work", "sheets", "data"):
        shutil.rmtree(name)
    Path("work").mkdir()
    Path("work/key").write_text(key)  # so that the hashes are the same
    assert whole_way(MOMENTS) > 50
    found = tables()
    for name in expected:
        drop = 1 if name == "decisions" else None
        assert [row[:1] + row[2:] if drop else row for row in found[name]] == [
            row[:1] + row[2:] if drop else row for row in expected[name]
        ], name
    assert data_set() == expected_data
    assert Path("work/key").stat().st_mode & 0o777 == 0o600
    assert not [path for folder in ("data", "sheets") for path in Path(folder).rglob(".*")]


def test_views_killed_and_run_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No film is sent to a service a second time, but for those of the batch it was killed in and one for the version."""
    monkeypatch.setattr(views, "BATCH", 2)
    for number in range(12):
        write(here / "films" / f"{number}.dcm", film(InstanceNumber=number))
    assert not killed(["collect", "work", "films"], None)
    with service([(200, {"probability": 0.97, "version": "v3"})]) as (url, bodies):
        stage = ["views", "work", "--service", url]
        kills = len(list(takewhile(lambda moment: killed(stage, moment), range(3, 300, 3))))
        sent_twice = len(bodies) - len(set(bodies))
        assert kills > 3 and sent_twice <= 3 * kills + 1, (kills, sent_twice)
    rows = tables()["studies"]
    assert len(rows) == 12 and all(0.97 in row and "v3" in row for row in rows)


def test_an_interrupted_stage_says_that_it_goes_on(here: Path) -> None:
    from tests.cli.helpers import start

    sessions = [Session(f"S{i}", f"P{i}") for i in range(30_000)]
    Path("his.xml").write_text(paper(*sessions))
    process = start("dataset", "reports", "work", "his.xml", "--rules", RULES)
    while not Path("work/workspace.db").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"stopped; what was done is kept: run it again to go on\n")
    assert not killed(["reports", "work", "his.xml", "--rules", str(RULES)], None)


def test_a_full_disk_is_one_line(here: Path) -> None:
    Path("his.xml").write_text(paper(*[Session(f"S{i}", reports=[Report("x" * 5000)]) for i in range(900)]))
    code = (
        "import resource, signal, sys\nfrom labeler.cli import cli\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))\ncli.main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "dataset", "reports", "work", "his.xml", "--rules", str(RULES)]
    done_ = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done_.returncode == 2
    assert done_.stderr.startswith("work: the workspace cannot be used: ")
    assert done_.stderr.count("\n") == 1 and "xxx" not in done_.stderr


def test_a_workspace_in_use_is_left_alone(here: Path) -> None:
    from labeler.dataset.workspace import Workspace
    from tests.dataset.hospital import done

    Path("his.xml").write_text(paper(Session()))
    done("reports", "work", "his.xml")
    with Workspace("work"):
        assert "another command is at work" in done("match", "work", status=2).stderr
        assert "sessions" in done("status", "work").stdout
    done("match", "work")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda: Path("work/key").unlink(), "restore it"),
        (lambda: Path("work/key").write_text("00" * 32), "not the key"),
        (lambda: Path("work/workspace.db").write_bytes(b"x" * 5000), "cannot be read as a workspace"),
    ],
)
def test_a_damaged_workspace_says_so(here: Path, damage: object, message: str) -> None:
    from tests.dataset.hospital import done

    Path("his.xml").write_text(paper(Session()))
    done("reports", "work", "his.xml")
    damage()  # type: ignore[operator]
    for stage in ("match", "status"):
        result = done(stage, "work", status=2)
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
