"""Ways to run the command line and to read what it wrote."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from labeler.cli import cli

SMALL = str(Path(__file__).parent / "small_rules")
CLASSES = ["chest_wall", "pleura", "parenchyma", "cardio", "abnormal"]
COMMAND = [sys.executable, "-m", "labeler.cli"]


def vnlabel(*args: object, stdin: bytes | str | None = None) -> Result:
    """Run vnlabel in this process."""
    return CliRunner().invoke(cli, [str(a) for a in args], input=stdin)


def small(*args: object, stdin: bytes | str | None = None) -> Result:
    """Run `vnlabel label` with the small rule set."""
    return vnlabel("label", *args, "--rules", SMALL, stdin=stdin)


def process(*args: object, stdin: bytes | None = None, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run vnlabel in a process of its own."""
    return subprocess.run([*COMMAND, *map(str, args)], input=stdin, capture_output=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


def start(*args: object) -> subprocess.Popen[bytes]:
    """Start vnlabel in a process of its own, with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *map(str, args)], stdin=pipe, stdout=pipe, stderr=pipe, env=dict(os.environ))


def table(text: str) -> dict[str, dict[str, str]]:
    """Rows of a label table by id."""
    return {row["report_id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def labels(text: str) -> dict[str, str]:
    """The five classes of each row as one string, "01001"."""
    return {key: "".join(row[name] for name in CLASSES) for key, row in table(text).items()}
