"""One labeler over the shipped rules for all tests, and one that remembers nothing."""

from __future__ import annotations

import pytest

from labeler import Labeler


@pytest.fixture(scope="session")
def labeler() -> Labeler:
    return Labeler.from_rules()


@pytest.fixture(scope="session")
def forgetful(labeler: Labeler) -> Labeler:
    return Labeler(labeler.rules, remember=False)
