"""One labeler over the shipped rules for all tests, and one that remembers nothing."""

from __future__ import annotations

import pytest
from hypothesis import settings

from labeler import Labeler


@pytest.fixture(scope="session")
def labeler() -> Labeler:
    return Labeler.from_rules()


@pytest.fixture(scope="session")
def forgetful(labeler: Labeler) -> Labeler:
    return Labeler(labeler.rules, remember=False)


# Timing is what benchmarks are for; the first example of a run loads spaCy.
settings.register_profile("vnlabel", deadline=None)
settings.load_profile("vnlabel")
