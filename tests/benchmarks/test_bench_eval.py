"""Rescoring after a save, as `vnlabel eval --watch` does, against scoring everything anew.

    python -m tests.benchmarks.test_bench_eval

A phrase is added to a copy of the shipped rules, taken away again, and so on.  Timed is what follows a save (read,
compile, find what is touched, label that), against reading, compiling and labelling all of 1,000 gold reports.
Nothing is asserted about time.
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
NEW = "findings:\n  - {id: made_up, name: Made up, region: pleura, phrases: [viền mờ ngoại vi]}\n"


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds by the clock, and what was made."""
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def report(folder: Path, size: int = 1000, rounds: int = 6) -> float:
    """Measure and print; how many times faster a save is than scoring everything anew (medians)."""
    rules = Path(shutil.copytree(builtin_path(), folder / "rules"))
    rows = [line for file in sorted((ROOT / "gold").glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    (folder / "gold.jsonl").write_text("\n".join(rows[:size]) + "\n", "utf-8")
    scorer = Rescorer((str(folder / "gold.jsonl"),), str(rules))
    scorer.prepare()
    file = rules / "pleura.yaml"
    held = file.read_text("utf-8")
    saves, anew, touched = [], [], 0
    for i in range(rounds):
        file.write_text(held if i % 2 else held.replace("findings:\n", NEW, 1), "utf-8")
        saves.append(timed(scorer.update)[0])
        touched = max(touched, scorer.relabelled)
        took, fresh = timed(lambda: outcomes(Labeler.from_rules(str(rules)), scorer.gold.reports))
        anew.append(took)
        assert fresh == scorer.outcomes
    a, b = statistics.median(saves), statistics.median(anew)
    print(f"{size} reports: after a save {a:.2f} s ({touched} labelled again), all anew {b:.2f} s, {b / a:.1f} times that")
    return b / a


def test_a_save_costs_less_than_everything(tmp_path: Path) -> None:
    assert report(tmp_path, size=60, rounds=2) > 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        report(Path(made))
