"""Grad-CAM (Selvaraju et al. 2017): where on a film the evidence for a class lies, and a page of such films.

A map shows evidence, not a finding's outline. It is drawn against the highest peak of its class on the page, so that a
film with little evidence stays grey, and its raw peak is written beside it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vision.batches import prepare
from vision.cache import FilmError, read_film
from vision.data import LabelTable, Problem
from vision.devices import open_fabric
from vision.errors import InputError, nearest
from vision.evaluate import Source, require_split, score_films, score_table
from vision.figures import new_figure
from vision.files import write_text, write_with
from vision.metrics import Array
from vision.models import Checkpoint
from vision.page import render
from vision.progress import progress
from vision.tables import title

KINDS = {"right": "found", "alarm": "false alarm", "missed": "missed", "named": ""}
_SIDE = 512  # pixels of a film on the page
_STRONGEST = 0.65  # opacity of the overlay at the peak


class NoMaps(InputError):
    """A model whose features are no maps, such as a transformer."""


def grad_cam(features: Tensor, logits: Tensor, class_index: int | Sequence[int] | Tensor) -> Tensor:
    """The raw map of a class: relu(sum_k a_k A_k), a_k the mean gradient of the class's logit over feature map A_k.

    Args:
        features: (B, K, h, w), what `logits` were computed from.
        logits: (B, C).
        class_index: one class for all films, or one for each.

    Returns:
        (B, h, w), not normalised: in a network that averages its features, a map sums to at least what the logit is
        above the classifier's bias.

    Raises:
        ValueError: shapes that do not fit each other, or a class that does not exist.
    """
    if features.dim() != 4 or logits.dim() != 2 or len(features) != len(logits):
        raise ValueError(
            f"features are (B, K, h, w) and logits (B, C), got {tuple(features.shape)}, {tuple(logits.shape)}"
        )
    index = torch.as_tensor(class_index, device=logits.device).long().expand(len(logits))
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < logits.shape[1]:
        raise ValueError(f"class_index is 0 to {logits.shape[1] - 1}, got {class_index}")
    chosen = logits.gather(1, index.unsqueeze(1)).sum()  # films do not touch each other: each gets its own gradient
    (gradient,) = torch.autograd.grad(chosen, features, retain_graph=True)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * features).sum(dim=1)).detach()


def maps(model: nn.Module, films: Tensor, class_index: int | Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
    """Raw maps (B, h, w) and logits (B, C) of prepared films (B, 1, S, S), by a timm model in evaluation mode.

    Raises:
        NoMaps: a model that has none.
    """
    with torch.enable_grad():
        features = model.forward_features(films.requires_grad_())  # type: ignore[operator]
        if features.dim() != 4 or features.shape[1] != model.num_features:
            what = f"features of shape {tuple(features.shape[1:])} are no maps"
            raise NoMaps(f"{type(model).__name__}: {what}, a convolutional network is needed for Grad-CAM")
        logits: Tensor = model.forward_head(features)  # type: ignore[operator]
        return grad_cam(features, logits, class_index), logits.detach()


class Choice(NamedTuple):
    """A film that is to be explained: the row of its table or list, a class, and why it was chosen (see KINDS)."""

    row: int
    column: int
    kind: str


def most_confident(y: Array, scores: Array, thresholds: Array, count: int) -> list[Choice]:
    """Per class the `count` most confident films that were found, called falsely, and missed.

    Args:
        y: (N, C) of 0, 1, nan for unknown.
        scores: (N, C).
        thresholds: (C,); positive means score > threshold.
    """
    chosen = []
    for column in range(y.shape[1]):
        score, positive = scores[:, column], scores[:, column] > thresholds[column]
        kinds = [
            ("right", (y[:, column] == 1) & positive, -score),
            ("alarm", (y[:, column] == 0) & positive, -score),
            ("missed", (y[:, column] == 1) & ~positive, score),
        ]
        for kind, mask, order in kinds:
            rows = np.flatnonzero(mask)
            best = rows[np.argsort(order[rows], kind="stable")][:count]
            chosen += [Choice(int(row), column, kind) for row in best]
    return chosen


@dataclass(frozen=True)
class Example:
    """A film explained: `film` (512, 512) uint8, the raw map (h, w), and the score of the class."""

    image: str
    name: str
    kind: str
    score: float
    film: NDArray[np.uint8]
    raw: NDArray[np.float32]

    @property
    def peak(self) -> float:
        return float(self.raw.max())


def explain(
    checkpoint: Checkpoint,
    images: Sequence[str],
    paths: Sequence[Path],
    choices: Sequence[Choice],
    *,
    batch_size: int = 16,
    accelerator: str = "auto",
) -> tuple[list[Example], list[Problem]]:
    """Grad-CAM of the chosen films; those that cannot be read are the problems."""
    fabric = open_fabric(accelerator)
    spec, model = checkpoint.spec, checkpoint.build().to(fabric.device)
    examples, problems = list[Example](), dict[int, Problem]()
    with progress("explaining", len(choices)) as advance:
        for batch in _batches(choices, batch_size):
            good, films = [], []
            for choice in batch:
                try:
                    films.append(read_film(paths[choice.row], spec.size)[0])
                    good.append(choice)
                except FilmError as error:
                    problems[choice.row] = (error.kind, f"{paths[choice.row]}:1:1: {error}")
            advance(len(batch))
            if not good:
                continue
            pixels = torch.from_numpy(np.stack(films)).unsqueeze(1).to(fabric.device)
            columns = torch.tensor([choice.column for choice in good], device=fabric.device)
            raw, logits = maps(model, prepare(pixels, mean=spec.mean, std=spec.std), columns)
            scores = torch.sigmoid(logits.float()).gather(1, columns.unsqueeze(1)).squeeze(1)
            for choice, map_, score in zip(good, raw.float().cpu().numpy(), scores.tolist(), strict=True):
                film = read_film(paths[choice.row], _SIDE)[0]
                name = spec.classes[choice.column]
                examples.append(Example(images[choice.row], name, choice.kind, score, film, map_))
    return examples, list(problems.values())


def _batches(choices: Sequence[Choice], size: int) -> Iterator[Sequence[Choice]]:
    for start in range(0, len(choices), size):
        yield choices[start : start + size]


def columns_of(classes: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Places of the wanted classes, all where none is wanted.

    Raises:
        InputError: no such class, with the nearest.
    """
    for name in wanted:
        if name not in classes:
            raise InputError(f"--class {name}: no such class{nearest(name, classes)} (classes: {', '.join(classes)})")
    return [classes.index(name) for name in wanted] if wanted else list(range(len(classes)))


def explain_named(
    checkpoint: Checkpoint, paths: Sequence[Path], names: Sequence[str] = (), **options: Any
) -> tuple[list[Example], list[Problem]]:
    """Grad-CAM of these films, for the named classes, else those a film is positive for, or its highest score.

    `options` are those of `explain`.
    """
    columns = columns_of(checkpoint.spec.classes, names)
    scores, failed = score_films(checkpoint, paths, **options)
    chosen = []
    for row in (row for row in range(len(paths)) if row not in failed):
        positive = [c for c in columns if scores[row, c] > checkpoint.thresholds[c]]
        highest = max(columns, key=lambda c, row=row: float(scores[row, c]))  # type: ignore[misc]
        chosen += [Choice(row, c, "named") for c in (columns if names else positive or [highest])]
    examples, problems = explain(checkpoint, [path.name for path in paths], paths, chosen, **options)
    unread = [(error.kind, f"{paths[row]}:1:1: {error}") for row, error in sorted(failed.items())]
    return examples, [*unread, *problems]


def explain_confident(
    source: Source, table: LabelTable, split: str, *, names: Sequence[str] = (), count: int = 2, **options: Any
) -> tuple[list[Example], list[Problem]]:
    """Grad-CAM of the most confident right and wrong films of a split, per class; `options` are those of `explain`.

    Raises:
        InputError: no such split or class, or no film that can be read.
    """
    assert source.checkpoint is not None
    columns = columns_of(table.classes, names)
    require_split(table, split)
    scored, scores, problems = score_table(source, table.take(table.where(split)), **options)
    y = scored.targets.astype(np.float64)
    found = most_confident(y, scores, np.array(source.checkpoint.thresholds), count)
    chosen = [choice for choice in found if choice.column in columns]
    examples, bad = explain(source.checkpoint, scored.images, scored.paths, chosen, **options)
    return examples, [*problems, *bad]


def side_by_side(example: Example, scale: float) -> Image.Image:
    """The film, and beside it the film with the map over it, coloured up to `scale`."""
    from matplotlib import colormaps  # slow to import

    side = len(example.film)
    spread = Image.fromarray(example.raw.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(spread) / scale, 0, 1) if scale > 0 else np.zeros((side, side), dtype=np.float32)
    colour = colormaps["turbo"](share)[..., :3] * 255
    film = np.repeat(example.film[..., None], 3, axis=2).astype(np.float32)
    opacity = _STRONGEST * share[..., None]
    overlay = film * (1 - opacity) + colour * opacity
    gap = np.full((side, 8, 3), 255, dtype=np.float32)
    return Image.fromarray(np.hstack([film, gap, overlay]).round().astype(np.uint8))


@dataclass(frozen=True)
class Card:
    """An example as it is shown: film and overlay, and what is written below."""

    picture: Image.Image
    caption: str
    peak: str
    image: str


def cards(examples: Sequence[Example]) -> list[Card]:
    """The examples as they are shown, each map against the highest peak of its class among them."""
    scales, shown = scales_of(examples), []
    for e in examples:
        caption = f"{title(e.name)}{', ' * bool(KINDS[e.kind])}{KINDS[e.kind]}: score {e.score:.3f}"
        peak = f"raw peak {e.peak:.3g} of {scales[e.name]:.3g}"
        shown.append(Card(side_by_side(e, scales[e.name]), caption, peak, e.image))
    return shown


def scales_of(examples: Sequence[Example]) -> dict[str, float]:
    """The highest raw peak of each class."""
    return {e.name: max(other.peak for other in examples if other.name == e.name) for e in examples}


def write_pages(examples: Sequence[Example], folder: Path, heading: str) -> None:
    """Writes a PNG for each example, `cam.png` and the self-contained `cam.html` with all of them, and `cam.csv`."""
    scales, shown = scales_of(examples), cards(examples)
    rows = []
    numbers = Counter[tuple[str, str]]()
    for e, card in zip(examples, shown, strict=True):
        numbers[e.name, e.kind] += 1
        file = f"{e.name}-{e.kind}-{numbers[e.name, e.kind]}.png".replace("/", "_").replace(" ", "_")
        write_with(folder / file, card.picture.save)
        values = (e.peak, float(e.raw.mean()), scales[e.name])
        rows.append([e.image, e.name, e.kind, f"{e.score:.6f}", *(f"{value:.6g}" for value in values), file])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "class", "kind", "score", "raw_peak", "raw_mean", "scale", "file"])
    writer.writerows(rows)
    write_text(folder / "cam.csv", text.getvalue())
    write_with(folder / "cam.png", lambda temporary: _contact_sheet(temporary, shown, heading))
    write_text(folder / "cam.html", render("cam.html", heading=heading, cards=shown))


def _contact_sheet(path: Path, shown: Sequence[Card], heading: str) -> None:
    across = min(3, len(shown))
    down = -(-len(shown) // across)
    figure = new_figure(4.6 * across, 2.75 * down + 0.5)
    figure.suptitle(heading)
    for number, card in enumerate(shown):
        axes = figure.add_subplot(down, across, number + 1)
        axes.imshow(card.picture)
        axes.set_title(f"{card.caption}\n{card.peak}", fontsize=8)
        axes.axis("off")
    figure.savefig(path, dpi=110)
