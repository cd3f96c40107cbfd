"""Coarse classes made of fine labels; the mappings themselves are the YAML files of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from vision.errors import InputError

SHIPPED = Path(__file__).parent
Targets = NDArray[np.float32]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    regions: dict[str, list[str]]
    devices: list[str]
    normal: str
    both: Literal["abnormal", "leave_out"]
    neither: Literal["normal", "leave_out"]


@dataclass(frozen=True)
class Scheme:
    """Regions by name, each with its findings; devices, which are abnormal and lie in no region."""

    regions: dict[str, tuple[str, ...]]
    devices: tuple[str, ...]
    normal: str
    both: str
    neither: str

    @property
    def findings(self) -> tuple[str, ...]:
        """The fine classes, region by region."""
        return tuple(name for names in self.regions.values() for name in names)

    @property
    def coarse(self) -> tuple[str, ...]:
        """The regions, and `abnormal`."""
        return (*self.regions, "abnormal")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every label that the scheme needs."""
        return (self.normal, *self.findings, *self.devices)

    def members(self, *, devices: bool) -> list[list[str]]:
        """What each coarse class is made of; `abnormal` with the devices or without."""
        return [*map(list, self.regions.values()), [*self.findings, *(self.devices if devices else ())]]

    def to_coarse(self, targets: Targets, columns: tuple[str, ...], *, devices: bool = True) -> Targets:
        """Fine targets (N, F) of 0, 1, nan for unknown, named by `columns`, as coarse ones (N, regions + 1).

        1 where any member is, unknown where none is 1 and one is unknown, else 0.
        """
        at = {name: place for place, name in enumerate(columns)}
        parts = [any_of(targets[:, [at[name] for name in names]]) for names in self.members(devices=devices)]
        return np.stack(parts, axis=1)

    def used(self, targets: Targets, columns: tuple[str, ...]) -> NDArray[np.bool_]:
        """(N,) which rows are used, by the rules for those that say both or neither."""
        at = {name: place for place, name in enumerate(columns)}
        abnormal = any_of(targets[:, [at[name] for name in (*self.findings, *self.devices)]])
        normal = targets[:, at[self.normal]] == 1
        keep = np.ones(len(targets), dtype=bool)
        if self.both == "leave_out":
            keep &= ~(normal & (abnormal == 1))
        if self.neither == "leave_out":
            keep &= normal | (abnormal != 0)
        return keep


def any_of(targets: Targets) -> Targets:
    """(N,) 1 where any of (N, K) is 1, unknown (nan) where none is and one is unknown, else 0."""
    known = np.where(np.isnan(targets).any(axis=1), np.float32(np.nan), np.float32(0))
    return np.where((targets == 1).any(axis=1), np.float32(1), known)


def load_scheme(file: Path | str = "chexpert") -> Scheme:
    """A scheme's YAML file, or the shipped one of that name.

    Raises:
        InputError: no such file, or not a scheme.
    """
    from vision.config import parse_yaml

    path = SHIPPED / f"{file}.yaml" if (SHIPPED / f"{file}.yaml").exists() else Path(file)
    try:
        read = _File.model_validate(parse_yaml(path))
    except ValidationError as error:
        raise InputError([f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from None
    names = [name for members in read.regions.values() for name in members]
    twice = sorted({name for name in names if names.count(name) > 1} | (set(names) & {*read.devices, read.normal}))
    if twice:
        raise InputError(f"{path}: regions: {twice[0]} is in two places, one is needed")
    regions = {name: tuple(members) for name, members in read.regions.items()}
    return Scheme(regions, tuple(read.devices), read.normal, read.both, read.neither)
