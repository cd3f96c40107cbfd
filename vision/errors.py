"""One kind of error for everything that the user can put right: it is shown as a line, never as a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(Exception):
    """Bad input. `str(error)` is one line a problem, `path:line:column: what is wrong, what would be right`."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[list[str]]]:  # crosses the border between ranks
        return InputError, (self.problems,)


def nearest(name: str, valid: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the valid name that is nearest to `name`, or nothing where none is near."""
    found = get_close_matches(name, [str(v) for v in valid], n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
