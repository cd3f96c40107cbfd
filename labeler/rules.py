"""RuleSet: a folder of YAML, validated, with the file, line and column of everything in it.

Files are read with libyaml through ruamel.yaml as nodes, which know where they stand; every scalar stays a string
until a pydantic model converts it, so YAML's guesses (no, 18.0120, 1:30) never happen.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import ValidationError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from labeler import schema

BUILTIN = "builtin"
Place = tuple[int, int]
RuleKey = tuple[str, ...]  # kind, id, and the path to a part of the entry; a phrase stands for its number in its list
T = TypeVar("T")
_NOT_IN_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a rule set: where, what, and what would be right; `other` is the rule it clashes with."""

    file: str
    line: int
    column: int
    message: str
    other: str = ""  # file:line

    @property
    def place(self) -> str:
        """`file:line:column`"""
        return f"{self.file}:{self.line}:{self.column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class RuleSetError(Exception):
    """The rule set cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Located(Generic[T]):
    """An entry, the layer (rule set name) and file that it comes from, and the place of each of its parts."""

    kind: str
    entry: T
    layer: str
    file: str
    places: dict[tuple[str | int, ...], Place] = field(repr=False)

    def place(self, *path: str | int) -> Place:
        """(line, column), from 1, of a part of the entry, or of the nearest part that encloses it."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def where(self, *path: str | int) -> str:
        """`file:line` of a part, as explanations show it."""
        return f"{self.file}:{self.place(*path)[0]}"

    def key(self, *path: str | int) -> RuleKey:
        """Name of a part that stays the same wherever it moves: `RuleSet.where` tells its place."""
        *names, last = (self.kind, self.entry.id, *path)  # type: ignore[attr-defined]
        return (*names, last if isinstance(last, str) else getattr(self.entry, names[-1])[last])

    def problem(self, message: str, *path: str | int, column: int = 0) -> Problem:
        """A problem at a part of this entry, `column` characters into it."""
        line, start = self.place(*path)
        return Problem(self.file, line, start + column, message)


@cache
def builtin_path() -> Path:
    """The shipped rules: beside the package in a checkout or editable install, else in the wheel's `_data`."""
    here = Path(__file__).resolve().parent
    for candidate in (here.parent / "rules", here / "_data" / "rules"):
        if (candidate / "ruleset.yaml").is_file():
            return candidate
    raise FileNotFoundError("the shipped rules are missing from this installation: reinstall vnlabel")


class RuleSet:
    """A validated rule set: its entries by kind, in order, later layers overriding earlier ones by id.

    Use `RuleSet.load`.  Raises RuleSetError with every problem found, not only the first.
    """

    def __init__(
        self,
        info: schema.RuleSetInfo,
        path: Path,
        entries: dict[str, dict[str, Located[Any]]],
        digest: str,
        disabled: dict[tuple[str, str], Problem] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        self.info = info
        self.path = path
        self.entries = entries
        self.hash = digest
        self.folders = (path, *folders)  # its own, and those of the sets that it extends
        self.disabled = disabled or {}  # (kind, id) of what this set or one below left out: where it says so

    @classmethod
    def load(cls, path: str | Path | None = None) -> RuleSet:
        """Read the rule set in a folder (default: the shipped one) together with what it extends."""
        rules, problems = cls.read(path)
        if rules is None or problems:
            raise RuleSetError(problems)
        return rules

    @classmethod
    def read(cls, path: str | Path | None = None) -> tuple[RuleSet | None, list[Problem]]:
        """Like `load`, but returns the problems beside whatever could be read."""
        folder = builtin_path() if path is None or str(path) == BUILTIN else Path(path)
        reader = _Reader(folder)
        rules = reader.read(())
        return rules, reader.problems

    def all(self, kind: str) -> Iterator[Located[Any]]:
        """Entries of one kind (a key of `schema.Document`)."""
        return iter(self.entries[kind].values())

    def where(self, key: RuleKey) -> str:
        """`file:line` of the part of an entry that a key names."""
        kind, name, *path = key
        located = self.entries[kind][name]
        if path[0] == "phrases":
            return located.where("phrases", located.entry.phrases.index(path[1]))
        return located.where(*path)

    @cached_property
    def regions(self) -> dict[str, schema.Region]:
        """Regions by id, in order."""
        return {located.entry.id: located.entry for located in self.all("regions")}

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Output classes: every region but `other`, then `abnormal`."""
        return (*(r for r in self.regions if r != "other"), "abnormal")


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self._info_places: dict[tuple[str | int, ...], Place] = {}
        self._own: set[tuple[str, str]] = set()  # (kind, id) of entries of this very set

    def read(self, seen: tuple[Path, ...]) -> RuleSet | None:
        folder = self.folder
        info_file = folder / "ruleset.yaml"
        if not folder.is_dir():
            hint = "it is a file; name its folder" if folder.exists() else "--rules takes a folder with a ruleset.yaml"
            self.problems.append(Problem(str(folder), 1, 1, f"no such folder of rules; {hint}"))
            return None
        if not info_file.is_file():
            self.problems.append(
                Problem(_shown(info_file), 1, 1, "missing: a rule set needs a ruleset.yaml with name and version")
            )
            return None
        digest = hashlib.sha256()
        info = self._info(info_file, digest)
        if info is None:
            return None
        entries: dict[str, dict[str, Located[Any]]] = {kind: {} for kind in schema.KINDS}
        disabled: dict[tuple[str, str], Problem] = {}
        folders: tuple[Path, ...] = ()
        if info.extends is not None:
            base = self._base(info.extends, info_file, (*seen, folder.resolve()))
            if base is not None:
                digest.update(base.hash.encode())
                if "language" not in info.model_fields_set:
                    info = info.model_copy(update={"language": base.info.language})
                folders = base.folders
                disabled = self._disabled(base, info, info_file)
                for kind in schema.KINDS:
                    entries[kind] = {k: v for k, v in base.entries[kind].items() if (kind, k) not in disabled}
                disabled = {**base.disabled, **disabled}
        elif info.disable:
            self._say_of_info(
                info_file, "disable", "disable: leaves out entries of the set it extends, but it extends none"
            )
        for file in sorted(folder.glob("*.y*ml")):
            if file.name != "ruleset.yaml":
                self._document(file, info.name, entries, digest)
        return RuleSet(info, folder, entries, digest.hexdigest()[:16], disabled, folders)

    def _info(self, file: Path, digest: Any) -> schema.RuleSetInfo | None:
        data, places = self._parse(file, digest)
        self._info_places = places
        if not isinstance(data, dict):
            self.problems.append(Problem(_shown(file), 1, 1, "a ruleset.yaml is a mapping with name and version"))
            return None
        found: schema.RuleSetInfo | None = self._validate(schema.RuleSetInfo, data, str(file), places, ())
        return found

    def _base(self, extends: str, file: Path, seen: tuple[Path, ...]) -> RuleSet | None:
        folder = builtin_path() if extends == BUILTIN else Path(os.path.normpath(file.parent / extends))
        if folder.resolve() in seen:
            self._say_of_info(file, "extends", f"extends: {extends} leads back to this set")
            return None
        if not (folder / "ruleset.yaml").is_file():
            what = f"extends: no rule set in {folder}; {BUILTIN}, or a folder with a ruleset.yaml, seen from this one"
            self._say_of_info(file, "extends", what)
            return None
        reader = _Reader(folder)
        base = reader.read(seen)
        self.problems += reader.problems
        return base

    def _disabled(self, base: RuleSet, info: schema.RuleSetInfo, file: Path) -> dict[tuple[str, str], Problem]:
        """(kind, id) of what is left out.  An id of several lists needs its list: headings/advice, cues/advice."""
        known = {key for kind in schema.KINDS for key in base.entries[kind]}
        out: dict[tuple[str, str], Problem] = {}
        for i, name in enumerate(info.disable):
            place = Problem(_shown(file), *self._info_places.get(("disable", i), (1, 1)), f"disable: {name!r}")
            only, _, key = name.rpartition("/")
            kinds = [kind for kind in schema.KINDS if key in base.entries[kind] and only in ("", kind)]
            if len(kinds) == 1:
                out[kinds[0], key] = place
            elif kinds:
                ways = " or ".join(f"{kind}/{key}" for kind in kinds)
                self.problems.append(
                    replace(place, message=f"{place.message} is in {' and '.join(kinds)}: write {ways}")
                )
            else:
                message = f"disable: no entry {name!r} in the set it extends{nearest(name, known)}"
                self.problems.append(replace(place, message=message))
        return out

    def _say_of_info(self, file: Path, key: str, message: str) -> None:
        line, column = self._info_places.get((key,), (1, 1))
        self.problems.append(Problem(_shown(file), line, column, message))

    def _document(self, file: Path, layer: str, entries: dict[str, dict[str, Located[Any]]], digest: Any) -> None:
        data, places = self._parse(file, digest)
        if data is None or data == "":
            return
        if not isinstance(data, dict):
            self.problems.append(Problem(_shown(file), 1, 1, f"a rule file is a mapping of {', '.join(schema.KINDS)}"))
            return
        for kind, items in data.items():
            line, column = places.get((kind,), (1, 1))
            if kind not in schema.KINDS:
                message = f"unknown key {kind!r}{nearest(kind, schema.KINDS)}"
                self.problems.append(Problem(_shown(file), line, column, message))
                continue
            if not isinstance(items, list):
                if items:
                    self.problems.append(
                        Problem(_shown(file), line, column, f"{kind} must be a list of entries, each led by a dash")
                    )
                continue
            model = get_args(schema.Document.model_fields[kind].annotation)[0]
            for i, item in enumerate(items):
                entry = self._validate(model, item, str(file), places, (kind, i))
                if entry is None:
                    continue
                own = _Sub(places, (kind, i))
                located = Located(kind, entry, layer, _shown(file), own)
                held = entries[kind].get(entry.id)
                if held is not None and (kind, entry.id) in self._own:
                    message = f"duplicate id {entry.id!r}: first used at {held.where('id')}; ids are unique among {kind}"
                    self.problems.append(located.problem(message, "id"))
                    continue
                entries[kind][entry.id] = located
                self._own.add((kind, entry.id))

    def _parse(self, file: Path, digest: Any) -> tuple[Any, dict[tuple[str | int, ...], Place]]:
        raw = file.read_bytes()
        digest.update(file.name.encode() + b"\0" + raw)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            self.problems.append(Problem(_shown(file), line, 1, "not UTF-8: save the file as UTF-8"))
            return None, {}
        try:
            node = _compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.problems.append(
                Problem(_shown(file), line, column, f"not valid YAML: {error.problem or error.context}")
            )
            return None, {}
        except ReaderError:
            bad = _NOT_IN_YAML.search(text)
            at = bad.start() if bad is not None else 0
            line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
            name = f" U+{ord(text[at]):04X}" if bad is not None else ""
            self.problems.append(
                Problem(
                    _shown(file), line, column, f"not valid YAML: the character{name} cannot stand in it: remove it"
                )
            )
            return None, {}
        places: dict[tuple[str | int, ...], Place] = {}
        try:
            return (None if node is None else self._plain(node, (), places, file)), places
        except RecursionError:
            self.problems.append(Problem(_shown(file), 1, 1, "nested without end: an alias that holds itself"))
            return None, {}

    def _plain(
        self, node: Node, path: tuple[str | int, ...], places: dict[tuple[str | int, ...], Place], file: Path
    ) -> Any:
        mark = node.start_mark
        places.setdefault(path, (mark.line + 1, mark.column + 1))
        if isinstance(node, ScalarNode):
            quoted = node.style in ("'", '"')
            if quoted:
                places[path] = (mark.line + 1, mark.column + 2)
            return None if node.value in ("", "~", "null") and not node.style else str(node.value)
        if isinstance(node, SequenceNode):
            return [self._plain(child, (*path, i), places, file) for i, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if key in out:
                self.problems.append(
                    Problem(_shown(file), line, column, f"the key {key!r} stands here twice: keep one")
                )
            value = self._plain(value_node, (*path, key), places, file)
            out[key] = value
            if not isinstance(value_node, ScalarNode):
                places[(*path, key)] = (line, column)
            places[(*path, key, "key")] = (line, column)
        return out

    def _validate(
        self,
        model: type[Any],
        data: Any,
        file: str,
        places: dict[tuple[str | int, ...], Place],
        path: tuple[str | int, ...],
    ) -> Any:
        if isinstance(data, dict):
            data = {k: v for k, v in data.items() if v is not None}
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for detail in error.errors():
                loc = tuple(detail["loc"])
                where: tuple[str | int, ...] = (*path, *loc)
                if detail["type"] == "extra_forbidden":
                    where = (*where, "key")
                while where not in places and where:
                    where = where[:-1]
                line, column = places.get(where, (1, 1))
                self.problems.append(Problem(_shown(Path(file)), line, column, _explain(detail, loc, model)))
            return None


def read_yaml(file: Path, model: type[T]) -> T:
    """One YAML file that is a single record.  Raises RuleSetError with the place of everything that is wrong."""
    reader = _Reader(file.parent)
    try:
        data, places = reader._parse(file, hashlib.sha256())
    except OSError as error:
        raise RuleSetError([Problem(str(file), 1, 1, f"cannot be read: {error.strerror or error}")]) from None
    found: T | None = reader._validate(model, data or {}, str(file), places, ()) if not reader.problems else None
    if found is None:
        raise RuleSetError(reader.problems)
    return found


class _Sub(dict[tuple[str | int, ...], Place]):
    """Places of one entry, looked up in its file's table without copying it."""

    def __init__(self, places: dict[tuple[str | int, ...], Place], prefix: tuple[str | int, ...]) -> None:
        super().__init__()
        self._places, self._prefix = places, prefix

    def __contains__(self, path: object) -> bool:
        return isinstance(path, tuple) and (*self._prefix, *path) in self._places

    def get(self, path: tuple[str | int, ...], default: Any = None) -> Any:
        return self._places.get((*self._prefix, *path), default)


def _compose(text: str) -> Node | None:
    try:
        from ruamel.yaml.cyaml import CBaseLoader
    except ImportError:  # no compiled reader for this platform: the same nodes, more slowly
        from ruamel.yaml import YAML

        node: Node | None = YAML(typ="safe", pure=True).compose(text)
        return node
    parser = CBaseLoader(text)
    try:
        found: Node | None = parser.get_single_node()
        return found
    finally:
        parser.dispose()


def _shown(file: Path) -> str:
    """A file's name as messages and explanations show it: as it was given, and rules/NAME for a shipped one."""
    return f"rules/{file.name}" if file.parent == builtin_path() else str(file)


def nearest(name: str, choices: Any) -> str:
    """`; did you mean 'x'?` for the closest choice, or the choices when they are few."""
    near = get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return (
        f"; did you mean {near[0]!r}?"
        if near
        else f"; known: {', '.join(sorted(choices))}"
        if len(choices) < 25
        else ""
    )


def _explain(detail: Any, loc: tuple[str | int, ...], model: type[Any]) -> str:
    name = next((str(part) for part in reversed(loc) if isinstance(part, str)), "entry")
    kind = detail["type"]
    if kind == "extra_forbidden":
        fields = [f.alias or n for n, f in model.model_fields.items()]
        return f"unknown key {name!r}{nearest(name, fields)}"
    if kind == "missing":
        return f"the key {name!r} is missing"
    if kind == "literal_error":
        choices = [c.strip("' ") for c in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return f"{name}: {detail['input']!r} is not a valid choice{nearest(str(detail['input']), choices)}"
    if kind in ("tuple_type", "list_type"):
        return f"{name} must be a list: [ ... ] or lines led by dashes"
    if kind == "string_pattern_mismatch":
        return f"{name}: {detail['input']!r} is not an id: lower-case ASCII letters, digits and _, first a letter"
    if kind in ("string_type", "model_type", "dict_type"):
        return f"{name} has the wrong shape: {detail['msg'].lower()}"
    return f"{name}: {detail['msg']}"
