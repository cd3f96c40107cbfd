"""Phrases that the rules do not know, cut out of the stretches of a corpus that they do not explain.

A run of syllables is a phrase when it is frequent and no longer run around it is nearly as frequent: a part of a
phrase always has the rest beside it, a chance neighbour comes and goes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from labeler.workbench.residue import STRANGE, Line, Residue, Times

LONGEST = 8  # syllables
HOLDS = 0.6  # a run is a part of a longer one that is this share as frequent and adds an unexplained syllable,
HOLDS_KNOWN = 0.85  # or this share if what it adds is known elsewhere

Run = tuple[str, ...]


@dataclass(slots=True)
class Phrase:
    """An unknown phrase, how often it is met, and the regions named in its lines, most frequent first."""

    words: Run
    times: Times = field(default_factory=Times)
    regions: Counter[str] = field(default_factory=Counter)


def unknown_phrases(residue: Residue, explained: set[str], least: int) -> list[Phrase]:
    """Phrases met in at least `least` reports, heaviest first; syllables in `explained` are misspellings."""
    lines = {line: times for line, times in residue.lines.items() if line.stretches}
    frequent, unexplained = Counter[str](), Counter[str]()
    for line, times in lines.items():
        met = {syllable for stretch in line.stretches for syllable in stretch}
        frequent.update({syllable.key: times.reports for syllable in met})
        unexplained.update({syllable.key: times.reports for syllable in met if syllable.part == STRANGE})
    seeds = {key for key, n in unexplained.items() if n >= max(least, frequent[key] / 2)} - explained
    runs: dict[Run, Times] = {}
    for line, times in lines.items():
        for run in _runs(line, seeds):
            runs.setdefault(run, Times()).add(times.reports, times.review)
    runs = {run: times for run, times in runs.items() if times.reports >= least}
    strange = {run: sum(key in seeds for key in run) for run in runs}
    parts = _parts(runs, strange)
    kept: dict[Run, Phrase] = {}
    left = Counter({run: times.reports for run, times in runs.items()})
    for run in sorted(runs, key=lambda run: (-strange[run], -runs[run].reports, -len(run), run)):
        if run in parts or left[run] < max(least, runs[run].reports / 4):
            continue
        if any(strange[other] == strange[run] and _within(other, run) for other in kept):
            continue  # the same and some chance neighbours
        kept[run] = Phrase(run, runs[run])
        for inner in _inside(run):
            left[inner] -= runs[run].reports
    for line, times in lines.items():
        for run in _runs(line, seeds):
            if run in kept:
                for region in line.regions:
                    kept[run].regions[region] += times.reports
    return sorted(kept.values(), key=lambda phrase: (-phrase.times.weight, phrase.words))


def _runs(line: Line, seeds: set[str]) -> set[Run]:
    """Every run of a line that may be a phrase."""
    out: set[Run] = set()
    for stretch in line.stretches:
        keys = tuple(syllable.key for syllable in stretch)
        for i in range(len(keys)):
            for j in range(i + 1, min(i + LONGEST, len(keys)) + 1):
                if not seeds.isdisjoint(keys[i:j]):
                    out.add(keys[i:j])
    return out


def _parts(runs: dict[Run, Times], strange: dict[Run, int]) -> set[Run]:
    """Runs that are nearly always part of one and the same longer run."""
    out: set[Run] = set()
    for run, times in runs.items():
        for cut in (1, 2, 3):
            for shorter in (run[cut:], run[:-cut]):
                held = runs.get(shorter)
                share = HOLDS if held is not None and strange[run] > strange[shorter] else HOLDS_KNOWN
                if held is not None and times.reports >= share * held.reports:
                    out.add(shorter)
    return out


def _inside(run: Run) -> set[Run]:
    n = len(run)
    return {run[i:j] for i in range(n) for j in range(i + 1, n + 1) if j - i < n}


def _within(part: Run, run: Run) -> bool:
    return len(part) < len(run) and part in _inside(run)
