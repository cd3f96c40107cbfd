"""vnlabel dataset"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import CONTEXT, Failure, Group, load_labeler, one_line, rules_option, say, table
from labeler.cli.dataset_base import (
    answer,
    errors_in_a_line,
    json_option,
    listing,
    opened,
    reasons_of,
    stepper,
    workspace_argument,
)
from labeler.cli.dataset_films import collect, images, views
from labeler.cli.progress import Meter, Progress
from labeler.schemes import POLICIES

if TYPE_CHECKING:
    from labeler.dataset.workspace import Workspace

STDOUT = "-"
STAGES = {  # in the order of their use
    "reports": "HIS exports: sessions and frontal chest reports.",
    "collect": "DICOM objects into the workspace, each once.",
    "views": "Which films are PA chest films.",
    "match": "The report that belongs to each PA film.",
    "images": "JPG images of the PA films.",
    "labels": "Labels of the matched reports.",
    "review": "What needs a person, out and back.",
    "quality": "Random samples to check, round by round.",
    "split": "Train, valid and test, by patient.",
    "export": "The data set: a CSV and its images.",
    "status": "What has come through each stage, with reasons.",
    "list": "Records with their true identifiers.",
}


class Stages(Group):
    """The stages in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in that order, others after them."""
        return [*(name for name in STAGES if name in self.commands), *sorted(set(self.commands) - set(STAGES))]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with what it is about."""
        with formatter.section("Stages"):
            names = self.list_commands(ctx)
            formatter.write_dl([(name, STAGES.get(name) or self.commands[name].get_short_help_str()) for name in names])


@click.group(cls=Stages, context_settings=CONTEXT)
def dataset() -> None:
    """From hospital records to a data set, stage by stage, over one workspace folder.

    The first stage makes the workspace. Every stage can be run again: it does what is left and keeps what is done.
    True identifiers and texts stay in the workspace; what leaves it carries keyed hashes.

    \b
    Example:
      vnlabel dataset reports work his_export/
      vnlabel dataset collect work films/
      vnlabel dataset views work
      vnlabel dataset images work --size 1024
      vnlabel dataset match work
      vnlabel dataset labels work
      vnlabel dataset review work --out sheets
      vnlabel dataset review work --in sheets/review.csv
      vnlabel dataset split work
      vnlabel dataset export work --out data
      vnlabel dataset status work
    """


for stage in (collect, views, images):
    dataset.add_command(stage)


@dataset.command()
@workspace_argument
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--mapping",
    metavar="NAME|FILE.yaml",
    help="Names of elements and fields: paper, insurance, or a file like them. [default: both]",
)
@rules_option
@click.option("--allow-refused", is_flag=True, help="End with 0 although files were refused.")
@json_option
def reports(
    workspace: str, sources: tuple[str, ...], mapping: str | None, rules: str | None, allow_refused: bool, as_json: bool
) -> int:
    """Read sessions and frontal chest reports from HIS exports: XML files, or folders of them.

    Kept are the service codes that the rule set lists as frontal. A broken file is refused as a whole and named with
    line and column; a record with a missing or impossible time, id or service is refused alone. Files found in a
    folder are named by a hash, as their names may be patients'; `list WORKSPACE refused` has the true ones.

    \b
    Examples:
      vnlabel dataset reports work his_export/
      vnlabel dataset reports work january.xml february.xml --mapping our_his.yaml
    """
    from labeler.dataset.his import find_files, read_reports
    from labeler.dataset.mapping import load_mappings
    from labeler.dataset.services import Services
    from labeler.rules import RuleSet

    with errors_in_a_line(workspace):
        mappings = load_mappings(mapping)
        services = Services(RuleSet.load(rules))
        files = list(find_files(sources))
    meter = Meter(sum(path.stat().st_size for path, _ in files if path.is_file()))
    with opened(workspace, create=True) as ws, Progress(meter, "reading") as progress:
        account = read_reports(ws, files, mappings, services, progress.say, stepper(meter, progress))
    counts = {name: account.counts[name] for name in ("sessions", "frontal", "lateral", "other", "kept", "repeated", "refused")}
    answer(
        as_json,
        {
            "files": {"read": account.read, "known": account.known, "refused": account.broken},
            **counts, "reasons": dict(sorted(account.reasons.items())), "mended": dict(sorted(account.mended.items())),
        },
        [
            f"files     {account.read} read, {account.known} known already, {account.broken} refused",
            f"sessions  {counts['sessions']}",
            f"reports   {counts['frontal']} frontal: {counts['kept']} kept, {counts['repeated']} known already, "
            f"{counts['refused']} refused; left out: {counts['lateral']} lateral, {counts['other']} of other services",
            *reasons_of("refused", account.reasons), *reasons_of("mended", account.mended),
        ],
    )  # fmt: skip
    return 2 if account.broken and not allow_refused else 0


@dataset.command()
@workspace_argument
@click.option(
    "--patient-prefix", "prefixes", multiple=True, metavar="TEXT",
    help="Letters before patient ids that one of the systems adds, such as BN; may be given several times; '' for none.",
)  # fmt: skip
@click.option(
    "--leading-zeros/--no-leading-zeros", default=None, help="Whether leading zeros of patient ids count. [default: no]"
)
@json_option
def match(workspace: str, prefixes: tuple[str, ...], leading_zeros: bool | None, as_json: bool) -> int:
    """Find the report that belongs to each PA film.

    A film and a report match when they are of one patient, at most 24 hours apart, and the film was taken between
    check-in and check-out, bounds included. Several reports that say the same: the nearest; different ones: review.
    How patient ids are compared is remembered from run to run.

    \b
    Examples:
      vnlabel dataset match work
      vnlabel dataset match work --patient-prefix BN
    """
    from labeler.dataset.match import PatientIds, match_all, patient_ids

    with opened(workspace) as ws:
        ids = None
        if prefixes or leading_zeros is not None:
            with ws.engine.begin() as db:
                kept = patient_ids(db)
            given = tuple(prefix for prefix in prefixes if prefix)
            ids = PatientIds(given if prefixes else kept.prefixes, kept.leading_zeros if leading_zeros is None else leading_zeros)
        meter = Meter()
        with Progress(meter, "matching") as progress:
            account = match_all(ws, ids, stepper(meter, progress))
    films = account.films
    answer(
        as_json,
        {
            "films": {name: films[name] for name in ("matched", "review", "unmatched")},
            "films_by": dict(sorted(account.reasons.items())), "unmatched_reports_by": dict(sorted(account.reports.items())),
            "decisions_not_applied": len(account.not_applied),
        },
        [
            f"films    {films['matched']} matched, {films['review']} to review, {films['unmatched']} unmatched",
            *reasons_of("films", account.reasons),
            f"reports  {sum(account.reports.values())} without a film",
            *reasons_of("reports", account.reports),
            *_not_applied(len(account.not_applied), workspace),
        ],
    )  # fmt: skip
    hint = _why_few(sum(films.values()), account.reasons["no_report_of_patient"], workspace)
    if hint is not None and not as_json:
        say(hint)
    return 0


def _why_few(films: int, strangers: int, workspace: str) -> str | None:
    """What is probably amiss when hardly anything matched."""
    if not films:
        return f"no PA films yet: vnlabel dataset collect {workspace} SOURCE, then vnlabel dataset views {workspace}"
    if strangers > films / 2:
        return "most films are of patients without reports: if HIS and PACS write ids differently, say --patient-prefix"
    return None


@dataset.command()
@workspace_argument
@rules_option
@json_option
def labels(workspace: str, rules: str | None, as_json: bool) -> int:
    """Label the matched reports; what persons decided wins.

    With other rules than before all reports are labelled again. Decisions stay; where the labeler now says something
    new that is not what the person said, it is a conflict.

    \b
    Examples:
      vnlabel dataset labels work
      vnlabel dataset labels work --rules my_hospital && vnlabel dataset list work conflicts
    """
    from labeler.dataset.labels import label_all

    with opened(workspace) as ws:
        labeler = load_labeler(rules)
        meter = Meter()
        with Progress(meter, "labelling") as progress:
            account = label_all(ws, labeler, stepper(meter, progress))
    counts = {
        "labelled": account.labelled, "kept": account.kept, "status": dict(sorted(account.statuses.items())),
        "method": dict(sorted(account.methods.items())), "conflicts": account.conflicts,
        "decisions_not_applied": sum(account.not_applied.values()),
    }  # fmt: skip
    lines = [
        f"reports  {account.labelled} labelled, {account.kept} kept from before",
        f"         {listing(account.statuses)}; by {listing(account.methods)}",
        *([f"{account.conflicts} conflicts with decisions: vnlabel dataset list {workspace} conflicts"] if account.conflicts else []),
        *_not_applied(sum(account.not_applied.values()), workspace),
    ]  # fmt: skip
    answer(as_json, counts, lines)
    return 0


@dataset.command()
@workspace_argument
@click.option("--out", metavar="DIR", help="Write what needs a person: sheets to look at, and review.csv to fill in.")
@click.option("--in", "back", metavar="FILE.csv", help="Take a review.csv back that a person filled in.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(["match", "labels", "quality"]), help="Only this. [default: all]"
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many items.")
@click.option("--who", metavar="NAME", help="Who decided. [default: your user name]")
@rules_option
@click.option("--allow-refused", is_flag=True, help="End with 0 although rows were not applied.")
@json_option
def review(
    workspace: str, out: str | None, back: str | None, kinds: tuple[str, ...], limit: int | None, who: str | None,
    rules: str | None, allow_refused: bool, as_json: bool,
) -> int:  # fmt: skip
    """Ask persons, and take their answers.

    --out DIR writes review-001.html and on, film beside report with the decisive words in colour, and review.csv.
    In its column verdict: ok; labels (with 0 and 1 in the class columns, or a corrected_text); match (with the key of
    the right report, or none, in match); image (unusable film). Decisions are kept for good, with who and when.

    \b
    Examples:
      vnlabel dataset review work --out sheets
      vnlabel dataset review work --in sheets/review.csv --who "Dr. Lan"
    """
    if (out is None) == (back is None):
        raise click.UsageError("say --out DIR to ask, or --in FILE.csv to take back", click.get_current_context())
    with opened(workspace) as ws:
        labeler = load_labeler(rules)
        if out is not None:
            return _review_out(ws, labeler, out, kinds, limit, as_json)
        return _review_in(ws, labeler, str(back), who or _user(), allow_refused, as_json)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise click.UsageError("who decided? say --who NAME", click.get_current_context()) from None


def _review_out(ws: Workspace, labeler: Any, out: str, kinds: tuple[str, ...], limit: int | None, as_json: bool) -> int:
    from labeler.dataset.review import KINDS, write_review

    try:
        counts = write_review(ws, labeler, Path(out), [k for k in KINDS if not kinds or k in kinds], limit)
    except OSError as error:
        raise Failure(f"{out}: {error.strerror or error}") from None
    left = counts.pop("left", 0)
    answer(
        as_json,
        {"items": dict(counts), "left": left, "out": out},
        [f"{sum(counts.values())} items in {out} ({listing(counts) or 'nothing to ask'})" + (f"; {left} more" if left else "")],
    )
    return 0


def _review_in(ws: Workspace, labeler: Any, back: str, who: str, allow_refused: bool, as_json: bool) -> int:
    from labeler.dataset.decide import take_back
    from labeler.dataset.labels import label_all
    from labeler.dataset.match import decisions_wait, match_all
    from labeler.dataset.workspace import get

    with ws.engine.begin() as db:
        used = get(db, "rules")
    if used is not None and used != labeler.rules.hash:
        raise Failure(
            f"{ws.path}: its labels were made with other rules than these; give the same --rules, or run labels first"
        )
    account = take_back(ws, back, who, labeler.classes)
    with ws.engine.begin() as db:
        rematch = decisions_wait(db)
    if rematch:  # also when it was stopped here before
        match_all(ws, None, lambda more: None)
    if used is not None:
        label_all(ws, labeler, lambda more: None)
    for problem in account.problems:
        say(str(problem))
    answer(
        as_json,
        {
            "applied": account.applied, "known": account.known, "undecided": account.undecided,
            "not_applied": [{"line": p.line, "code": p.code, "reason": p.message} for p in account.problems],
        },
        [
            f"{account.applied} decisions applied, {account.known} known already, {account.undecided} rows undecided, "
            f"{len(account.problems)} not applied"
        ],
    )  # fmt: skip
    return 2 if account.problems and not allow_refused else 0


@dataset.command()
@workspace_argument
@click.option("--test", type=click.FloatRange(0, 0.9), metavar="SHARE", help="Share of a third part. [default: 0]")
@click.option("--seed", type=int, metavar="N", help="Seed of the dealing. [default: 0]")
@click.option("--again", is_flag=True, help="Make a new split; patients change parts.")
@json_option
def split(workspace: str, test: float | None, seed: int | None, again: bool, as_json: bool) -> int:
    """Part the labelled pairs 70:30 into train and valid, and --test SHARE before that.

    All images of a patient are in one part, and every class has its share in each. Patients keep their part when more
    come. Prints the table of positive and negative images per class and part.

    \b
    Examples:
      vnlabel dataset split work
      vnlabel dataset split work --test 0.15 --seed 7 --again
    """
    from labeler.dataset.split import split_all

    with opened(workspace) as ws:
        counts, new = split_all(ws, test, seed, again)
    parts = list(next(iter(counts.values())))
    rows = [["class", *(f"{part} {sign}" for part in parts for sign in ("positive", "negative"))]]
    for name, by in counts.items():
        cells = []
        for part in parts:
            total = sum(by[part])
            cells += [f"{n} ({n / total:.2%})" if total else str(n) for n in by[part]]
        rows.append([name, *cells])
    images = {part: sum(next(iter(counts.values()))[part]) for part in parts}
    answer(
        as_json,
        {"images": images, "classes": counts, "patients_dealt": new},
        [*table(rows), "", f"images: {listing(images)}; {new} patients dealt now"],
    )
    return 0


@dataset.command()
@workspace_argument
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True, help="Of all pairs.")
@click.option("--seed", type=int, metavar="N", help="Seed of the draws. [default: 0]")
@json_option
def quality(workspace: str, share: float, seed: int | None, as_json: bool) -> int:
    """Draw a random sample of pairs for a person to check, round by round, until a round has no error.

    No pair is drawn twice. Verdicts are given through review; run this again when they are in. After a clean round it
    says how large the error rate can be at most, with 95 % confidence.

    \b
    Examples:
      vnlabel dataset quality work
      vnlabel dataset review work --kind quality --out sheets
    """
    from labeler.dataset.quality import draw, upper_bound

    with opened(workspace) as ws:
        rounds, new = draw(ws, share, seed)
    bound = upper_bound(rounds)
    last = rounds[-1]
    lines = table([
        ["round", "drawn", "from", "decided", "errors", "state"],
        *([str(r.round), str(r.size), str(r.population), str(r.decided), str(r.errors), r.state] for r in rounds),
    ])  # fmt: skip
    if bound is not None:
        lines.append(f"error rate at most {bound:.2%} (95 % confidence, whatever the number of rounds)")
    elif last.state == "open":
        lines.append(f"round {last.round} waits for verdicts: vnlabel dataset review {workspace} --kind quality --out DIR")
    else:
        lines.append("every pair has been looked at; the errors found are corrected, none can be left unseen")
    shown = [
        {"round": r.round, "size": r.size, "population": r.population, "decided": r.decided, "errors": r.errors, "state": r.state}
        for r in rounds
    ]  # fmt: skip
    answer(as_json, {"rounds": shown, "drawn_now": new, "error_rate_at_most": bound}, lines)
    return 0


@dataset.command()
@workspace_argument
@click.option("--out", required=True, metavar="DIR", help="Folder for dataset.csv and images/.")
@click.option("--with-review", is_flag=True, help="Take along reports that wait for review.")
@click.option(
    "--uncertain", type=click.Choice(list(POLICIES)), default="positive", show_default=True,
    help="What an uncertain label becomes: 1, 0, blank or -1.",
)  # fmt: skip
@json_option
def export(workspace: str, out: str, with_review: bool, uncertain: str, as_json: bool) -> int:
    """Write the data set: dataset.csv, one row an image, and images/.

    Patients, studies and reports are keyed hashes; the key stays in the workspace.

    \b
    Example:
      vnlabel dataset export work --out data
    """
    from labeler.dataset.export import export as write

    with opened(workspace) as ws:
        meter = Meter()
        try:
            with Progress(meter, "exporting") as progress:
                meta = write(ws, Path(out), with_review=with_review, policy=uncertain, step=stepper(meter, progress))
        except OSError as error:
            raise Failure(f"{error.filename or out}: {error.strerror or error}") from None
    counts = meta["counts"]
    left = {name.removeprefix("left_out_"): n for name, n in counts.items() if name.startswith("left_out_")}
    parts = {name.removeprefix("split_"): n for name, n in counts.items() if name.startswith("split_")}
    answer(
        as_json,
        {"out": out, **meta},
        [f"{counts['images']} images in {out} ({listing(parts)})" + (f"; left out: {listing(left)}" if left else "")],
    )
    return 0


@dataset.command()
@workspace_argument
@json_option
def status(workspace: str, as_json: bool) -> int:
    """Show what has come through each stage, and what was left behind, with the reasons.

    \b
    Example:
      vnlabel dataset status work
    """
    from labeler.dataset.overview import status as all_counts

    with opened(workspace, write=False) as ws:
        found = all_counts(ws)
    answer(as_json, found, _funnel(found))
    return 0


@dataset.command(name="list")
@workspace_argument
@click.argument(
    "what", type=click.Choice(
        ["studies", "collected", "views", "images", "reports", "pairs", "unmatched", "refused", "decisions", "conflicts"]
    )
)
@click.option("-o", "--output", default=STDOUT, metavar="FILE.csv", help="[default: standard output]")
def list_(workspace: str, what: str, output: str) -> int:
    """List records as CSV, with the true identifiers: for those who may see them.

    \b
    Examples:
      vnlabel dataset list work unmatched -o unmatched.csv
      vnlabel dataset list work refused
    """
    from labeler.dataset.overview import rows_of
    from labeler.io.writers import Outputs, row

    with opened(workspace, write=False) as ws, Outputs() as outputs:
        header, rows = rows_of(ws, what)
        out = outputs.file(output)
        out.write(row(header))
        for cells in rows:
            out.write(row(cells))
        outputs.commit()
    return 0


def _not_applied(number: int, workspace: str) -> list[str]:
    if not number:
        return []
    return [one_line(f"{number} decisions not applied, as the text has changed: vnlabel dataset list {workspace} conflicts")]


def _funnel(found: dict[str, Any]) -> list[str]:
    his, pacs, pairs, made = found["his"], found["pacs"], found["match"], found["labels"]
    lines = [
        f"HIS files           {his['files']:>9,}   refused {his['broken_files']:,}", *reasons_of("refused", his["broken_by"]),
        f"sessions            {his['sessions']:>9,}",
        f"frontal reports     {his['reports']:>9,}   refused {his['refused']:,}; left out: {his['lateral_reports']:,} lateral, "
        f"{his['other_services']:,} of other services, {his['repeated_reports']:,} repeated",
        *reasons_of("refused", his["refused_by"]), *reasons_of("mended", his["mended_files"]),
        f"DICOM images        {pacs['images']:>9,}   of {pacs['studies']:,} studies; refused {pacs['refused']:,}",
        *reasons_of("refused", pacs["refused_by"]),
        f"PA films            {pacs['pa']:>9,}   not PA {pacs['not_pa']:,}, unknown {pacs['view_unknown']:,}",
        f"matched             {pairs['matched']:>9,}   to review {pairs['review']:,}, unmatched {pairs['unmatched_films']:,}; "
        f"reports without a film {pairs['unmatched_reports']:,}",
        *reasons_of("unmatched films", pairs["unmatched_films_by"]), *reasons_of("unmatched reports", pairs["unmatched_reports_by"]),
        f"labelled reports    {made['labelled']:>9,}   {listing(made['status'])}",
        *reasons_of("review", made["review_by"]), *reasons_of("decisions", made["decisions"]), *reasons_of("conflicts", made["conflicts"]),
        f"patients in parts   {sum(found['split']['patients'].values()):>9,}   {listing(found['split']['patients'])}",
    ]  # fmt: skip
    for r in found["quality"]["rounds"]:
        lines.append(f"quality round {r['round']:<5} {r['decided']:>9,}   of {r['size']:,} decided, {r['errors']:,} errors")
    if found["quality"]["error_rate_at_most"] is not None:
        lines.append(f"error rate at most  {found['quality']['error_rate_at_most']:>9.2%}   with 95 % confidence")
    return lines
