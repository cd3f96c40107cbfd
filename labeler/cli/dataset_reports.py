"""vnlabel dataset reports, match, labels"""

from __future__ import annotations

import click

from labeler.cli.base import load_labeler, one_line, rules_option, say
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
from labeler.cli.progress import Meter, Progress


@click.command()
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
    counts = {
        name: account.counts[name]
        for name in ("sessions", "frontal", "lateral", "other", "kept", "repeated", "refused", "withdrawn")
    }
    withdrawn = counts["withdrawn"]
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
            *([f"          {withdrawn} withdrawn: their files, read otherwise now, hold them no more"] if withdrawn else []),
            *reasons_of("refused", account.reasons), *reasons_of("mended", account.mended),
        ],
    )  # fmt: skip
    return 2 if account.broken and not allow_refused else 0


@click.command()
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
            ids = PatientIds(
                given if prefixes else kept.prefixes, kept.leading_zeros if leading_zeros is None else leading_zeros
            )
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


@click.command()
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
        *([f"         {listing(account.statuses)}; by {listing(account.methods)}"] if account.statuses else []),
        *([f"{account.conflicts} conflicts with decisions: vnlabel dataset list {workspace} conflicts"] if account.conflicts else []),
        *_not_applied(sum(account.not_applied.values()), workspace),
    ]  # fmt: skip
    answer(as_json, counts, lines)
    return 0


def _not_applied(number: int, workspace: str) -> list[str]:
    if not number:
        return []
    return [
        one_line(f"{number} decisions not applied, as the text has changed: vnlabel dataset list {workspace} conflicts")
    ]
