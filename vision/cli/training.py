"""Commands that train: `train`, `sweep`, `compare`, `bench`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vision.cli.base import (
    READ,
    accelerator_option,
    allow_refused_option,
    cli,
    json_option,
    print_json,
    say,
    settings_option,
    threshold_or_split,
)
from vision.errors import InputError


@cli.command()
@click.option("--labels", type=READ, help="CSV with an image column and classes of 0, 1, -1 or blank.")
@click.option("--images", type=READ, help="Folder the image column is relative to; the CSV's own by default.")
@click.option("-o", "--out", type=READ, required=True, help="Folder of the run; a run that lies there is continued.")
@click.option("--config", type=READ, help="YAML configuration; options and --set go over it.")
@settings_option
@click.option("--model", help="resnet50, densenet121, inception_v3, efficientnet_b2 or any timm name.")
@click.option("--init", metavar="random|imagenet|FILE", help="Weights to begin with.")
@click.option("--loss", type=click.Choice(["bce", "asl", "dbl"]))
@click.option("--size", type=int, help="Side of the films in pixels.")
@click.option("--batch-size", type=int, help="Films of one optimiser step.")
@click.option("--epochs", type=int)
@click.option("--lr", type=float, help="Highest learning rate.")
@click.option("--classes", help="Class columns, with commas.")
@click.option("--status", help="Values of the column status that are used, with commas: auto,reviewed.")
@click.option("--uncertain", type=click.Choice(["ones", "zeros", "ignore"]), help="What -1 means.")
@click.option("--save-every", type=int, help="Steps between saved states; each validation by default.")
@click.option("--seed", type=int)
@click.option("--precision", type=click.Choice(["32", "bf16"]))
@click.option("--devices", type=int, help="GPUs, or ranks on the CPU.")
@allow_refused_option
def train(out: Path, config: Path | None, settings: Sequence[str], allow_refused: bool, **options: Any) -> None:
    """Train a model; the paper's settings are the defaults.

    A killed run is continued by the same command, or by `vnvision train -o RUN` alone.

    \b
    Example:
      vnvision train --labels labels.csv --images DIR -o runs/first --init random
    """
    from vision.config import apply_settings, parse_yaml, validate
    from vision.train import train as run

    saved = out / "config.yaml"
    given = {key: value for key, value in options.items() if value is not None}
    for key in ("classes", "status"):
        if key in given:
            given[key] = [name.strip() for name in given[key].split(",")]
    source = config or (saved if saved.exists() and "labels" not in given else None)
    values = apply_settings({**(parse_yaml(source) if source else {}), **given}, settings)
    if "labels" not in values:
        raise InputError("--labels: missing, a CSV of labels is needed")
    best = run(validate(values, str(source or "options")), out, allow_refused=allow_refused, say=say)
    click.echo(best)


@cli.command()
@click.argument("file", type=READ)
@click.option("-o", "--out", type=READ, required=True, help="Folder of the runs; what is finished is not done again.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A key of the base, pretrain.KEY of that.")
@accelerator_option
@allow_refused_option
def sweep(file: Path, out: Path, settings: Sequence[str], accelerator: str, allow_refused: bool) -> None:
    """Train and measure a grid of configurations, and write it as one of the paper's tables.

    FILE is a YAML file, or table4 or table5 for the shipped ones.

    \b
    Example:
      vnvision sweep table4 -o runs/paper --set labels=dataset.csv --set pretrain.labels=train.csv
    """
    from vision.sweep import sweep as run

    click.echo(run(file, out, settings, accelerator=accelerator, allow_refused=allow_refused, say=say))


@cli.command()
@click.option("--labels", type=READ, help="CheXpert's train.csv, or any CSV with the scheme's labels.")
@click.option("--images", type=READ, help="Folder the image column is relative to; the CSV's own by default.")
@click.option("-o", "--out", type=READ, required=True, help="Folder of the runs; what is finished is not done again.")
@click.option("--models", default="resnet50,densenet121,inception_v3,efficientnet_b2", show_default=True,
              help="Architectures, with commas.")  # fmt: skip
@click.option("--scheme", default="chexpert", show_default=True, help="Regions and their findings, a YAML file.")
@click.option("--config", type=READ, help="YAML configuration that all runs share; --set goes over it.")
@settings_option
@click.option("--split", help="test where there is one, else valid.")
@click.option(
    "--thresholds", default="0.5", callback=threshold_or_split, help="A number, or a split to choose them on."
)
@click.option("--replicates", type=click.IntRange(1), default=3000, show_default=True)
@json_option
@accelerator_option
@allow_refused_option
def compare(
    labels: Path | None,
    images: Path | None,
    out: Path,
    models: str,
    scheme: str,
    config: Path | None,
    settings: Sequence[str],
    split: str | None,
    thresholds: str | float,
    replicates: int,
    as_json: bool,
    accelerator: str,
    allow_refused: bool,
) -> None:
    """Coarse against fine labels: train and measure five regions and twelve findings on the same films.

    \b
    Example:
      vnvision compare --labels CheXpert-v1.0/train.csv --images . -o runs/table8 --set size=320
    """
    from vision.compare import run
    from vision.config import apply_settings, parse_yaml, validate
    from vision.schemes import load_scheme

    given = {key: value for key, value in {"labels": labels, "images": images}.items() if value is not None}
    values = apply_settings({**(parse_yaml(config) if config else {}), **given}, settings)
    if "labels" not in values:
        raise InputError("--labels: missing, a CSV of labels is needed")
    names = [name.strip() for name in models.split(",") if name.strip()]
    table, records = run(
        validate(values, str(config or "options")), names, out, load_scheme(scheme), thresholds=thresholds,
        split=split, n=replicates, accelerator=accelerator, allow_refused=allow_refused, say=say,
    )  # fmt: skip
    if as_json:
        print_json(records)
    else:
        click.echo(table)
    say(f"tables in {out}")


@cli.command()
@click.option("--model", default="efficientnet_b2", show_default=True)
@click.option("--size", type=int, default=768, show_default=True)
@click.option("--batch-size", type=int, default=16, show_default=True)
@settings_option
@click.option("--steps", type=click.IntRange(1), default=10, show_default=True, help="Optimiser steps of one timing.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Timings, of which the median.")
@click.option("--films", type=click.IntRange(1), default=256, show_default=True, help="Films in the drawn set.")
@click.option("--gains/--no-gains", default=True, help="Also channels_last, bf16, fused Adam, torch.compile, each.")
@json_option
def bench(
    model: str, size: int, batch_size: int, settings: Sequence[str], steps: int, rounds: int, films: int, gains: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Images per second of training, against the model alone in the same run.

    \b
    Example:
      vnvision bench --model resnet18 --size 224 --batch-size 8
    """
    from vision.bench import bench as run
    from vision.config import apply_settings, validate
    from vision.models import resolve

    values = {"labels": ".", "model": resolve(model), "size": size, "batch_size": batch_size}
    config = validate(apply_settings(values, settings), "options")
    result = run(config, steps=steps, rounds=rounds, films=films, gains=gains)
    if as_json:
        print_json(result)
        return

    def shown(value: object) -> str:
        return str(value) if not isinstance(value, float) else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    gained = result.pop("gains", {})
    for key, value in result.items():
        click.echo(f"{key.replace('_', ' '):36} {shown(value)}")
    for key, value in gained.items():
        click.echo(f"{f'gain of {key}':36} {f'{value:.2f} times' if isinstance(value, float) else value}")
