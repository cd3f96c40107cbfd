"""vnlabel eval"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, load_labeler, rules_option, say, table, write_output

if TYPE_CHECKING:
    from labeler.evaluate import Outcome
    from labeler.io.gold import Gold
    from labeler.labeler import Labeler

FEW_TAGS = 12  # tags and findings shown unless all are asked for
OFTEN = 5  # reports that a tag needs to be shown unasked


@click.command("eval")
@click.argument("gold", nargs=-1, metavar="[GOLD]...")
@rules_option
@click.option("--errors", metavar="FILE.jsonl", help="Write each wrong report with what decided it, its text included.")
@click.option("--show", type=click.IntRange(0), default=20, show_default=True, help="Wrong reports to list.")
@click.option("--all", "everything", is_flag=True, help="Show all tags and findings, not only the worst.")
@click.option("--min-f1", type=click.FloatRange(0, 1), metavar="X", help="End with 1 if a class has a lower F1.")
@click.option(
    "--max-auto-wrong", type=click.FloatRange(0, 1), metavar="X", help="End with 1 if a larger share is auto and wrong."
)
@click.option("--compare", metavar="RESULT.json", help="Say what changed since a run that was saved with --json.")
@click.option("--watch", is_flag=True, help="Score again whenever a rule or gold file is saved.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def evaluate(
    gold: tuple[str, ...], rules: str | None, errors: str | None, show: int, everything: bool, min_f1: float | None,
    max_auto_wrong: float | None, compare: str | None, watch: bool, as_json: bool,
) -> int:  # fmt: skip
    """Hold labels against gold reports: files, or folders of them. Default: the gold that vnlabel ships.

    Per class the counts and scores of the paper's Table 3, with 95 % bootstrap intervals; who decided what; how many
    reports are wrong though nobody would look; and for each wrong one the words, rule and cue that decided it.

    Classes that a gold report calls debatable are scored apart, and so are files in a folder named blind, whose
    reports are not listed.

    \b
    Examples:
      vnlabel eval
      vnlabel eval my_gold.jsonl --rules my_hospital --errors wrong.jsonl
      vnlabel eval --json > before.json; vnlabel eval --compare before.json
      vnlabel eval my_gold.jsonl --rules my_hospital --watch
      vnlabel eval --min-f1 0.99 --max-auto-wrong 0.005
    """
    if watch:
        others = {"--errors": errors, "--compare": compare, "--json": as_json, "--min-f1": min_f1}
        for option, value in {**others, "--max-auto-wrong": max_auto_wrong}.items():
            if value not in (None, False):
                raise click.UsageError(f"--watch goes on for ever and cannot be used with {option}")
        from labeler.cli.watch import watch as keep_watching

        return keep_watching(gold, rules, show)

    from labeler.evaluate import changes, outcomes
    from labeler.io.gold import read_gold
    from labeler.io.refusals import BadInput
    from labeler.workbench.scoreboard import scoreboard

    before = _read_result(compare) if compare else None
    labeler = load_labeler(rules)
    try:
        read = read_gold(gold, labeler.classes)
    except (BadInput, FileNotFoundError) as error:
        raise Failure(str(error)) from None
    for refused in read.refused:
        say(str(refused))
    found = outcomes(labeler, read.reports)
    result = scoreboard(labeler, read, found)
    if before is not None:
        result["changes"] = changes(before, found)
    if errors is not None:
        _write_errors(errors, labeler, found)
    if as_json:
        from labeler.io.writers import dump

        click.echo(dump(result, indent=2))
    else:
        for line in _shown(labeler, read, found, result, show, everything):
            click.echo(line)
    missed = list(_missed(result, min_f1, max_auto_wrong))
    for line in missed:
        say(line)
    return 2 if read.refused else 1 if missed else 0


def _missed(result: dict[str, Any], min_f1: float | None, max_auto_wrong: float | None) -> Iterator[str]:
    """The thresholds that were not met."""
    from labeler.workbench.scoreboard import lowest_f1

    if min_f1 is not None:
        name, f1 = lowest_f1(result)
        if f1 is None:
            yield "F1 is undefined: no gold report has a class that is 1"
        elif f1 < min_f1:
            yield f"F1 of {name} is {f1:.4f}, below --min-f1 {min_f1:g}"
    share = result["main"]["summary"]["auto_wrong_share"]
    if max_auto_wrong is not None and share > max_auto_wrong:
        yield f"auto and wrong: {share:.4f} of the reports, above --max-auto-wrong {max_auto_wrong:g}"


def _read_result(path: str) -> dict[str, Any]:
    try:
        reports = json.loads(Path(path).read_text("utf-8"))["reports"]
        if all({"wrong", "status"} <= one.keys() for one in reports.values()):
            return dict(reports)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Failure(f"{path}:1: not a result; save one with vnlabel eval --json > {path}")


def _write_errors(path: str, labeler: Labeler, found: list[Outcome]) -> None:
    from labeler.io.writers import dump
    from labeler.workbench.errors import error_record

    wrong = (one for one in found if one.wrong and not one.gold.apart)
    write_output(path, (dump(error_record(one, labeler.label(one.gold.description))) + "\n" for one in wrong))


# what a person reads


def _shown(
    labeler: Labeler, gold: Gold, found: list[Outcome], result: dict[str, Any], show: int, everything: bool
) -> Iterator[str]:
    rules, main = result["rules"], result["main"]
    files = "file" if len(gold.files) == 1 else "files"
    yield f"{len(found)} reports of {len(gold.files)} {files}; rules {rules['name']} {rules['version']} ({rules['hash']})"
    if main["summary"]["reports"]:
        yield ""
        yield from scores(main)
        yield ""
        yield from shares(main)
        yield from _by("file", main["files"], everything=True)
        often = {name: one for name, one in main["tags"].items() if everything or one["reports"] >= OFTEN}
        yield from _by("tag", often, everything)
        yield from _findings(main, everything)
        yield from _errors(labeler, [one for one in found if not one.gold.apart], show)
    if result["blind"] is not None:
        yield ""
        yield "Blind gold, apart: no rule was written from it"
        yield ""
        yield from scores(result["blind"])
        yield ""
        yield from shares(result["blind"])
    if "changes" in result:
        yield ""
        yield from changed(result["changes"])


def scores(block: dict[str, Any]) -> list[str]:
    """The table of classes."""
    rows = [["", "TP", "FP", "TN", "FN", "precision", "recall", "F1", "95 %", "F1, uncertain as 0"]]
    for name, one in block["classes"].items():
        rows.append([name, *(str(one[key]) for key in ("tp", "fp", "tn", "fn")), *_values(one)])
    for name in ("macro", "micro"):
        rows.append([name, "", "", "", "", *_values(block[name])])
    return table(rows, right=1)


def _values(one: dict[str, Any]) -> list[str]:
    low_high = "-".join(_number(value) for value in one["f1"][1:])
    return [*(_number(one[key][0]) for key in ("precision", "recall", "f1")), low_high, _number(one["f1_uncertain_negative"])]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def shares(block: dict[str, Any]) -> Iterator[str]:
    """Who decided, and what is wrong."""
    one, argued = block["summary"], block["debatable"]

    def of(name: str) -> str:
        return f"{one[name]} ({one[name] / max(one['reports'], 1):.1%})"

    yield f"decided by template {of('template')}, by rules {of('rules')}, to review {of('review')}"
    yield f"wrong {of('wrong')}, auto and wrong {of('auto_wrong')}"
    if argued["labels"]:
        yield f"debatable, apart: {argued['as_gold']} of {argued['labels']} labels as in gold"
    if block["twins"]["pairs"]:
        yield f"misspelt twins labelled unlike their originals: {len(block['twins']['differ'])} of {block['twins']['pairs']}"


def _by(what: str, found: dict[str, Any], everything: bool) -> Iterator[str]:
    """Reports by file or by tag: all of them, or those that go wrong or to review most."""
    if not found:
        return

    def fares(name: str) -> tuple[float, float, float]:
        one = found[name]
        return one["auto_wrong_share"], one["wrong"] / one["reports"], one["review_share"]

    names = list(found) if everything else sorted(found, key=fares, reverse=True)[:FEW_TAGS]
    rows = [[what, "reports", "wrong", "auto and wrong", "review", "macro F1"]]
    for name in names:
        one = found[name]
        counts = [str(one[key]) for key in ("reports", "wrong", "auto_wrong")]
        rows.append([name, *counts, f"{one['review_share']:.1%}", _number(one["macro_f1"])])
    yield ""
    yield from table(rows, right=1)
    if len(names) < len(found):
        yield f"... and {len(found) - len(names)} better {what}s (--all)"


def _findings(block: dict[str, Any], everything: bool) -> Iterator[str]:
    found: dict[str, Any] = block["findings"]
    worst = sorted(found, key=lambda n: (-(found[n]["fp"] + found[n]["fn"]), n))
    names = worst if everything else [n for n in worst[:FEW_TAGS] if found[n]["fp"] + found[n]["fn"]]
    if names:
        rows = [["finding", "TP", "FP", "FN", "precision", "recall", "F1"]]
        for name in names:
            one = found[name]
            counts = [str(one[key]) for key in ("tp", "fp", "fn")]
            rows.append([name, *counts, *(_number(one[key]) for key in ("precision", "recall", "f1"))])
        yield ""
        yield from table(rows, right=1)
    if len(names) < len(found):
        yield f"... and {len(found) - len(names)} better findings (--all)"
    if block["unknown_findings"]:
        some = ", ".join(sorted(block["unknown_findings"])[:FEW_TAGS])
        yield f"gold names {len(block['unknown_findings'])} findings that no rule has: {some}"


def _errors(labeler: Labeler, found: list[Outcome], show: int) -> Iterator[str]:
    from labeler.workbench.errors import lines

    wrong = sorted((one for one in found if one.wrong), key=lambda one: not one.auto_wrong)
    if wrong and show:
        yield ""
    for one in wrong[:show]:
        yield from lines(one, labeler.label(one.gold.description))
    if len(wrong) > show:
        yield f"... and {len(wrong) - show} more wrong reports (--show N, --errors FILE)"


def changed(changes: dict[str, list[str]]) -> Iterator[str]:
    """What became of which reports."""
    titles = {"mended": "mended", "broken": "broken", "to_review": "now to review", "to_auto": "no longer to review",
              "new": "not in the earlier run", "gone": "only in the earlier run"}  # fmt: skip
    if not any(changes.values()):
        yield "nothing changed"
    for key, title in titles.items():
        if changes[key]:
            yield f"{title}: {len(changes[key])} ({', '.join(changes[key][:10])}{', ...' if len(changes[key]) > 10 else ''})"
