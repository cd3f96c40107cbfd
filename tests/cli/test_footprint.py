"""What the command costs: memory that does not grow with the input, and no imports that are not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.helpers import SMALL

MEASURE = """
import resource, sys
from labeler.cli import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0, end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(*args: str) -> int:
    """Peak memory of a command in kilobytes."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *args], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


def write_rows(path: Path, rows: int) -> None:
    signs = ["Tim to", "viêm phổi", "tràn dịch màng phổi", "catheter", "sẹo phổi"]
    texts = [f"- {a}.\n- Không thấy {b}.\n- {c} số {i}." for i in range(4) for a in signs for b in signs for c in signs]
    with path.open("w", encoding="utf-8") as out:
        out.write("report_id,description\n")
        out.writelines(f'report-number-{i:09d},"{texts[i % len(texts)]}"\n' for i in range(rows))


def test_memory_does_not_grow_with_the_input(here: Path) -> None:
    write_rows(here / "few.csv", 20_000)
    write_rows(here / "many.csv", 200_000)
    few, many = (peak("label", f"{n}.csv", "-o", f"{n}.out.csv", "--rules", SMALL) for n in ("few", "many"))
    grown = (many - few) * 1024
    ids = 64 * 180_000  # the table of id hashes: at most 32 bytes an id, twice that while it grows
    assert grown < ids + 2_000_000, (
        f"{grown / 1e6:.1f} MB for {(here / 'many.csv').stat().st_size / 1e6:.1f} MB of input"
    )


def loaded(*args: str) -> set[str]:
    """Top-level modules that a command imports."""
    code = (
        "import sys, json\nfrom labeler.cli import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_nothing_heavy_is_imported_that_is_not_needed(here: Path) -> None:
    (here / "r.csv").write_text("report_id,description\na,Tim to.\n")
    heavy = {"spacy", "underthesea", "torch", "pyarrow", "thinc"}
    assert not loaded("--help") & (heavy | {"rich"})
    assert not loaded("label", "r.csv", "-o", "x.csv", "--rules", SMALL) & heavy
    assert not loaded("explain", "Tim to.", "--rules", SMALL) & heavy
    assert not loaded("rules", "check") & heavy
