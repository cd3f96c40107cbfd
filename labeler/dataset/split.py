"""Stage `split`: train, valid and test by patient, with the classes in equal shares.

Patients are dealt one after another, those that weigh most in the rarest classes first, each to the split that it
brings nearest to its share of images and of every class; then patients move for as long as that brings a class nearer.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, insert, text

from labeler.dataset.match import patient_ids
from labeler.dataset.workspace import Workspace, get, put, splits
from labeler.io.refusals import BadInput

VALID = 0.3
MOVES = 20_000  # patients tried after the dealing

Counts = tuple[int, ...]  # of one patient: images, then images with each class, then images left out of the data set


def deal(
    patients: dict[str, Counts], shares: dict[str, float], seed: int, dealt: dict[str, str] | None = None
) -> dict[str, str]:
    """The split of every patient; `dealt` ones stay where they are.

    >>> deal({"a": (1, 1), "b": (1, 1), "c": (1, 0), "d": (1, 0)}, {"train": 0.5, "valid": 0.5}, 0) in (
    ...     {"a": s, "b": t, "c": u, "d": v}
    ...     for s, t in (("train", "valid"), ("valid", "train")) for u, v in (("train", "valid"), ("valid", "train")))
    True
    """
    dealt = {patient: split for patient, split in (dealt or {}).items() if patient in patients}
    names = list(shares)
    if not patients:
        return {}
    totals = [sum(column) for column in zip(*patients.values(), strict=True)]
    scale = [1 / total if total else 0.0 for total in totals]
    have = {name: [0] * len(totals) for name in names}
    for patient, split in dealt.items():
        _add(have[split], patients[patient], 1)

    def off(name: str) -> float:
        """How far a split is from its shares: squares over classes, so that the worst counts most."""
        share = shares[name]
        return sum((n * s - share) ** 2 for n, s in zip(have[name], scale, strict=True) if s)

    def cost_of_adding(name: str, counts: Counts, sign: int = 1) -> float:
        before = off(name)
        _add(have[name], counts, sign)
        after = off(name)
        _add(have[name], counts, -sign)
        return after - before

    chance = random.Random(seed)
    waiting = sorted(patient for patient in patients if patient not in dealt)
    chance.shuffle(waiting)
    waiting.sort(key=lambda patient: -max(n * s for n, s in zip(patients[patient], scale, strict=True)))
    out = dict(dealt)
    for patient in waiting:
        best = min(names, key=lambda name: (cost_of_adding(name, patients[patient]), -shares[name]))
        out[patient] = best
        _add(have[best], patients[patient], 1)
    tries = chance.choices(waiting, k=min(MOVES, 4 * len(waiting))) if waiting else []
    for patient in tries:
        counts, source = patients[patient], out[patient]
        leaving = cost_of_adding(source, counts, -1)
        gains = {name: leaving + cost_of_adding(name, counts) for name in names if name != source}
        best = min(gains, key=lambda name: gains[name])
        if gains[best] < -1e-12:
            _add(have[source], counts, -1)
            _add(have[best], counts, 1)
            out[patient] = best
    return out


def _add(to: list[int], counts: Sequence[int], sign: int) -> None:
    for i, n in enumerate(counts):
        to[i] += sign * n


def split_all(
    workspace: Workspace, test: float | None, seed: int | None, again: bool
) -> tuple[dict[str, dict[str, list[int]]], int]:
    """Split the matched, labelled pairs; returns the table and how many patients were dealt now.

    The table gives per class and split [positive, negative] images.  Patients keep the split that they have, unless
    `again`.  Raises BadInput when other options are asked for than the split was made with.
    """
    with workspace.engine.begin() as db:
        kept = get(db, "split")
        if kept is None or again:
            old = kept or {"test": 0.0, "seed": 0}
            kept = {"test": old["test"] if test is None else test, "seed": old["seed"] if seed is None else seed}
            db.execute(splits.delete())
        for name, value in (("test", test), ("seed", seed)):
            if value is not None and value != kept[name]:
                raise BadInput(
                    f"{workspace.path}: the split was made with --{name} {kept[name]}; --again makes a new one, "
                    "with patients in other parts than before"
                )
        put(db, "split", kept)
        patients, positives, classes = patient_counts(db)
        if not patients:
            raise BadInput(f"{workspace.path}: no labelled pairs yet; run match and labels first")
        dealt = {row.patient: row.split for row in db.execute(splits.select())}
        rest = 1 - kept["test"]
        shares = {"train": rest * (1 - VALID), "valid": rest * VALID}
        if kept["test"]:
            shares["test"] = kept["test"]
        out = deal(patients, shares, kept["seed"], dealt)
        new = [{"patient": patient, "split": split} for patient, split in out.items() if patient not in dealt]
        if new:
            db.execute(insert(splits), new)
        return table_of(out, positives, classes, list(shares)), len(new)


def patient_counts(db: Connection) -> tuple[dict[str, Counts], dict[str, list[Counts]], list[str]]:
    """(per patient what is balanced, per patient its images' classes, names of the classes)."""
    ids = patient_ids(db)
    rows = db.execute(
        text("""SELECT t.patient_id, l.labels, l.status FROM pairs p JOIN labels l ON l.report = p.report
                JOIN studies t ON t.sop_uid = p.sop_uid WHERE p.status = 'matched' ORDER BY p.sop_uid""")
    )
    images: dict[str, list[Counts]] = defaultdict(list)
    left_out: dict[str, int] = defaultdict(int)
    classes: list[str] = []
    parsed: dict[str, Counts] = {}
    for patient_id, label_json, status in rows:
        patient = ids.key(patient_id) or ""
        if label_json not in parsed:
            found = json.loads(label_json)
            classes = classes or list(found)
            parsed[label_json] = tuple(found[name] for name in classes)
        if status == "review":
            left_out[patient] += 1
        else:
            images[patient].append(parsed[label_json])
    counts = {}
    for patient in sorted({*images, *left_out}):
        own = images.get(patient, [])
        counts[patient] = (len(own), *(sum(column) for column in zip(*own, strict=True)), left_out.get(patient, 0)) if own else (
            0, *[0] * len(classes), left_out[patient]
        )  # fmt: skip
    return counts, images, classes


def table_of(
    split: dict[str, str], images: dict[str, list[Counts]], classes: list[str], names: list[str]
) -> dict[str, dict[str, list[int]]]:
    """Per class and split [positive, negative] images, as in the paper's Table 2; `total` last."""
    out = {name: {part: [0, 0] for part in (*names, "total")} for name in classes}
    for patient, own in images.items():
        for values in own:
            for name, value in zip(classes, values, strict=True):
                for part in (split[patient], "total"):
                    out[name][part][1 - value] += 1
    return out
