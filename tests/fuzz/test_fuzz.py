"""A few cases of every target, the same ones each time; ``python -m tests.fuzz`` runs many, and others each time."""

import pytest

from tests.fuzz.targets import TARGETS

_CASES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_given_there_is_a_result_or_a_message(name: str) -> None:
    assert TARGETS[name].run(most=_CASES, seed_number=None) > 0
