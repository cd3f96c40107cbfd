"""vnlabel label"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, load_labeler, one_line, rules_option, table
from labeler.cli.corpus import source_options
from labeler.cli.progress import Progress
from labeler.schemes import POLICIES, SCHEMES

if TYPE_CHECKING:
    from labeler.io.run import Account

STDIN = "-"
NOT_CSV = (".parquet", ".pq", ".jsonl", ".ndjson", ".tsv", ".xlsx", ".json")


def examples_path() -> Path:
    """The shipped example reports: beside the package in a checkout, else in the wheel's `_data`."""
    here = Path(__file__).resolve().parent.parent
    for candidate in (here.parent / "gold" / "examples.csv", here / "_data" / "gold" / "examples.csv"):
        if candidate.is_file():
            return candidate
    raise Failure("the shipped examples are missing from this installation; reinstall vnlabel")


@click.command()
@click.argument("src", required=False)
@click.option("-o", "--output", metavar="FILE.csv", help="The label table; - is standard output.")
@click.option("--examples", is_flag=True, help="Label the shipped example reports instead of SRC.")
@source_options
@rules_option
@click.option("--scheme", type=click.Choice(SCHEMES), default="classes", show_default=True, help="Label columns.")
@click.option(
    "--uncertain",
    type=click.Choice(list(POLICIES)),
    help="What an uncertain label becomes: 1, 0, blank or -1. [default: positive; minus1 for chexpert and vindr]",
)
@click.option("--explain", metavar="FILE.jsonl", help="Also write every word that decided, one object per report.")
@click.option("--review-out", metavar="FILE.csv", help="Also write the reports that a person should look at.")
@click.option("--decisions", metavar="FILE.csv", help="A review file that a person filled in: what it says wins.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--table/--no-table", "show", default=None, help="Print the first rows as a table. [default: with --examples]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the account of the run as JSON.")
def label(
    src: str | None, output: str | None, examples: bool, id_column: str, text_column: str, fmt: str | None,
    encoding: str | None, rules: str | None, scheme: str, uncertain: str | None, explain: str | None,
    review_out: str | None, decisions: str | None, allow_refused: bool, jobs: int, show: bool | None, as_json: bool,
) -> int:  # fmt: skip
    """Label reports: a table in, labels.csv out.

    SRC is a .csv, .tsv, .jsonl or .parquet file, a folder of .txt files (the id is the file's name), or - for
    standard input. Beside labels.csv lies labels.meta.json: rule set, options, counts, refused rows.

    A row that cannot become a report is refused with its line and the rest is labelled; the exit status is then 2.

    \b
    Examples:
      vnlabel label --examples -o labels.csv
      vnlabel label reports.csv -o labels.csv --explain why.jsonl
      vnlabel label reports.parquet -o chexpert.csv --scheme chexpert
      zcat reports.jsonl.gz | vnlabel label - -o - | head
      vnlabel label reports.csv -o labels.csv --review-out review.csv
      vnlabel label reports.csv -o labels.csv --decisions review.csv
    """
    if examples == (src is not None):
        raise click.UsageError("name one source: SRC or --examples", click.get_current_context())
    if output is None:
        raise click.UsageError(
            "say where the labels go: -o labels.csv, or -o - for standard output", click.get_current_context()
        )
    source_path = str(examples_path()) if examples else str(src)
    show = examples if show is None else show
    _check_files(source_path, output, explain, review_out, decisions, as_json)
    if decisions is not None and scheme != "classes":
        raise click.UsageError(
            f"--decisions are 0 and 1 for the five classes and cannot fill --scheme {scheme}; use --scheme classes",
            click.get_current_context(),
        )

    from labeler.io.refusals import BadInput
    from labeler.io.run import Plan, Run
    from labeler.io.sources import open_source

    options: dict[str, Any] = {
        "source": "--examples" if examples else source_path, "id_column": id_column, "text_column": text_column,
        "format": fmt, "encoding": encoding, "rules": rules, "scheme": scheme, "uncertain": uncertain,
        "explain": explain, "review_out": review_out, "decisions": decisions, "allow_refused": allow_refused,
        "jobs": jobs,
    }  # fmt: skip
    plan = Plan(output, rules, scheme, uncertain, explain, review_out, decisions, jobs, options)
    try:
        source = open_source(source_path, fmt, id_column, text_column, encoding)
        labeler = load_labeler(rules)
        with Progress(source, "labelling") as progress:
            account = Run(source, plan, progress.say, progress.step, labeler).run()
    except BadInput as error:
        raise Failure(str(error)) from None
    _report(account, output, show, as_json, progress.tell_line)
    bad = account.refused + account.not_applied
    return 2 if bad and not allow_refused else 0


def _check_files(
    source: str, output: str, explain: str | None, review_out: str | None, decisions: str | None, as_json: bool
) -> None:
    from labeler.io.run import meta_path, same_file

    context = click.get_current_context()
    if output != STDIN and Path(output).suffix.lower() in NOT_CSV:
        raise click.UsageError(f"-o {output}: labels are written as CSV; name the file .csv", context)
    if output == STDIN and as_json:
        raise click.UsageError("--json and -o - both want standard output; write the labels to a file", context)
    named = {"-o": output, "--explain": explain, "--review-out": review_out}
    for option, path in (("--explain", explain), ("--review-out", review_out)):
        if path == STDIN:
            raise click.UsageError(f"{option} is written to a file; only -o can be -", context)
    files = {option: path for option, path in named.items() if path is not None and path != STDIN}
    if output != STDIN:
        files["the account of -o"] = meta_path(output)
    read = {"SRC": source} if source != STDIN else {}
    if decisions is not None:
        read["--decisions"] = decisions
    told = list(read.items())
    for option, path in files.items():
        for other, held in told:
            if same_file(path, held):
                raise click.UsageError(f"{option} and {other} are the same file {path}; give each its own", context)
        told.append((option, path))


def _report(account: Account, output: str, show: bool, as_json: bool, tell: Callable[[str], None]) -> None:
    from labeler.io.writers import dump

    if as_json:
        click.echo(dump({"output": output, **account.meta}, indent=2))
        return
    if show and output != STDIN and account.reports:
        header = ["report_id", *account.columns, "status", "uncertain", "reasons"]
        for line in table([header, *account.first_rows]):
            click.echo(line)
        more = account.reports - len(account.first_rows)
        if more > 0:
            click.echo(f"... and {more} more")
        click.echo(f"\nLabels of {account.reports} reports: {output}")
        click.echo('Look closer with: vnlabel explain "TEXT"')
    review = account.statuses["review"]
    parts = [f"{account.reports} reports", f"{review} to review"]
    if account.refused:
        parts.append(f"{account.refused} rows refused")
    if account.not_applied:
        parts.append(f"{account.not_applied} decisions not applied")
    tell(one_line(f"{', '.join(parts)}; labels in {'standard output' if output == STDIN else output}"))
