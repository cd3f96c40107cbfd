"""vnlabel dataset review, quality"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, load_labeler, rules_option, say, table
from labeler.cli.dataset_base import (
    answer,
    for_its_owner_alone,
    json_option,
    listing,
    opened,
    user,
    workspace_argument,
)

if TYPE_CHECKING:
    from labeler.dataset.workspace import Workspace


@click.command()
@workspace_argument
@click.option("--out", metavar="DIR", help="Write what needs a person: sheets to look at, and review.csv to fill in.")
@click.option("--in", "back", metavar="FILE.csv", help="Take a review.csv back that a person filled in.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["match", "labels", "quality"]),
    help="Only this. [default: all]",
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
        return _review_in(ws, labeler, str(back), who or user("decided"), allow_refused, as_json)


def _review_out(ws: Workspace, labeler: Any, out: str, kinds: tuple[str, ...], limit: int | None, as_json: bool) -> int:
    from labeler.dataset.review import KINDS, write_review

    try:
        with for_its_owner_alone():
            counts = write_review(ws, labeler, Path(out), [k for k in KINDS if not kinds or k in kinds], limit)
    except OSError as error:
        raise Failure(f"{out}: {error.strerror or error}") from None
    left = counts.pop("left", 0)
    answer(
        as_json,
        {"items": dict(counts), "left": left, "out": out},
        [
            f"{sum(counts.values())} items in {out} ({listing(counts) or 'nothing to ask'})"
            + (f"; {left} more" if left else "")
        ],
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


@click.command()
@workspace_argument
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True, help="Of all pairs."
)
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
        lines.append(
            f"round {last.round} waits for verdicts: vnlabel dataset review {workspace} --kind quality --out DIR"
        )
    else:
        lines.append("every pair has been looked at; the errors found are corrected, none can be left unseen")
    answer(as_json, {"rounds": [r.facts() for r in rounds], "drawn_now": new, "error_rate_at_most": bound}, lines)
    return 0
