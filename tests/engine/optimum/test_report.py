"""optimum-benchmark's own report read into ours: units, load phases, what it did not measure, the difference named."""

import json
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import BenchmarkProcessError
from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.run_report import EnergySource
from energy_score.contract.units import watt_hours
from energy_score.engine.optimum.report import differences, read_report
from tests.support.record_factory import make_statistics


def written(path: Path, **gpu_kwh: float) -> Path:
    """A report with these GPU energies by phase; no CPU was measured."""
    content: dict[str, Any] = {
        phase: {
            "memory": None,
            "latency": None,
            "throughput": None,
            "energy": {"unit": "kWh", "cpu": 0.0, "ram": energy_kwh / 10, "gpu": energy_kwh, "total": energy_kwh * 1.1},
            "efficiency": None,
        }
        for phase, energy_kwh in gpu_kwh.items()
    }
    file = path / "benchmark_report.json"
    file.write_text(json.dumps(content))
    return file


def use_of(*reports: Path) -> OptimumUse:
    energies = [energy for repeat, path in enumerate(reports, start=1) for energy in read_report(path, repeat=repeat)]
    return OptimumUse(versions={}, settings="{}", reports=(), energies=tuple(energies))


def test_the_documented_report_sums_to_13_20_wh_without_its_load_phases(tmp_path: Path) -> None:
    report = written(tmp_path, load_dataset=0.7, load_model=0.9, preprocess=0.0002, prefill=0.003, decode=0.01)
    use = use_of(report)
    assert f"{watt_hours(use.mean_j('gpu') or 0):.2f}" == "13.20"
    assert {energy.source for energy in use.energies} == {"optimum-codecarbon"}
    assert [energy.phase for energy in use.energies] == ["preprocess", "prefill", "decode"]
    assert use.mean_j("gpu", "prefill") == pytest.approx(0.003 * 3.6e6)


def test_its_own_name_of_the_preprocessing_is_understood(tmp_path: Path) -> None:
    assert use_of(written(tmp_path, preprocess_dataset=0.0002, forward=0.001)).mean_j("gpu") == pytest.approx(4320)


def test_a_domain_without_a_meter_is_unknown_and_a_short_phase_is_a_reading_of_0(
    tmp_path: Path,
) -> None:
    use = use_of(written(tmp_path, load_model=0.1, preprocess_dataset=0.0, prefill=0.0, decode=0.01))
    assert use.mean_j("cpu") is None
    assert use.mean_j("gpu", "prefill") == 0
    assert use_of(written(tmp_path, preprocess_dataset=0.0, prefill=0.0, decode=0.0)).mean_j("gpu") is None


def test_the_mean_is_of_the_counted_runs(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("1", "2")]
    for folder in folders:
        folder.mkdir()
    use = use_of(written(folders[0], prefill=0.001, decode=0.001), written(folders[1], prefill=0.001, decode=0.003))
    assert use.mean_j("gpu") == pytest.approx(0.003 * 3.6e6)
    discarded = tuple(energy.model_copy(update={"counted": energy.repeat == 2}) for energy in use.energies)
    assert use.model_copy(update={"energies": discarded}).mean_j("gpu") == pytest.approx(0.004 * 3.6e6)


def test_the_difference_from_our_meter_is_named_by_phase_and_for_the_whole(tmp_path: Path) -> None:
    # Ours: 0.9 Wh of prefill, 24.5 Wh of decode, 25.4 Wh in all.
    use = use_of(written(tmp_path, preprocess_dataset=0.0, prefill=0.0009, decode=0.02695))
    found = {(entry.phase, entry.domain): entry for entry in differences(use, make_statistics())}
    assert found["prefill", "gpu"].difference_percent == pytest.approx(0, abs=1e-9)
    assert found["decode", "gpu"].difference_percent == pytest.approx(10)
    total = found["total", "gpu"]
    assert total.difference_j == pytest.approx(2.45 * 3600)
    assert total.difference_percent == pytest.approx(100 * 2.45 / 25.4)
    assert total.our_source == "nvml-counter"


def test_an_estimate_of_a_gpu_is_none_of_our_measurements(tmp_path: Path) -> None:
    use = use_of(written(tmp_path, prefill=0.001, decode=0.001))
    assert differences(use, make_statistics(source=EnergySource.ESTIMATE)) == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "FileNotFoundError"),
        ("{", "JSONDecodeError"),
        ('{"prefill": {"latency": 1}}', "KeyError: 'energy'"),
        ('{"prefill": {"energy": {"unit": "J", "gpu": 1, "cpu": 1, "ram": 1}}}', "unknown unit 'J' .expected kWh"),
        ('{"load_model": {"energy": {"unit": "kWh", "gpu": 1, "cpu": 1, "ram": 1}}}', "none of the phases"),
    ],
)
def test_a_file_that_is_no_such_report_is_an_error_that_says_what_it_lacks(
    tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "benchmark_report.json").write_text(content)
    with pytest.raises(BenchmarkProcessError, match=told):
        read_report(tmp_path / "benchmark_report.json")
