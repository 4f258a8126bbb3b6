from collections.abc import Callable

import pytest

from energy_score.contract.run_spec import RunSpec
from tests.support.official_facts import MakeFacts, MakeWindow, official_facts, valid_spec, valid_window


@pytest.fixture
def make_facts() -> MakeFacts:
    return official_facts


@pytest.fixture
def make_window() -> MakeWindow:
    return valid_window


@pytest.fixture
def make_spec() -> Callable[..., RunSpec]:
    return valid_spec
