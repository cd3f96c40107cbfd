"""Stage `views`: the probability that a film is a PA chest film, by attributes, a model or a service.

A provider takes the films' files and answers for each; a film without an answer stays in the workspace and is listed.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ColumnElement, bindparam, select, update

from labeler.dataset.dicom import FilmError, needs, quiet, read, text
from labeler.dataset.projection import READ, VERSION, Verdict, judge
from labeler.dataset.workspace import Workspace, pa_threshold, put, studies
from labeler.io.refusals import BadInput

BATCH = 32  # films asked about and written at once
TRIES, PAUSE, TIMEOUT = 3, 0.5, 60.0  # of the service; seconds
AT_ONCE = 4  # requests
SHIPPED = Path(__file__).parents[2] / "vision" / "pa.onnx"


class Provider(Protocol):
    """Answers whether films are PA; `source` and `version` are kept with each answer.

    The version is blank as long as it is not known: a service tells it with its answers.
    """

    source: str

    @property
    def version(self) -> str: ...

    def __call__(self, files: Sequence[Path]) -> list[Verdict]:
        """One verdict a file, in order; a film that cannot be judged has none and a reason."""
        ...


class Attributes:
    """By the DICOM header."""

    source, version = "attributes", VERSION

    def __call__(self, files: Sequence[Path]) -> list[Verdict]:
        return [self._one(file) for file in files]

    def _one(self, file: Path) -> Verdict:
        try:
            found = read(file.read_bytes(), pixels=False)
        except OSError:
            return Verdict(None, "unreadable")
        except FilmError as error:
            return Verdict(None, error.code)
        attributes = {name: text(found, name) for name in READ}
        with quiet():
            codes = found.get("ViewCodeSequence") or []
        if len(codes):
            attributes["ViewCode"] = text(codes[0], "CodeMeaning")
        return judge(attributes)


class Model:
    """By an ONNX file: input `image` float32 (N, 1, S, S) in 0..1, output `pa` (N,), metadata `size` and `version`."""

    source = "model"

    def __init__(self, path: Path) -> None:
        needs("dicom", "onnxruntime", "numpy", "PIL", "pydicom")
        import onnxruntime

        if not path.is_file():
            raise BadInput(f"{path}: no such file; an ONNX file of the PA classifier is needed")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception:  # onnxruntime's errors have no public base
            raise BadInput(f"{path}: not an ONNX file that can be loaded") from None
        metadata = self._session.get_modelmeta().custom_metadata_map
        names = [node.name for node in (*self._session.get_inputs(), *self._session.get_outputs())]
        if names != ["image", "pa"] or not metadata.get("size", "").isdigit() or not metadata.get("version"):
            raise BadInput(f"{path}: no PA classifier; one with input image, output pa and metadata size, version is needed")
        self.size, self.version = int(metadata["size"]), metadata["version"]

    def __call__(self, files: Sequence[Path]) -> list[Verdict]:
        import numpy as np

        verdicts: list[Verdict] = [Verdict(None, "no_pixels")] * len(files)
        films, numbers = [], []
        for number, file in enumerate(files):
            try:
                films.append(self._film(file))
                numbers.append(number)
            except OSError:
                verdicts[number] = Verdict(None, "unreadable")
            except FilmError as error:
                verdicts[number] = Verdict(None, error.code)
        if films:
            (found,) = self._session.run(["pa"], {"image": np.stack(films)[:, None].astype(np.float32) / 255})
            for number, probability in zip(numbers, found, strict=True):
                verdicts[number] = Verdict(float(probability), "")
        return verdicts

    def _film(self, file: Path) -> Any:
        from labeler.dataset.pixels import letterboxed, render

        return letterboxed(render(file.read_bytes()).grey, self.size)


class Service:
    """By HTTP: POST of the DICOM file, answered by `{"probability": 0.97, "version": "..."}`."""

    source = "service"

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")) or "@" in url:
            raise BadInput(f"--service: an http:// or https:// address without user name is needed, such as {'http://host:8000/pa'}")
        self.url, self.version = url, ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # patients' data goes there alone

    def __call__(self, files: Sequence[Path]) -> list[Verdict]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._one, files))

    def _one(self, file: Path) -> Verdict:
        try:
            body = file.read_bytes()
        except OSError:
            return Verdict(None, "unreadable")
        for attempt in range(TRIES):
            try:
                answer = json.loads(self._post(body))
                probability = float(answer["probability"])
                if not 0 <= probability <= 1:
                    raise ValueError
                self.version = str(answer["version"])
                return Verdict(probability, "")
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return Verdict(None, f"service_refused_{error.code}")
            except (ValueError, KeyError, TypeError):
                return Verdict(None, "service_answered_badly")
            except (OSError, http.client.HTTPException):
                if attempt == TRIES - 1:
                    raise BadInput(f"{self.url}: no answer; is the service running? What was answered so far is kept") from None
            if attempt < TRIES - 1:
                time.sleep(PAUSE * 2**attempt)
        return Verdict(None, "service_failed")

    def _post(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/dicom"}, method="POST")
        with self._opener.open(request, timeout=TIMEOUT) as response:
            answer: bytes = response.read()
        return answer


@dataclass
class Account:
    """Films asked about now, and all films by what is known of them."""

    asked: int = 0
    kept: int = 0
    films: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def view_all(
    workspace: Workspace, provider: Provider, threshold: float | None, *, only_unknown: bool, step: Callable[[int], None]
) -> Account:
    """Ask about every film that this provider and version has not answered for, or that nobody has.

    An answer is replaced by another answer, never by none.
    """
    account = Account()
    with workspace.engine.begin() as db:
        if threshold is not None:
            put(db, "view_threshold", threshold)
        threshold = pa_threshold(db)
    todo = _waiting(workspace, provider, only_unknown)
    change = (
        update(studies).where(studies.c.sop_uid == bindparam("uid"))
        .values(view_probability=bindparam("p"), view_source=bindparam("by"), view_version=bindparam("v"), view_reason=bindparam("why"))
    )  # fmt: skip
    for some in _batches(todo):
        verdicts = provider([workspace.path / row.path for row in some])
        rows = [
            {"uid": row.sop_uid, "p": said.probability, "by": provider.source, "v": provider.version, "why": said.reason}
            for row, said in zip(some, verdicts, strict=True)
            if said.probability is not None or not (only_unknown or row.answered)  # else the earlier reason stays
        ]
        if rows:
            with workspace.engine.begin() as db:
                db.execute(change, rows)
        step(len(some))
        account.asked += len(some)
    with workspace.engine.begin() as db:
        for probability, reason in db.execute(select(studies.c.view_probability, studies.c.view_reason)):
            if probability is None:
                account.unknown[(reason or "not_asked").split(":")[0]] += 1
            account.films["unknown" if probability is None else "pa" if probability > threshold else "not_pa"] += 1
    account.kept = sum(account.films.values()) - account.asked
    return account


def _waiting(workspace: Workspace, provider: Provider, only_unknown: bool) -> Sequence[Any]:
    """The films to ask about: `sop_uid`, `path`, whether they are `answered`."""
    answered = studies.c.view_probability.is_not(None)
    own = studies.c.view_source == provider.source
    films = select(studies.c.sop_uid, studies.c.path, answered.label("answered")).where(studies.c.path.is_not(None))
    with workspace.engine.connect() as db:
        if not only_unknown and not provider.version and (known := db.execute(films.where(answered, own).limit(1)).first()):
            provider([workspace.path / known.path])  # tells the version
        waiting: ColumnElement[bool] = ~answered
        if not only_unknown:
            waiting |= ~own
            if provider.version:
                waiting |= studies.c.view_version != provider.version
        return db.execute(films.where(waiting).order_by(studies.c.sop_uid)).all()


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]
