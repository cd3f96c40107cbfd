"""vnlabel rules new"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import click

from labeler.cli.base import Failure, say

STARTERS = Path(__file__).resolve().parents[2] / "starters"
TRY = {
    "extending": "Phổi phải có hình hoa súng.",
    "standalone": "The right lower lobe is consolidated. No effusion.",
}


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--extends", metavar="SET", help="What it adds to: builtin (the default) or the folder of another set.")
@click.option("--standalone", is_flag=True, help="A set of its own, for another language or other films.")
def new(folder: str, extends: str | None, standalone: bool) -> None:
    """Write a small rule set with comments to begin from, that passes check and test. Nothing is overwritten.

    \b
    Examples:
      vnlabel rules new my_hospital
      vnlabel rules new my_ward --extends my_hospital
      vnlabel rules new english --standalone
    """
    if standalone and extends is not None:
        raise click.UsageError("--standalone and --extends exclude each other", click.get_current_context())
    target = Path(folder)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Failure(f"{folder}: is there already; name a new folder")
    if not target.absolute().parent.is_dir():
        raise Failure(f"{folder}: there is no folder {target.parent} to put it in")
    kind = "standalone" if standalone else "extending"
    files = _files(kind, target, extends or "builtin")
    _write(files, target)
    for name in files:
        click.echo(target / name)
    say("Next: change an entry, then")
    for command in ("check", "test"):
        say(f"  vnlabel rules {command} --rules {folder}")
    if extends in (None, "builtin"):
        say(f'  vnlabel explain "{TRY[kind]}" --rules {folder}')


def _files(kind: str, target: Path, extends: str) -> dict[str, str]:
    """Texts by file name, in the order in which one reads them."""
    from labeler.json_schema import NAME, rule_file_schema_text
    from labeler.rules import BUILTIN

    found = sorted((STARTERS / kind).glob("*.yaml"), key=lambda file: (file.name != "ruleset.yaml", file.name))
    files = {file.name: file.read_text("utf-8") for file in found}
    head = files["ruleset.yaml"].replace("my_set", _scalar(target.absolute().name), 1)
    if kind == "extending" and extends != BUILTIN:
        _must_be_sound(extends)
        files = {name: _commented(text) for name, text in files.items()}  # what they show may not fit that set
        head = head.replace(BUILTIN, _scalar(os.path.relpath(extends, target)), 1)
    return {**files, "ruleset.yaml": head, NAME: rule_file_schema_text()}


def _must_be_sound(extends: str) -> None:
    from labeler.rule_tests import problems_of

    _, problems = problems_of(extends)
    for problem in problems[:-1]:
        say(str(problem))
    if problems:
        raise Failure(str(problems[-1]))


def _scalar(text: str) -> str:
    """A text as YAML writes it, in quotes where it needs them."""
    plain = re.fullmatch(r"[^\W\d_][\w./-]*|\.\.?/[\w./-]*", text) and text != "null"
    return text if plain else json.dumps(text, ensure_ascii=False)


def _commented(text: str) -> str:
    """A rule file whose entries are comments."""
    return "".join(line if line.startswith("#") else f"# {line}" for line in text.splitlines(keepends=True))


def _write(files: dict[str, str], target: Path) -> None:
    """The whole folder or none of it; one that is there is filled, for it may be where somebody stands."""
    there = target.is_dir()
    where = target if there else target.absolute().parent
    half = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.", suffix=".tmp", dir=where))
    try:
        for name, text in files.items():
            (half / name).write_text(text, encoding="utf-8", newline="\n")
        if there:
            for name in files:
                (half / name).replace(target / name)
            half.rmdir()
        else:
            mask = os.umask(0)
            os.umask(mask)
            half.chmod(0o777 & ~mask)
            half.replace(target)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        for name in files if there else ():
            (target / name).unlink(missing_ok=True)
        raise
