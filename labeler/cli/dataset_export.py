"""vnlabel dataset split, export"""

from __future__ import annotations

from pathlib import Path

import click

from labeler.cli.base import Failure, table
from labeler.cli.dataset_base import answer, json_option, listing, opened, stepper, workspace_argument
from labeler.cli.progress import Meter, Progress
from labeler.schemes import POLICIES


@click.command()
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


@click.command()
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
