import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import EnergySource
from energy_score.engine.meters.rapl import find_zones, open_rapl_meter
from tests.support.patience import wait_until


def set_counter(powercap: Path, zone: str, energy_uj: int) -> None:
    whole = powercap / "next"
    whole.write_text(f"{energy_uj}\n", encoding="ascii")
    whole.replace(powercap / zone / "energy_uj")


@contextmanager
def no_privileges() -> Iterator[None]:
    """Root can read files of any mode, so a test run by root drops its privileges meanwhile."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_packages_and_their_dram_are_counted_and_nothing_inside_or_around_them(powercap: Path) -> None:
    assert [zone.key for zone in find_zones(powercap)] == ["cpu:package-0", "cpu:dram-0", "cpu:package-1"]


def test_energy_is_in_joules_since_the_meter_was_made(powercap: Path) -> None:
    meter = open_rapl_meter(powercap)
    assert meter.read().energy_j == {"cpu:package-0": 0, "cpu:dram-0": 0, "cpu:package-1": 0}
    set_counter(powercap, "intel-rapl:0", 8_500_000)
    set_counter(powercap, "intel-rapl:0:1", 2_250_000)
    assert meter.read().energy_j == {"cpu:package-0": 3.5, "cpu:dram-0": 0.25, "cpu:package-1": 0}
    assert (meter.source, meter.domain, meter.gpus) == (EnergySource.RAPL, "cpu", ())
    meter.close()


def test_a_wrapped_counter_is_carried_on(powercap: Path) -> None:
    set_counter(powercap, "intel-rapl:0", 262_143_328_850 - 999_999)
    meter = open_rapl_meter(powercap)
    set_counter(powercap, "intel-rapl:0", 1_000_000)
    assert meter.read().energy_j["cpu:package-0"] == pytest.approx(2.0)
    meter.close()


def test_from_the_top_of_its_range_to_zero_a_counter_has_gained_one_microjoule(powercap: Path) -> None:
    set_counter(powercap, "intel-rapl:0", 262_143_328_850)
    meter = open_rapl_meter(powercap)
    set_counter(powercap, "intel-rapl:0", 0)
    assert meter.read().energy_j["cpu:package-0"] == 1e-6
    meter.close()


def test_two_wraps_between_two_readings_are_both_seen(powercap: Path) -> None:
    for zone in powercap.glob("intel-rapl:*"):
        (zone / "max_energy_range_uj").write_text("9999999\n", encoding="ascii")  # 10 J: looked at every 10 ms
    meter = open_rapl_meter(powercap)
    for energy_uj in (9_000_000, 3_000_000, 9_000_000, 3_000_000):
        set_counter(powercap, "intel-rapl:0", energy_uj)
        wait_until(lambda: meter._last_uj["cpu:package-0"] == energy_uj)  # noqa: B023 - it is waited for here
    assert meter.read().energy_j["cpu:package-0"] == pytest.approx(4 + 4 + 6 + 4)
    meter.close()


def test_counters_for_root_only_are_refused_with_the_remedy(powercap: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = Path(shutil.copytree(powercap, Path(folder) / "powercap"))
        root.chmod(0o755)
        for counter in root.glob("*/energy_uj"):
            counter.chmod(0)
        with no_privileges(), pytest.raises(MeterError, match=r"only root may read.*sudo chmod a\+r .*energy_uj"):
            open_rapl_meter(root)


def test_a_machine_without_the_counters_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(MeterError, match=r"no RAPL package counter.*estimate"):
        open_rapl_meter(tmp_path)


def test_a_counter_that_vanishes_ends_the_measurement(powercap: Path) -> None:
    meter = open_rapl_meter(powercap)
    (powercap / "intel-rapl:1" / "energy_uj").unlink()
    with pytest.raises(MeterError, match="cannot be read"):
        meter.read()
    meter.close()
