"""Reports per second against a tokenizer with a phrase matcher, which does nothing else.

    python -m tests.benchmarks.test_bench_labeler            the table (about a minute and a half)
    python -m tests.benchmarks.test_bench_labeler --memory   peak memory over a million reports (about a minute)
    pytest -s tests/benchmarks                               a short table, and that the memo changes no label

Everything is on: normalisation, sections, repair of misspellings, assertion, accounting of every word.  Labeler and
baseline (`spacy.blank("xx")` with a PhraseMatcher on LOWER over the same phrases) take turns on one core in one run;
the time is process time, the best of five, each with a new Labeler that remembers nothing from before.  Building
either is not timed.  Nothing is asserted about time: machines differ, the printed ratios are what counts.
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from labeler import Labeler
from labeler.rules import RuleSet
from tests.benchmarks.corpora import all_distinct, distinct_lines, redundant

CORPORA: dict[str, tuple[str, Callable[[], list[str]], float]] = {
    "a": ("10,002 reports, 1,500 distinct", redundant, 25.0),
    "b": ("all reports distinct", lambda: all_distinct(10_000), 4.0),
    "c": ("all lines distinct, 5 % misspelt", lambda: distinct_lines(3_000), 0.5),
}
ROUNDS = 5
MILLION = 1_000_000

START = """
import sys, time
start = time.perf_counter()
from labeler import Labeler
imported = time.perf_counter()
labeler = Labeler.from_rules()
loaded = time.perf_counter()
labeler.label("- Tràn dịch màng phổi phải.\\n- Bóng tim không to.")
print(imported - start, loaded - imported, time.perf_counter() - start, "torch" in sys.modules)
"""


def baseline(labeler: Labeler) -> Callable[[list[str]], int]:
    """spaCy's blank pipeline with a PhraseMatcher over the phrases of a rule set."""
    import spacy
    from spacy.matcher import PhraseMatcher

    nlp = spacy.blank("xx")
    matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
    matcher.add("phrase", [nlp.make_doc(unit.text) for unit in labeler.lexicon.units()])

    def run(texts: list[str]) -> int:
        return sum(len(matcher(nlp.make_doc(text))) for text in texts)

    return run


def timed(work: Callable[[], Any]) -> float:
    """Process time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(rules: RuleSet, texts: list[str], rounds: int = ROUNDS) -> tuple[float, float]:
    """Reports per second of the labeler and of the baseline, taking turns; the best of some rounds."""
    match = baseline(Labeler(rules))
    ours, theirs = [], []
    for _ in range(rounds):
        labeler = Labeler(rules)
        ours.append(timed(lambda labeler=labeler: sum(1 for _ in labeler.label_many(texts))))  # type: ignore[misc]
        theirs.append(timed(lambda: match(texts)))
    return len(texts) / min(ours), len(texts) / min(theirs)


def start_up() -> tuple[float, float, float, bool]:
    """Seconds to import, to load the rules, and from nothing to the first label in a new process; torch imported?"""
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True, timeout=120)
    imported, loaded, first, torch = done.stdout.split()
    return float(imported), float(loaded), float(first), torch == "True"


def one_core() -> None:
    """Stay on one core, where the system lets a process choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def report(rounds: int = ROUNDS, sizes: dict[str, int] | None = None) -> dict[str, float]:
    """Measure and print the table; the ratios by corpus."""
    rules = RuleSet.load()
    ratios = {}
    print(f"\n{'corpus':<40} {'vnlabel/s':>10} {'baseline/s':>11} {'ratio':>7} {'wanted':>7}")
    for key, (name, make, wanted) in CORPORA.items():
        texts = make()[: (sizes or {}).get(key)]
        ours, theirs = compare(rules, texts, rounds)
        ratios[key] = ours / theirs
        print(f"({key}) {name:<36} {ours:>10,.0f} {theirs:>11,.0f} {ratios[key]:>7.2f} {wanted:>7}")
    imported, loaded, first, torch = start_up()
    print(f"start: import {imported:.2f} s, rules {loaded:.2f} s, first label after {first:.2f} s, torch imported: {torch}")
    return ratios


def memory(count: int = MILLION) -> float:
    """Peak memory in MB of labelling `count` reports: in the first tenth every line is distinct, then every report."""
    labeler = Labeler.from_rules()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    done = 0
    seed = 10
    while done < count:
        seed += 1
        texts = distinct_lines(2_000, seed) if done < count // 10 else all_distinct(10_000, seed)
        done += sum(1 for _ in labeler.label_many(texts))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {before:,.0f} MB with the rules loaded, peak {peak:,.0f} MB after {done:,} reports")
    return peak


# --- tests -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def labeler() -> Labeler:
    return Labeler.from_rules()


@pytest.mark.parametrize("key", CORPORA)
def test_labels_do_not_depend_on_the_memo(labeler: Labeler, key: str) -> None:
    texts = CORPORA[key][1]()[:400]
    forgetful = Labeler(labeler.rules, remember=False)
    assert [r.labels for r in labeler.label_many(texts)] == [forgetful.label(text).labels for text in texts]
    statuses = [(r.status, r.reasons, r.uncertain) for r in labeler.label_many(texts)]
    assert statuses == [(r.status, r.reasons, r.uncertain) for r in map(forgetful.label, texts)]


def test_ratios_are_numbers() -> None:
    ratios = report(rounds=1, sizes={"a": 2_000, "b": 1_000, "c": 300})
    assert set(ratios) == set(CORPORA)
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in ratios.values())


@pytest.mark.skipif(not os.environ.get("VNLABEL_SLOW"), reason="minutes long: VNLABEL_SLOW=1 runs it")
def test_peak_memory_of_a_million_reports() -> None:
    done = subprocess.run([sys.executable, "-m", __name__, "--memory"], capture_output=True, text=True, check=True)
    print(done.stdout)
    assert "peak" in done.stdout


if __name__ == "__main__":
    one_core()
    if "--memory" in sys.argv:
        memory()
    else:
        report()
