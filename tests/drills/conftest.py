"""One place for all batches of instant runs."""

import pytest

from tests.drills.toy_workplace import ToyWorkplace


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ToyWorkplace:
    workplace = ToyWorkplace(tmp_path_factory.mktemp("toy"))
    workplace.build()
    return workplace
