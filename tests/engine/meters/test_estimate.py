import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energy_score.contract.run_report import EnergySource
from energy_score.engine.meters.estimate import EstimateMeter, open_estimate_meter, resident_memory_gb

BUSY = "import time\nwhile time.process_time() < 0.5: pass"


def test_half_a_cpu_second_at_12_w_is_6_j() -> None:
    meter = open_estimate_meter()
    first_s = time.process_time()
    before = meter.read()
    start_s = time.process_time()
    while time.process_time() < start_s + 0.5:
        pass
    after = meter.read()
    last_s = time.process_time()
    assert 6 <= after.energy_j["cpu:cores"] - before.energy_j["cpu:cores"] <= 12 * (last_s - first_s)


def test_a_childs_cpu_time_counts_once_it_has_been_waited_for() -> None:
    meter = open_estimate_meter()
    before = meter.read()
    start_s = time.process_time()
    child = subprocess.Popen([sys.executable, "-c", BUSY])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    own_s = time.process_time() - start_s
    energy_j = meter.read().energy_j["cpu:cores"] - before.energy_j["cpu:cores"]
    assert used.ru_utime + used.ru_stime >= 0.5
    assert energy_j == pytest.approx(12 * (used.ru_utime + used.ru_stime + own_s), abs=0.05)


def test_two_resident_gb_over_a_time_are_integrated_at_three_eighths_of_a_watt_each(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    pages_per_gb = 2**30 // os.sysconf("SC_PAGE_SIZE")
    statm.write_text(f"9999999 {pages_per_gb} 0 0 0 0 0\n", encoding="ascii")
    meter = EstimateMeter(statm)
    first = meter.read()
    statm.write_text(f"9999999 {3 * pages_per_gb} 0 0 0 0 0\n", encoding="ascii")
    time.sleep(0.1)
    second = meter.read()
    duration_s = second.time_s - first.time_s
    energy_j = second.energy_j["cpu:memory"] - first.energy_j["cpu:memory"]
    assert energy_j == pytest.approx(2 * 0.3725 * duration_s)


def test_the_estimate_never_stands_for_a_gpu() -> None:
    meter = open_estimate_meter()
    assert (meter.domain, meter.source, meter.gpus) == ("cpu", EnergySource.ESTIMATE, ())


def test_peak_memory_stands_in_where_linux_does_not_say_the_present_one(tmp_path: Path) -> None:
    assert 0.001 < resident_memory_gb(tmp_path / "absent") < 100
    assert resident_memory_gb(tmp_path / "absent") == pytest.approx(resident_memory_gb(), rel=0.9)
