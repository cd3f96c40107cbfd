"""Which ids a stream has shown, in little memory."""

from __future__ import annotations

from array import array


class SeenIds:
    """Which ids were seen, as 8-byte hashes in one table: 16 to 32 bytes an id, whatever its length."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 12))
        self._used = 0

    def add(self, report_id: str) -> bool:
        """Remember an id; False when it was there already."""
        key = (hash(report_id) & 0xFFFF_FFFF_FFFF_FFFF) or 1
        table = self._table
        mask = len(table) - 1
        i = key & mask
        while table[i]:
            if table[i] == key:
                return False
            i = (i + 1) & mask
        table[i] = key
        self._used += 1
        if self._used * 2 > len(table):
            self._grow()
        return True

    def _grow(self) -> None:
        table = array("Q", bytes(16 * len(self._table)))
        mask = len(table) - 1
        for key in self._table:
            if key:
                i = key & mask
                while table[i]:
                    i = (i + 1) & mask
                table[i] = key
        self._table = table
