"""gold/README.md: its counts are those of the files, and its command checks them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "gold" / "README.md").read_text("utf-8")


def test_the_counts_are_those_of_the_files() -> None:
    found = re.search(r"```bash\npython - <<'END'\n(.*?)\nEND\n```\n\n```\n(.*?)\n```", README, re.DOTALL)
    assert found is not None
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", found.group(1)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == found.group(2).strip()


def test_every_file_is_described() -> None:
    for path in (ROOT / "gold").rglob("*.*"):
        if path.suffix in (".jsonl", ".csv"):
            assert f"`{path.relative_to(ROOT / 'gold').as_posix()}`" in README


def test_a_misspelt_twin_has_the_labels_of_its_original() -> None:
    rows = {}
    for name in ("hard", "typing"):
        for line in (ROOT / "gold" / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            rows[row["report_id"]] = row
    twins = [row for row in rows.values() if row.get("twin_of")]
    assert len(twins) > 100
    for row in twins:
        assert row["labels"] == rows[row["twin_of"]]["labels"], row["report_id"]
