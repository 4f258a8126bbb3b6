from collections.abc import Callable
from pathlib import Path

import pytest

from energy_score.contract.run_spec import RunSpec
from tests.support.official_facts import valid_spec


@pytest.fixture
def make_spec() -> Callable[..., RunSpec]:
    return valid_spec


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, one with DRAM, beside the zones that must not be counted."""
    zones = {
        "intel-rapl:0": ("package-0", 5_000_000),
        "intel-rapl:0:0": ("core", 1_000_000),
        "intel-rapl:0:1": ("dram", 2_000_000),
        "intel-rapl:1": ("package-1", 7_000_000),
        "intel-rapl:2": ("psys", 90_000_000),
        "intel-rapl-mmio:0": ("package-0", 5_000_000),
    }
    for folder, (name, energy_uj) in zones.items():
        path = tmp_path / folder
        path.mkdir()
        (path / "name").write_text(f"{name}\n", encoding="ascii")
        (path / "energy_uj").write_text(f"{energy_uj}\n", encoding="ascii")
        (path / "max_energy_range_uj").write_text("262143328850\n", encoding="ascii")
    (tmp_path / "intel-rapl").mkdir()
    return tmp_path
