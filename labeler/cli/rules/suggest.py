"""vnlabel rules suggest"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import load_labeler, rules_option, say, usable, write_output
from labeler.cli.corpus import Corpus, corpus_options

if TYPE_CHECKING:
    from labeler.rules import RuleSet
    from labeler.workbench.suggest import Suggestions


@click.command()
@click.argument("reports", nargs=-1, required=True, metavar="REPORTS...")
@rules_option
@corpus_options
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Suggestions at most.")
@click.option(
    "--least", type=click.IntRange(2), default=3, show_default=True, help="Leave out what fewer reports have."
)
@click.option("-o", "--output", metavar="FILE.yaml", help="Write the YAML to a file instead of standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print the suggestions as JSON.")
def suggest(
    reports: tuple[str, ...],
    rules: str | None,
    corpus: Corpus,
    limit: int,
    least: int,
    output: str | None,
    as_json: bool,
) -> int:
    """Suggest rules for what reports say and the rules do not know, the most useful first, as YAML ready to paste.

    Frequent unexplained phrases come as findings, misspellings of known words as spellings, frequent whole
    descriptions as templates that mean no finding.  All are drafts: read each, and give it its true name and region,
    put it among the neutral words, or delete it.

    \b
    Examples:
      vnlabel rules suggest reports.csv | less
      vnlabel rules suggest reports.csv --rules my_hospital -o my_hospital/drafts.yaml
    """
    from labeler.workbench.residue import Collector
    from labeler.workbench.suggest import suggest as drafts_of

    labeler = load_labeler(rules)
    collector = Collector(labeler)
    for report in corpus.read(reports, "reading"):
        collector.add(report.text)
    found = usable(lambda: drafts_of(collector.out, labeler.rules, labeler.lexicon, least, limit))
    if output is not None:
        write_output(output, [_yaml(found, labeler.rules)])
    if as_json:
        from labeler.io.writers import dump

        rows = [_as_dict(rank, found) for rank in range(len(found.drafts))]
        click.echo(dump({**corpus.account(), "to_review": found.review, "suggestions": rows}, indent=2))
    elif output is None:
        click.echo(_yaml(found, labeler.rules), nl=False)
    else:
        say(f"{len(found.drafts)} suggestions in {output}")
    return corpus.end()


def _yaml(found: Suggestions, rules: RuleSet) -> str:
    from labeler.workbench.drafts import as_yaml

    opening = (
        f"# Drafts from {found.reports} reports, {found.review} of them to review, over {rules.info.name} {rules.info.version}"
        f" ({rules.hash}).\n# Numbered by use. Read each: give it its true name and region, make it a neutral word, or delete it.\n"
    )
    return as_yaml(found.drafts, opening=opening)


def _as_dict(rank: int, found: Suggestions) -> dict[str, Any]:
    draft = found.drafts[rank]
    out = {"rank": rank + 1, "kind": draft.kind, "id": draft.id, "text": draft.text}
    if draft.kind == "spelling":
        out["means"] = draft.meant
    elif draft.kind == "phrase":
        out["region"] = draft.region
    return {**out, "reports": draft.times.reports, "to_review": draft.times.review, "note": draft.note}
