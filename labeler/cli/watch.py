"""vnlabel eval --watch: scores after every save, and what it mended or broke."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import click

from labeler.cli.base import Failure, Stopped, load_labeler, say, table
from labeler.evaluate import Outcome, cells, changes, summary
from labeler.io.refusals import BadInput
from labeler.rules import RuleSetError

if TYPE_CHECKING:
    from labeler.workbench.rescore import Rescorer

EVERY = 0.1  # seconds between two looks at the files
SETTLE = 0.05  # seconds for an editor to finish writing


def watch(gold: tuple[str, ...], rules: str | None, show: int) -> int:
    """Score, then score again on every save, until Ctrl-C."""
    from labeler.workbench.rescore import Rescorer

    load_labeler(rules)  # says what is wrong with the rules as every command does
    try:
        scorer = Rescorer(gold, rules)
    except (BadInput, FileNotFoundError) as error:
        raise Failure(str(error)) from None
    for refused in scorer.gold.refused:
        say(str(refused))
    _print(scorer, None)
    say(f"watching {len(scorer.stamps())} rule and gold files; Ctrl-C ends it")
    scorer.prepare()
    try:
        while True:
            time.sleep(EVERY)
            saved = scorer.saved()
            if not saved:
                continue
            time.sleep(SETTLE)
            _again(scorer, ", ".join(file.name for file in saved), show)
    except Stopped as stop:
        if stop.number != signal.SIGINT:
            raise
        return 0


def _again(scorer: Rescorer, saved: str, show: int) -> None:
    start = time.perf_counter()
    try:
        before = scorer.update()
    except RuleSetError as error:
        for problem in error.problems:
            say(str(problem))
        say(f"{saved} cannot be used; still scored by what was there before")
        return
    except (BadInput, OSError) as error:
        say(str(error))
        return
    for refused in scorer.gold.refused:
        say(str(refused))
    _print(scorer, before)
    took = time.perf_counter() - start
    _changes(scorer, before, show)
    click.echo(f"{time.strftime('%H:%M:%S')}  {saved}: {scorer.reread} lines read again, {took:.2f} s")
    scorer.prepare()


def _print(scorer: Rescorer, before: list[Outcome] | None) -> None:
    """F1 per class and the counts that matter, with what was before where it differs."""
    now = _row(scorer, scorer.outcomes)
    rows = [["", *scorer.labeler.classes, "wrong", "auto and wrong", "review"]]
    if before is not None and (was := _row(scorer, before)) and was != now:
        rows.append(["before", *was])
    click.echo("")
    for line in table([*rows, ["F1", *now]], right=1):
        click.echo(line)


def _row(scorer: Rescorer, found: list[Outcome]) -> list[str]:
    main = [one for one in found if not one.gold.apart]
    classes = scorer.labeler.classes
    if main and main[0].labels.keys() != set(classes):
        return []
    one = summary(main, classes)
    return [
        *(f"{f1:.4f}" for f1 in cells(main, classes).counts().f1),
        *(str(number) for number in (one.wrong, one.auto_wrong, one.review)),
    ]


def _changes(scorer: Rescorer, before: list[Outcome], show: int) -> None:
    from labeler.cli.eval import changed
    from labeler.workbench.errors import lines

    main = [one for one in scorer.outcomes if not one.gold.apart]
    found = changes({one.gold.report_id: one.to_dict() for one in before if not one.gold.apart}, main)
    for line in changed(found):
        click.echo(line)
    broken = set(found["broken"])
    for one in [one for one in main if one.gold.report_id in broken][:show]:
        for line in lines(one, scorer.labeler.label(one.gold.description)):
            click.echo(line)
