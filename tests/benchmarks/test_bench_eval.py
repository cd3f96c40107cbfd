"""Rescoring after a save, as `vnlabel eval --watch` does, against scoring everything anew.

    python -m tests.benchmarks.test_bench_eval

A phrase of a finding is added to a copy of the shipped rules, taken away again, and so on; then the same with a word
of the cue that most reports have.  Timed is what follows a save (read, compile, find which lines it touches, read those, score),
against reading, compiling and labelling all of 1,000 gold reports.  Nothing is asserted about time.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labeler.evaluate import outcomes
from labeler.labeler import Labeler
from labeler.rules import builtin_path
from labeler.workbench.rescore import Rescorer

ROOT = Path(__file__).resolve().parents[2]
EDITS = {  # a file, and what stands for what in it after every second save
    "a finding": (
        "pleura.yaml",
        "findings:\n",
        "findings:\n  - {id: made_up, name: Made up, region: pleura, phrases: [viền mờ ngoại vi]}\n",
    ),
    "the cue 'không'": ("assertion.yaml", "(không|chưa|not)", "(chưa|not)"),
}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds by the clock, and what was made."""
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def report(folder: Path, size: int = 1000, rounds: int = 6) -> dict[str, int]:
    """Measure and print medians; how many lines each edit made the scorer read again, with the right outcomes."""
    rules = Path(shutil.copytree(builtin_path(), folder / "rules"))
    rows = [line for file in sorted((ROOT / "gold").glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    (folder / "gold.jsonl").write_text("\n".join(rows[:size]) + "\n", "utf-8")
    scorer = Rescorer((str(folder / "gold.jsonl"),), str(rules))
    again = {}
    for what, (name, old, new) in EDITS.items():
        held = (rules / name).read_text("utf-8")
        assert old in held
        saves, anew, touched = [], [], 0
        for i in range(rounds):
            (rules / name).write_text(held if i % 2 else held.replace(old, new, 1), "utf-8")
            scorer.prepare()
            saves.append(timed(scorer.update)[0])
            touched = max(touched, scorer.reread)
            took, fresh = timed(lambda: outcomes(Labeler.from_rules(str(rules)), scorer.gold.reports))
            anew.append(took)
            assert fresh == scorer.outcomes
        a, b = statistics.median(saves), statistics.median(anew)
        print(
            f"{size} reports, {what} saved: {a:.2f} s, {touched} lines read again; all anew {b:.2f} s, {b / a:.1f} times that"
        )
        again[what] = touched
    return again


def test_a_save_reads_what_it_touches(tmp_path: Path) -> None:
    finding, cue = report(tmp_path, size=60, rounds=2).values()
    assert finding < cue


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        report(Path(made))
