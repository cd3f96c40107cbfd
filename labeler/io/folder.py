"""A folder of text files, a report each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labeler.io.lines import MAX_TEXT, utf8
from labeler.io.refusals import BadInput, Refused, make_report, too_long, undecodable
from labeler.report import Report


class Folder:
    """The .txt files of a folder in the order of their names, or one such file; the id is the name without .txt."""

    def __init__(self, path: str, encoding: str | None) -> None:
        self.encoding = encoding
        root = Path(path)
        if root.is_dir():
            names = sorted(p.name for p in root.iterdir() if p.suffix.lower() == ".txt" and not p.name.startswith("."))
            self._files = [root / name for name in names]
            if not names:
                raise BadInput(f"{path}: no .txt files in this folder; each report is one, named by its id")
        else:
            self._files = [root]
        self.total = len(self._files)
        self._row = 0

    def done(self) -> int:
        return self._row

    def __iter__(self) -> Iterator[Report | Refused]:
        for file in self._files:
            self._row += 1
            yield self._read(file)

    def _read(self, file: Path) -> Report | Refused:
        name = str(file)
        try:
            with file.open("rb") as raw:
                data = utf8(raw, self.encoding).read(MAX_TEXT + 1)
        except OSError as error:
            return Refused(name, 1, "unreadable", f"cannot be read: {error.strerror or error}")
        if len(data) > MAX_TEXT:
            return too_long(name, 1)
        try:
            text = data.decode("utf-8")
            file.stem.encode("utf-8")
        except UnicodeDecodeError as error:
            return undecodable(name, data[: error.start].count(b"\n") + 1)
        except UnicodeEncodeError:
            return Refused(
                name.encode("utf-8", "replace").decode(), 1, "bad_id", "the file name is not UTF-8; rename it"
            )
        return make_report(name, 1, file.stem, text)
