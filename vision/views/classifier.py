"""The PA classifier as an ONNX file, run by onnxruntime; torch is not needed here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision.cache import FilmError, in_order, letterbox, read_film
from vision.dicom import is_dicom, read_dicom
from vision.errors import InputError
from vision.progress import progress

SHIPPED = Path(__file__).parents[1] / "pa.onnx"
_BATCH = 16


class Classifier:
    """Films to the probability that they are frontal PA chest films.

    Args:
        path: an ONNX file with input `image` float32 (N, 1, S, S) in 0..1, output `pa` (N,) and metadata `size`,
            `version`; the shipped one by default.
        threads: that compute; as many as there are cores by default.

    Raises:
        InputError: no such file, or one of another kind; onnxruntime is not installed.
    """

    def __init__(self, path: Path = SHIPPED, threads: int | None = None) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise InputError("onnxruntime is missing, pip install 'vnlabel[dicom]' is needed") from None
        if not path.is_file():
            raise InputError(f"{path}:1:1: no such file, an ONNX file of vnvision views train is needed")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception:  # onnxruntime's errors have no public base
            raise InputError(f"{path}:1:1: not an ONNX file that can be loaded, a whole one is needed") from None
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        names = [node.name for node in (*self._session.get_inputs(), *self._session.get_outputs())]
        if names != ["image", "pa"] or not {"size", "version"} <= set(self.metadata):
            what = "no PA classifier, one with input image, output pa and metadata size, version is needed"
            raise InputError(f"{path}:1:1: {what}")
        self.size, self.version = int(self.metadata["size"]), self.metadata["version"]

    def __call__(self, films: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probabilities (N,) of films (N, S, S) uint8, made by `read`."""
        (found,) = self._session.run(["pa"], {"image": films[:, None].astype(np.float32) / 255})
        return np.asarray(found, dtype=np.float64)

    def read(self, source: Path | bytes) -> NDArray[np.uint8]:
        """A film as this classifier takes it, (S, S): an image or DICOM file, or the bytes of a DICOM file.

        Raises:
            FilmError: with what is wrong and what would be right.
        """
        if isinstance(source, bytes) or is_dicom(source):
            return letterbox(read_dicom(source), self.size)
        return read_film(source, self.size)[0]

    def score(
        self, paths: Sequence[Path], workers: int | None = None
    ) -> tuple[NDArray[np.float64], dict[int, FilmError]]:
        """Probabilities (N,) of films on disk, nan for one that cannot be read, and why not by its number."""
        scores, failed = np.full(len(paths), np.nan), dict[int, FilmError]()

        def read(row: int) -> NDArray[np.uint8] | FilmError:
            try:
                return self.read(paths[row])
            except FilmError as error:
                return error

        def good() -> Iterator[tuple[int, NDArray[np.uint8]]]:
            for row, film in in_order(read, range(len(paths)), workers):
                advance(1)
                if isinstance(film, FilmError):
                    failed[row] = film
                else:
                    yield row, film

        with progress("scoring", len(paths)) as advance:
            batch: list[tuple[int, NDArray[np.uint8]]] = []
            for pair in good():
                batch.append(pair)
                if len(batch) == _BATCH:
                    scores[[row for row, _ in batch]] = self(np.stack([film for _, film in batch]))
                    batch.clear()
            if batch:
                scores[[row for row, _ in batch]] = self(np.stack([film for _, film in batch]))
        return scores, failed
