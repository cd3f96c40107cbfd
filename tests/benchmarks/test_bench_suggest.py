"""vnlabel rules suggest on 10,000 reports with 20 unknown phrases and 50 misspellings planted.

    python -m tests.benchmarks.test_bench_suggest      a table over ten seeds (about a minute)

Time is told as a multiple of labelling the same reports with a labeler that remembers nothing, in the same run.
"""

from __future__ import annotations

import time

import pytest

from labeler import Labeler
from labeler.workbench.residue import Collector
from labeler.workbench.suggest import suggest
from tests.workbench.planted import corpus
from tests.workbench.test_suggest import found

SIZE = 10_000
SEEDS = range(201, 211)


def measure(labeler: Labeler, seed: int) -> tuple[int, int, float, float]:
    """Phrases and misspellings named, seconds to suggest, seconds to label."""
    planted = corpus(SIZE, seed, labeler)
    start = time.perf_counter()
    collector = Collector(Labeler(labeler.rules))
    for text in planted.reports:
        collector.add(text)
    drafts = suggest(collector.out, labeler.rules, labeler.lexicon).drafts
    suggesting = time.perf_counter() - start
    start = time.perf_counter()
    plain = Labeler(labeler.rules, remember=False)
    for text in planted.reports:
        plain.label(text)
    labelling = time.perf_counter() - start
    phrases, slips = found(planted, [{"kind": d.kind, "text": d.text} for d in drafts])
    return len(phrases), len(slips), suggesting, labelling


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_at_the_size_of_a_hospital(seed: int) -> None:
    phrases, slips, suggesting, labelling = measure(Labeler.from_rules(), seed)
    print(f"\n{phrases} of 20 phrases, {slips} of 50 misspellings, {suggesting / labelling:.2f} times labelling")
    assert phrases >= 18
    assert slips >= 45


if __name__ == "__main__":
    labeler = Labeler.from_rules()
    print("seed  phrases of 20  misspellings of 50  seconds  times labelling")
    for seed in SEEDS:
        phrases, slips, suggesting, labelling = measure(labeler, seed)
        print(f"{seed:>4}  {phrases:>13}  {slips:>18}  {suggesting:>7.1f}  {suggesting / labelling:>15.2f}")
