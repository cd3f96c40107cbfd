"""vnlabel dataset status, list"""

from __future__ import annotations

from typing import Any

import click

from labeler.cli.dataset_base import (
    answer,
    for_its_owner_alone,
    json_option,
    listing,
    opened,
    reasons_of,
    workspace_argument,
)
from labeler.dataset import LISTS

STDOUT = "-"


@click.command()
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


@click.command(name="list")
@workspace_argument
@click.argument("what", type=click.Choice(LISTS))
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

    with for_its_owner_alone(), opened(workspace, write=False) as ws, Outputs() as outputs:
        header, rows = rows_of(ws, what)
        out = outputs.file(output)
        out.write(row(header))
        for cells in rows:
            out.write(row(cells))
        outputs.commit()
    return 0


def _funnel(found: dict[str, Any]) -> list[str]:
    his, pacs, pairs, made = found["his"], found["pacs"], found["match"], found["labels"]
    lines = [
        f"HIS files           {his['files']:>9,}   refused {his['broken_files']:,}", *reasons_of("refused", his["broken_by"]),
        f"sessions            {his['sessions']:>9,}",
        f"frontal reports     {his['reports']:>9,}   refused {his['refused']:,}; left out: {his['lateral_reports']:,} lateral, "
        f"{his['other_services']:,} of other services, {his['repeated_reports']:,} repeated",
        *reasons_of("refused", his["refused_by"]), *reasons_of("mended", his["mended_files"]),
        *([f"from the PACS       {pacs['came']:>9,}   of {pacs['expected']:,} that it promised"] if pacs["expected"] else []),
        *reasons_of("did not come", pacs["missing_by"]),
        f"DICOM images        {pacs['images']:>9,}   of {pacs['studies']:,} studies; refused {pacs['refused']:,}",
        *reasons_of("refused", pacs["refused_by"]), *reasons_of("set aside", pacs["set_aside_by"]),
        f"PA films            {pacs['pa']:>9,}   not PA {pacs['not_pa']:,}, unknown {pacs['view_unknown']:,}",
        f"matched             {pairs['matched']:>9,}   to review {pairs['review']:,}, unmatched {pairs['unmatched_films']:,}; "
        f"reports without a film {pairs['unmatched_reports']:,}",
        *reasons_of("unmatched films", pairs["unmatched_films_by"]), *reasons_of("unmatched reports", pairs["unmatched_reports_by"]),
        f"labelled reports    {made['labelled']:>9,}   {listing(made['status'])}",
        *reasons_of("review", made["review_by"]), *reasons_of("decisions", made["decisions"]), *reasons_of("conflicts", made["conflicts"]),
        f"patients in parts   {sum(found['split']['patients'].values()):>9,}   {listing(found['split']['patients'])}",
    ]  # fmt: skip
    for r in found["quality"]["rounds"]:
        lines.append(
            f"quality round {r['round']:<5} {r['decided']:>9,}   of {r['size']:,} decided, {r['errors']:,} errors"
        )
    if found["quality"]["error_rate_at_most"] is not None:
        lines.append(f"error rate at most  {found['quality']['error_rate_at_most']:>9.2%}   with 95 % confidence")
    return lines
