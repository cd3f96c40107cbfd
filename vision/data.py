"""A label CSV as arrays: which rows count, what their labels mean, which split they are in; everything checked.

Two layouts are read as they are: any CSV with an image column and class columns of 0, 1, -1 or blank (the label CSV of
vnlabel is one), and CheXpert's `train.csv`.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision.errors import InputError, nearest

Policy = Literal["ones", "zeros", "ignore"]

Problem = tuple[str, str]  # its kind, and `path:line:column: what is wrong, what would be right`

REGION_CLASSES = ("chest_wall", "pleura", "parenchyma", "cardio", "abnormal")
CHEXPERT_CLASSES = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
SPLITS = ("train", "valid", "test")
_IMAGE_COLUMNS = ("image", "Path", "file", "filename", "path")
_PATIENT_COLUMNS = ("patient_key", "patient_id", "patient")
_NOT_CLASSES = {*_IMAGE_COLUMNS, *_PATIENT_COLUMNS, "study_uid", "report_id", "split", "status", "method", "uncertain",
                "reasons", "Sex", "Age", "Frontal/Lateral", "AP/PA"}  # fmt: skip
_VALUES = {"": np.nan, "0": 0.0, "1": 1.0, "-1": -1.0, "0.0": 0.0, "1.0": 1.0, "-1.0": -1.0}


@dataclass(frozen=True)
class LabelTable:
    """The rows of a label CSV that are used, in file order.

    `targets` is (N, C) float32 of 0, 1, nan for unknown. `images` are the names as the CSV gives them, `paths` the
    files they stand for, `lines` their lines in the CSV; `splits` has one of train, valid, test a row; `patients` is
    None where the CSV knows none. `notes` says which rows were left out on purpose, `refused` which ones are bad.
    """

    source: Path
    classes: tuple[str, ...]
    images: tuple[str, ...]
    paths: tuple[Path, ...]
    lines: tuple[int, ...]
    targets: NDArray[np.float32]
    splits: NDArray[np.str_]
    patients: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    refused: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def where(self, name: str) -> NDArray[np.intp]:
        """Row numbers of the split `name`."""
        return np.flatnonzero(self.splits == name)

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> LabelTable:
        """The table of the given rows alone."""
        keep = [int(r) for r in rows]
        return replace(
            self,
            images=tuple(self.images[r] for r in keep),
            paths=tuple(self.paths[r] for r in keep),
            lines=tuple(self.lines[r] for r in keep),
            targets=self.targets[keep],
            splits=self.splits[keep],
            patients=None if self.patients is None else tuple(self.patients[r] for r in keep),
        )

    def groups(self) -> NDArray[np.intp] | None:
        """(N,) number of the patient of each row, or None where the CSV knows no patients."""
        return None if self.patients is None else np.unique(np.array(self.patients), return_inverse=True)[1]

    def digest(self) -> str:
        """SHA-256 over what is learnt from: image names, labels, splits."""
        text = "\n".join(f"{i}\t{s}" for i, s in zip(self.images, self.splits, strict=True))
        return hashlib.sha256(text.encode() + np.ascontiguousarray(self.targets).tobytes()).hexdigest()


def read_labels(
    labels: Path | str,
    images: Path | str | None = None,
    *,
    classes: Sequence[str] | None = None,
    image_column: str | None = None,
    patient_column: str | None = None,
    status: Sequence[str] = ("auto", "reviewed"),
    uncertain: Policy | Mapping[str, Policy] = "ones",
    blank: Literal["auto", "ignore", "zeros"] = "auto",
    views: Literal["frontal", "all"] = "frontal",
    valid_fraction: float = 0.3,
    seed: int = 0,
    hold_out: bool = True,
) -> LabelTable:
    """Reads and checks a label CSV; no image is opened.

    Args:
        labels: CSV, UTF-8, with a header.
        images: folder that the image column is relative to; the CSV's own folder by default.
        classes: class columns; by default the five regions or CheXpert's 14 where the header has them all, else every
            column that holds nothing but 0, 1, -1 and blanks.
        status: rows with another value in the column `status` are left out (where there is such a column).
        uncertain: what -1 means: 1, 0 or unknown; one policy, or one a class with `default` for the others. A class
            named in the column `uncertain` (vnlabel's) counts as -1 where its value is 1.
        blank: what a blank means: unknown (`ignore`) or 0; `auto` is 0 in CheXpert's layout, where a blank stands for
            "not mentioned", and unknown elsewhere.
        views: `frontal` leaves out the lateral films of CheXpert's layout.
        valid_fraction: where no row is valid, this share of the training rows becomes it, whole patients at a time,
            with the class frequencies kept (the paper's 70:30).
        seed: of that split.
        hold_out: False leaves a file without splits in one piece, which is the split `all`.

    Bad rows (a value out of range, an image named twice, a patient on both sides of a split, of whom the more guarded
    side is kept) are left out and named in `refused`; whoever asks for the table decides whether to go on without them.

    Raises:
        InputError: no CSV, or none with the columns that are needed.
    """
    source = Path(labels)
    header, rows = read_csv(source)
    image_at = find_column(source, header, image_column, _IMAGE_COLUMNS, "image")
    chexpert = header[image_at] == "Path" and set(CHEXPERT_CLASSES) <= set(header)
    patient_at = (
        find_column(source, header, patient_column, (), "patient")
        if patient_column
        else next((header.index(c) for c in _PATIENT_COLUMNS if c in header), None)
    )
    names = _class_columns(source, header, rows, classes, {image_at, patient_at})
    at = [header.index(name) for name in names]
    policy = _policies(uncertain, names)
    blank_value = 0.0 if blank == "zeros" or (blank == "auto" and chexpert) else np.nan
    optional = {c: header.index(c) for c in ("status", "split", "uncertain", "Frontal/Lateral") if c in header}
    folder = Path(images) if images is not None else source.parent

    problems: list[Problem] = []
    notes: Counter[str] = Counter()
    seen: dict[str, int] = {}
    used: list[tuple[int, str, str, str]] = []
    targets: list[list[float]] = []
    for line, row in rows:
        if len(row) != len(header):
            problems.append(("broken", f"{source}:{line}:1: {len(row)} fields, the header has {len(header)}"))
            continue
        if "status" in optional and row[optional["status"]] not in status:
            notes[f"status {row[optional['status']]!r}"] += 1
            continue
        if chexpert and views == "frontal" and row[optional.get("Frontal/Lateral", image_at)] == "Lateral":
            notes["lateral films"] += 1
            continue
        image = row[image_at].strip()
        split = row[optional["split"]] if "split" in optional else _split_of_path(image) if chexpert else "train"
        unsure = set(row[optional["uncertain"]].split(";")) if "uncertain" in optional else set()
        bad = [c for c in at if row[c].strip() not in _VALUES]
        for c in bad:
            what = f"{header[c]} is {row[c]!r}, a class is 0, 1, -1 or blank"
            problems.append(("out of range", f"{source}:{line}:{c + 1}: {what}"))
        if not image:
            problems.append(("without image", f"{source}:{line}:{image_at + 1}: no image name, a file is needed"))
        elif image in seen:
            what = f"{image} is there already in line {seen[image]}, one row an image"
            problems.append(("duplicate", f"{source}:{line}:{image_at + 1}: {what}"))
        elif split not in SPLITS:
            column = optional["split"] + 1
            problems.append(("unknown split", f"{source}:{line}:{column}: split is {split!r}, train, valid or test"))
        elif not bad:
            seen[image] = line
            values = [_VALUES[row[c].strip()] for c in at]
            values = [-1.0 if v == 1 and n in unsure else v for n, v in zip(names, values, strict=True)]
            target = [_meaning(v, policy[n], blank_value) for n, v in zip(names, values, strict=True)]
            if np.isnan(target).all():
                notes["without a known label"] += 1
                continue
            patient = row[patient_at] if patient_at is not None else _patient_of_path(image) if chexpert else ""
            used.append((line, image, split, patient))
            targets.append(target)
    if not used and problems:
        raise InputError(counted(problems))
    if not used:
        left_out = "".join(f", {n} with {what}" for what, n in notes.items())
        raise InputError(f"{source}:1:1: no row to use{left_out}; rows with status {' or '.join(status)} are")

    table = LabelTable(
        source=source,
        classes=tuple(names),
        images=tuple(u[1] for u in used),
        paths=tuple(_locate(folder, u[1]) for u in used),
        lines=tuple(u[0] for u in used),
        targets=np.array(targets, dtype=np.float32),
        splits=np.array([u[2] for u in used]),
        patients=tuple(u[3] or f"line {u[0]}" for u in used) if patient_at is not None or chexpert else None,
        notes=tuple(f"left out: {n} rows, {what}" for what, n in notes.items()),
        refused=tuple(problems),
    )
    unknown = [name for name, column in zip(names, table.targets.T, strict=True) if np.isnan(column).all()]
    if unknown:
        table = replace(table, notes=(*table.notes, f"no known label of {', '.join(unknown)}: nothing is learnt of it"))
    table = _without_shared_patients(table)
    if not hold_out and "split" not in optional and not chexpert:
        table = replace(table, splits=np.full(len(table), "all"))
    elif hold_out and not len(table.where("valid")) and len(table.where("train")):
        table = _hold_out(table, valid_fraction, seed)
    return table


def counted(problems: Sequence[Problem]) -> list[str]:
    """The lines of (kind, line) pairs, and after them how many there are of each kind."""
    kinds = Counter(kind for kind, _ in problems)
    summary = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return [line for _, line in problems] + [f"{len(problems)} problems: {summary}"]


def read_images(
    source: Path, folder: Path | None = None, image_column: str | None = None
) -> tuple[list[str], list[Path], list[Problem]]:
    """Names and files of a CSV's image column, and the rows that have none or one that is there already."""
    header, rows = read_csv(source)
    at = find_column(source, header, image_column, _IMAGE_COLUMNS, "image")
    names: dict[str, int] = {}
    problems: list[Problem] = []
    for line, row in rows:
        name = row[at].strip() if at < len(row) else ""
        if not name:
            problems.append(("without image", f"{source}:{line}:{at + 1}: no image name, a file is needed"))
        elif name in names:
            what = f"{name} is there already in line {names[name]}, one row an image"
            problems.append(("duplicate", f"{source}:{line}:{at + 1}: {what}"))
        else:
            names[name] = line
    return list(names), [_locate(folder or source.parent, name) for name in names], problems


def read_csv(source: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and (line, fields) of every row that is not empty."""
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise InputError(f"{source}:1:1: no such file, a CSV of labels is needed") from None
    except IsADirectoryError:
        raise InputError(f"{source}:1:1: a folder, a CSV of labels is needed") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{source}:1:1: not UTF-8 at byte {error.start}, save the CSV as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{source}:1:1: no CSV ({error})") from None
    if not header:
        raise InputError(f"{source}:1:1: empty, a CSV with a header is needed")
    repeated = [name for name, n in Counter(header).items() if n > 1]
    if repeated:
        raise InputError(f"{source}:1:{header.index(repeated[0]) + 1}: column {repeated[0]!r} is there twice")
    return header, rows


def find_column(source: Path, header: list[str], wanted: str | None, usual: Sequence[str], what: str) -> int:
    for name in [wanted] if wanted else usual:
        if name in header:
            return header.index(name)
    if wanted:
        raise InputError(f"{source}:1:1: no column {wanted!r}{nearest(wanted, header)} (it has {', '.join(header)})")
    wanted = f"one of {', '.join(usual)} or --{what}-column NAME"
    raise InputError(f"{source}:1:1: no {what} column, {wanted} is needed (it has {', '.join(header)})")


def _class_columns(
    source: Path,
    header: list[str],
    rows: list[tuple[int, list[str]]],
    wanted: Sequence[str] | None,
    taken: set[int | None],
) -> list[str]:
    if wanted:
        missing = [name for name in wanted if name not in header]
        if missing:
            name = missing[0]
            raise InputError(
                f"{source}:1:1: no class column {name!r}{nearest(name, header)} (it has {', '.join(header)})"
            )
        return list(wanted)
    for scheme in (REGION_CLASSES, CHEXPERT_CLASSES):
        present = [name for name in scheme if name in header]
        if len(present) == len(scheme):
            return present
        if len(present) > len(scheme) / 2:
            absent = ", ".join(name for name in scheme if name not in header)
            raise InputError(f"{source}:1:1: no column {absent}, add it or name the classes with --classes")
    values: list[set[str]] = [set() for _ in header]
    for _, row in rows:
        for column, value in enumerate(row[: len(header)]):
            values[column].add(value.strip())
    found = [
        name
        for column, name in enumerate(header)
        if column not in taken and name not in _NOT_CLASSES and values[column] <= set(_VALUES) and values[column] - {""}
    ]
    if not found:
        raise InputError(
            f"{source}:1:1: no class columns, columns of 0, 1, -1 or blank are needed (it has {', '.join(header)})"
        )
    return found


def _policies(uncertain: Policy | Mapping[str, Policy], names: Sequence[str]) -> dict[str, Policy]:
    if isinstance(uncertain, str):
        return dict.fromkeys(names, uncertain)
    unknown = [name for name in uncertain if name not in (*names, "default")]
    if unknown:
        raise InputError(
            f"uncertain: no class {unknown[0]!r}{nearest(unknown[0], names)} (classes: {', '.join(names)})"
        )
    return {name: uncertain.get(name, uncertain.get("default", "ones")) for name in names}


def _meaning(value: float, policy: Policy, blank: float) -> float:
    if np.isnan(value):
        return blank
    if value == -1:
        return {"ones": 1.0, "zeros": 0.0, "ignore": np.nan}[policy]
    return value


def _split_of_path(image: str) -> str:
    return next((part for part in Path(image).parts if part in SPLITS), "train")


def _patient_of_path(image: str) -> str:
    found = re.search(r"patient\d+", image)
    return found.group() if found else ""


def _locate(folder: Path, image: str) -> Path:
    """The file; CheXpert's paths begin with the data set's own folder, which may be `folder` itself."""
    path = folder / image
    inner = folder.joinpath(*Path(image).parts[1:])
    return inner if not path.exists() and inner.is_file() else path


def _hold_out(table: LabelTable, fraction: float, seed: int) -> LabelTable:
    """Moves `fraction` of the training rows to valid: whole patients, rarest class first, frequencies kept.

    Greedy iterative stratification (Sechidis et al. 2011) over patients instead of rows.
    """
    train = table.where("train")
    groups = table.groups()
    members = np.unique(np.arange(len(train)) if groups is None else groups[train], return_inverse=True)[1]
    # per patient: rows, then positives per class, each as a share of all; both splits shall get their part of each
    content = np.zeros((members.max() + 1, 1 + len(table.classes)))
    np.add.at(content, members, np.hstack([np.ones((len(train), 1)), np.nan_to_num(table.targets[train])]))
    content /= np.maximum(content.sum(axis=0), 1)
    parts = np.array([[1 - fraction], [fraction]])
    need = np.repeat(parts, content.shape[1], axis=1)
    shuffled = np.random.default_rng(seed).permutation(len(content))
    order = shuffled[np.argsort(-content[shuffled].max(axis=1), kind="stable")]
    valid = np.zeros(len(content), dtype=bool)
    for patient in order:
        # what is rare weighs most, being the larger share; the side that still lacks the larger part of it takes it
        side = int(np.argmax((need / parts) @ content[patient]))
        need[side] -= content[patient]
        valid[patient] = bool(side)
    splits = table.splits.copy()
    splits[train[valid[members]]] = "valid"
    by = "rows" if groups is None else "patients"
    note = f"no valid rows in the file: {int(valid[members].sum())} rows held out as valid, by {by}, seed {seed}"
    return replace(table, splits=splits, notes=(*table.notes, note))


def _without_shared_patients(table: LabelTable) -> LabelTable:
    """A patient on both sides of a split stays on the more guarded side: test before valid before train."""
    if table.patients is None:
        return table
    home: dict[str, str] = {}
    for patient, split in zip(table.patients, table.splits, strict=True):
        home[patient] = max(home.get(patient, str(split)), str(split), key=("all", *SPLITS).index)
    refused, kept = [], []
    for row, (patient, split) in enumerate(zip(table.patients, table.splits, strict=True)):
        if split == home[patient]:
            kept.append(row)
        else:
            what = f"patient {patient} of {split} is in {home[patient]} too, one side of a split only"
            refused.append(("patient on both sides of a split", f"{table.source}:{table.lines[row]}:1: {what}"))
    return replace(table.take(kept), refused=(*table.refused, *refused)) if refused else table
