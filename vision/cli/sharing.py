"""Commands whose result goes to somebody else: `export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vision.cli.base import (
    READ,
    accelerator_option,
    allow_refused_option,
    batch_size_option,
    cli,
    finish,
    say,
    threshold_or_split,
)
from vision.errors import InputError

FORMATS = (".safetensors", ".onnx")  # as in vision.export, which takes seconds to import


def _formats(context: click.Context, parameter: click.Parameter, paths: Sequence[Path]) -> Sequence[Path]:
    for path in paths:
        if path.suffix not in FORMATS:
            raise click.BadParameter(f"{path} has the suffix of no format, {' or '.join(FORMATS)} is needed")
    return paths


@cli.command()
@click.argument("source", type=READ)
@click.option(
    "-o",
    "--out",
    "outs",
    type=READ,
    multiple=True,
    required=True,
    callback=_formats,
    help="FILE.safetensors or FILE.onnx; may repeat.",
)
@click.option("--thresholds", callback=threshold_or_split, default=None, help="A number, or a split to choose them on.")
@click.option("--labels", type=READ, help="Labels to choose thresholds by; the run's own by default.")
@click.option("--images", type=READ, help="Folder of the films.")
@batch_size_option
@accelerator_option
@allow_refused_option
def export(
    source: Path,
    outs: Sequence[Path],
    thresholds: str | float | None,
    labels: Path | None,
    images: Path | None,
    batch_size: int,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Write SOURCE, a run's folder or a checkpoint, as safetensors or ONNX.

    Label names, size, normalisation and thresholds go with the weights.

    \b
    Example:
      vnvision export runs/first -o model.safetensors -o model.onnx --thresholds valid
    """
    from vision import evaluate as room
    from vision.export import export as run

    opened = room.open_source(source)
    if opened.checkpoint is None:
        raise InputError(f"{source}:1:1: predictions, a run's folder or a checkpoint is needed")
    cuts, problems = None, []
    if isinstance(thresholds, str):
        table = room.labels_for(opened, labels, images)
        problems = list(table.refused)
        chosen, bad = room.choose_thresholds(opened, table, thresholds, batch_size=batch_size, accelerator=accelerator)
        cuts, problems = chosen.tolist(), [*problems, *bad]
    elif thresholds is not None:
        cuts = [thresholds] * len(opened.classes)
    for out in outs:
        run(opened.checkpoint, out, thresholds=cuts)
        click.echo(out)
    if isinstance(thresholds, str):
        say(f"thresholds chosen on {thresholds} for the highest F1")
    finish(problems, allow_refused)
