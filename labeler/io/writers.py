"""Files that are whole or not there: written beside their final name, then moved onto it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from labeler.io.refusals import BadInput
from labeler.io.sources import STDIN

STDOUT = STDIN


def cell(value: str) -> str:
    """A value as it stands in a CSV row."""
    if '"' in value or "," in value or "\n" in value or "\r" in value or value[:1] == " " or value[-1:] == " ":
        return '"' + value.replace('"', '""') + '"'
    return value


def row(values: list[str]) -> str:
    """A CSV row with its line end."""
    return ",".join(map(cell, values)) + "\n"


class Outputs:
    """Output files of one run, moved onto their final names together by `commit`, or removed without a trace.

    Used as a context manager: whatever ends the block without a commit removes what was written.
    """

    def __init__(self) -> None:
        self._open: list[tuple[TextIO, str, Path]] = []

    def file(self, path: str) -> TextIO:
        """A UTF-8 file that will bear this name ("-" is standard output).  Raises BadInput."""
        if path == STDOUT:
            return _stdout()
        final = Path(path)
        if final.is_dir():
            raise BadInput(f"{path}: is a folder; name a file in it")
        target = Path(os.path.realpath(final))  # a link keeps pointing where it points
        try:
            fd, temporary = tempfile.mkstemp(prefix=f".{target.name[:80]}.", suffix=".tmp", dir=target.parent)
        except OSError as error:
            raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from None
        stream = os.fdopen(fd, "w", encoding="utf-8", newline="", buffering=1 << 18)
        self._open.append((stream, temporary, target))
        return stream

    def commit(self) -> None:
        """Give every file its final name, in the order in which they were opened."""
        for stream, temporary, target in self._open:
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            Path(temporary).chmod(_mode(target))
        with _undisturbed():
            while self._open:
                _, temporary, target = self._open[0]
                Path(temporary).replace(target)
                self._open.pop(0)
                _sync_folder(target.parent)

    def discard(self) -> None:
        """Remove what was written."""
        for stream, temporary, _ in self._open:
            with contextlib.suppress(OSError):
                stream.close()
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        self._open.clear()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove what a run that was killed left beside files of these names (patterns), where no other run writes them."""
    for name in names:
        for leftover in folder.glob(f".{name}.*.tmp"):
            leftover.unlink(missing_ok=True)


def _stdout() -> TextIO:
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", newline="")
    return stream


def _mode(target: Path) -> int:
    """Permission bits: those of the file that is replaced, else those a new file gets."""
    with contextlib.suppress(OSError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: all files get their names, or none does."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def dump(value: Any, *, indent: int | None = None) -> str:
    """JSON with Vietnamese as it is."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
