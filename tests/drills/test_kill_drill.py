"""A short drill; the long one is ``python -m tests.drills``, a hundred kills."""

from pathlib import Path

import pytest

from tests.drills.kill_drill import series
from tests.drills.toy_workplace import ToyWorkplace


@pytest.mark.timeout(300)
def test_whoever_is_killed_the_same_command_completes_every_row_once(toy: ToyWorkplace, tmp_path: Path) -> None:
    told: list[str] = []
    drills = series(toy, tmp_path, kills=6, victims=("batch", "engine"), seed=20261124, tell=told.append)
    assert [one.fault for one in drills] == [None] * 6, "\n".join(told)
    assert all(one.reads for one in drills)
