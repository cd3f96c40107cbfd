"""Two columns of a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from labeler.io.refusals import BadInput, Refused, make_report, missing_column, undecodable
from labeler.report import Report


class ParquetFile:
    """Two columns of a Parquet file, read in batches; a "line" is a row, counted from 1."""

    def __init__(self, path: str, columns: tuple[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = path
        self.columns = columns
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{path}: not a Parquet file: {str(error).splitlines()[0]}") from None
        names = self._file.schema_arrow.names
        for name, option in zip(columns, ("--id-column", "--text-column"), strict=True):
            if name not in names:
                raise missing_column(path, 1, name, names, option)
        kind = self._file.schema_arrow.field(columns[1]).type
        if not _texts(kind):
            raise BadInput(f"{path}:1: the column {columns[1]!r} holds {kind}, not text (--text-column)")
        self.total = self._file.metadata.num_rows
        self._row = 0

    def done(self) -> int:
        return self._row

    def __iter__(self) -> Iterator[Report | Refused]:
        import pyarrow as pa

        try:
            for batch in self._file.iter_batches(batch_size=512, columns=list(dict.fromkeys(self.columns))):
                ids, texts = (self._values(batch.column(name)) for name in self.columns)
                for report_id, text in zip(ids, texts, strict=True):
                    self._row += 1
                    yield self._report(report_id, text)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(
                f"{self.name}:{self._row + 1}: the file breaks off here: {str(error).splitlines()[0]}"
            ) from None

    def _values(self, column: Any) -> list[Any]:
        import pyarrow as pa

        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.large_binary())
        elif pa.types.is_string(column.type):
            column = column.cast(pa.binary())  # bytes that are not UTF-8 must not cost the whole batch
        values: list[Any] = column.to_pylist()
        return values

    def _report(self, report_id: Any, text: Any) -> Report | Refused:
        if report_id is None:
            report_id = ""
        if isinstance(report_id, bool | float | list | dict):
            return Refused(
                self.name, self._row, "bad_id", f"{self.columns[0]!r} is neither a string nor a whole number"
            )
        try:
            plain_id = report_id.decode("utf-8") if isinstance(report_id, bytes) else str(report_id)
            plain = "" if text is None else text.decode("utf-8")
        except UnicodeDecodeError:
            return undecodable(self.name, self._row)
        return make_report(self.name, self._row, plain_id, plain)


def _texts(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks: tuple[Callable[[Any], bool], ...] = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null,
        pa.types.is_string_view,
    )  # fmt: skip
    return any(check(kind) for check in checks)
