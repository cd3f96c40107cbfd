"""Stage `images`: PA films to JPG, with a record of how each was made.

Every film is one task: workers read the DICOM file and write the JPG, the rows are written here.  What a JPG looks
like depends on the file and the options alone, never on how many workers there are.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from labeler.dataset.dicom import FilmError
from labeler.dataset.pixels import RECIPE, Film, render, resized
from labeler.dataset.workspace import Workspace, film_key, get, pa_threshold, put, releases, renderings, studies
from labeler.io.refusals import BadInput
from labeler.io.writers import Outputs, row

FOLDER = "images"
WRITTEN = 64  # films whose rows are written at once
FEW = 16  # films for which starting workers does not pay
HELD = "held_"
HELD_COLUMNS = ["image_key", "reason", "image", "release"]
YES = ("yes", "y", "1", "x", "ok", "có", "co")


@dataclass(frozen=True)
class Options:
    """What was asked for; an image made with others is made again."""

    size: int | None = None  # of the longer side
    quality: int = 95
    recipe: int = RECIPE

    def text(self) -> str:
        """As it is kept."""
        return json.dumps({"size": self.size, "quality": self.quality, "recipe": self.recipe}, sort_keys=True)


def options_in_use(workspace: Workspace, size: int | None, quality: int | None) -> Options:
    """The options of the last run, but for those that are given (`size` 0: as the film is); they are remembered."""
    with workspace.engine.begin() as db:
        kept = Options(**get(db, "images", {}))
        options = Options(kept.size if size is None else size or None, kept.quality if quality is None else quality)
        put(db, "images", {"size": options.size, "quality": options.quality})
    return options


class Task(NamedTuple):
    """A film to make an image of."""

    sop_uid: str
    source: str
    target: str
    options: Options
    released: bool


class Made(NamedTuple):
    """What became of it."""

    task: Task
    refused: str | None
    facts: dict[str, Any]


@dataclass
class Account:
    """Films by what became of them."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)


def make_images(
    workspace: Workspace, options: Options, *, every_view: bool, jobs: int | None, tell: Callable[[str], None],
    step: Callable[[int], None],
) -> Account:  # fmt: skip
    """Make the images that are missing or were made with other options."""
    account = Account()
    with workspace.engine.begin() as db:
        tasks, account.counts["kept"] = _tasks(workspace, db, options, every_view)
    waiting: list[Made] = []
    try:
        for made in _worked(tasks, jobs):
            step(1)
            waiting.append(made)
            if made.refused is None:
                account.counts["made"] += 1
            elif made.refused.startswith(HELD):
                account.held[made.refused] += 1
            else:
                account.refused[made.refused] += 1
                tell(f"[{film_key(workspace, made.task.sop_uid)}]: {FilmError(made.refused)}")
            if len(waiting) >= WRITTEN:
                _write(workspace, waiting)
    finally:
        _write(workspace, waiting)  # also what was made when it is stopped
    return account


def write_held(workspace: Workspace, out: Path, step: Callable[[int], None]) -> int:
    """The held films as JPG for a person to look at, and held.csv to say in which may pass."""
    out.mkdir(parents=True, exist_ok=True)
    with workspace.engine.connect() as db, Outputs() as outputs:
        table = outputs.file(str(out / "held.csv"))
        table.write(row(HELD_COLUMNS))
        held = db.execute(_held().order_by(studies.c.sop_uid)).all()
        for found in held:
            step(1)
            key = film_key(workspace, found.sop_uid)
            image = f"{key}.jpg"
            try:
                _save(_film(workspace.path / found.path), out / image, Options())
            except FilmError:  # it has gone or changed since
                image = ""
            table.write(row([key, found.refused, image, ""]))
        outputs.commit()
    return len(held)


def release(workspace: Workspace, file: str, who: str) -> Counter[str]:
    """Let those films of a held.csv pass that a person marked.  Raises BadInput."""
    counts: Counter[str] = Counter()
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            rows = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'not a CSV file in UTF-8'}") from None
    if not {"image_key", "release"} <= set(table.fieldnames or ()):
        raise BadInput(f"{file}:1:1: no columns image_key and release; a held.csv of `images --held` is needed")
    with workspace.engine.begin() as db:
        by_key = {film_key(workspace, found.sop_uid): found.sop_uid for found in db.execute(_held())}
        for line in rows:
            if (line["release"] or "").strip().lower() not in YES:
                counts["still_held"] += 1
            elif line["image_key"] not in by_key:
                counts["not_held"] += 1
            else:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                value = {"sop_uid": by_key[line["image_key"]], "at": now, "who": who}
                db.execute(upsert(releases).values(value).on_conflict_do_nothing())
                counts["released"] += 1
    return counts


def _held() -> Any:
    return select(studies.c.sop_uid, studies.c.path, studies.c.refused).where(studies.c.refused.startswith(HELD))


def _tasks(workspace: Workspace, db: Connection, options: Options, every_view: bool) -> tuple[list[Task], int]:
    """(films to work on, number of those that are done)."""
    films = (
        select(studies.c.sop_uid, studies.c.path, studies.c.image, renderings.c.options, releases.c.who)
        .outerjoin(renderings, renderings.c.sop_uid == studies.c.sop_uid)
        .outerjoin(releases, releases.c.sop_uid == studies.c.sop_uid)
        .where(studies.c.path.is_not(None))
        .order_by(studies.c.sop_uid)
    )
    if not every_view:
        films = films.where(studies.c.view_probability > pa_threshold(db))
    tasks, kept, wanted = [], 0, options.text()
    for found in db.execute(films):
        key = film_key(workspace, found.sop_uid)
        image = f"{FOLDER}/{key[:2]}/{key}.jpg"
        if found.image == image and found.options == wanted and (workspace.path / image).is_file():
            kept += 1
            continue
        source, target = str(workspace.path / found.path), str(workspace.path / image)
        tasks.append(Task(found.sop_uid, source, target, options, found.who is not None))
    for folder in {Path(task.target).parent for task in tasks}:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tasks, kept


def _worked(tasks: list[Task], jobs: int | None) -> Iterator[Made]:
    """The tasks' results in their order."""
    jobs = min(jobs or len(os.sched_getaffinity(0)), max(1, len(tasks) // FEW))
    if jobs == 1:
        yield from map(_make, tasks)
        return
    with _pool(jobs) as pool:
        yield from pool.map(_make, tasks, chunksize=4)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Workers; whatever ends the block early stops them."""
    spawn = multiprocessing.get_context("spawn")
    ignore = (signal.SIGINT, signal.SIG_IGN)  # the parent decides
    pool = ProcessPoolExecutor(jobs, mp_context=spawn, initializer=signal.signal, initargs=ignore)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make(task: Task) -> Made:
    try:
        film = _film(Path(task.source))
        if film.held is not None and not task.released:
            return Made(task, film.held, {})
        width, height = _save(film, Path(task.target), task.options)
    except FilmError as error:
        return Made(task, error.code, {})
    rows, columns = film.grey.shape
    spacing = None if film.spacing is None else "\\".join(f"{value:g}" for value in film.spacing)
    return Made(task, None, {
        "options": task.options.text(), "recipe": json.dumps(film.recipe, sort_keys=True), "rows": rows, "columns": columns,
        "height": height, "width": width, "spacing": spacing, "spacing_source": film.spacing_source,
    })  # fmt: skip


def _film(file: Path) -> Film:
    """Raises FilmError."""
    try:
        data = file.read_bytes()
    except OSError:
        raise FilmError("unreadable") from None
    return render(data)


def _save(film: Film, target: Path, options: Options) -> tuple[int, int]:
    """Write a JPG without any metadata, whole or not at all; its width and height.  Raises FilmError."""
    image = resized(film.grey, options.size, film.spacing)
    part = target.with_suffix(".part")
    image.save(part, format="JPEG", quality=options.quality)
    part.replace(target)
    return image.size


def _write(workspace: Workspace, waiting: list[Made]) -> None:
    with workspace.engine.begin() as db:
        for task, refused, facts in waiting:
            image = None if refused is not None else str(Path(task.target).relative_to(workspace.path))
            if refused is not None:
                Path(task.target).unlink(missing_ok=True)
            db.execute(update(studies).where(studies.c.sop_uid == task.sop_uid).values(image=image, refused=refused))
            if facts:
                value = upsert(renderings).values(sop_uid=task.sop_uid, **facts)
                db.execute(value.on_conflict_do_update(index_elements=["sop_uid"], set_=facts))
    waiting.clear()
