import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from energy_score.contract.errors import MeterError, UsageError
from energy_score.contract.run_report import EnergySource
from energy_score.engine.meters import registry
from energy_score.engine.meters.registry import open_meters
from tests.nvml_simulator.simulator import NvmlSimulator

AUTO = (
    "from energy_score.engine.meters.registry import open_meters\n"
    "print(*((meter.domain, meter.source.value) for meter in open_meters('auto')))"
)


def test_none_opens_no_meter() -> None:
    assert open_meters("none") == ()


def test_a_name_opens_exactly_that_meter(tmp_path: Path) -> None:
    (estimate,) = open_meters("estimate")
    assert estimate.source is EnergySource.ESTIMATE
    recording = tmp_path / "a:b.json"
    recording.write_text(json.dumps({"domain": "cpu", "readings": []}), encoding="utf-8")
    (replay,) = open_meters(f"replay:{recording}")
    assert replay.source is EnergySource.REPLAY


@pytest.mark.parametrize("choice", ["zeus", "", "nvml:0", "nvml:", "replay", "auto:x"])
def test_an_unknown_choice_names_the_known_ones(choice: str) -> None:
    with pytest.raises(UsageError, match="auto, none, nvml, nvml-power, rapl, estimate, replay:FILE"):
        open_meters(choice)


def test_a_replay_of_no_file_is_a_meter_error() -> None:
    with pytest.raises(MeterError, match="cannot be read"):
        open_meters("replay:")


def test_auto_takes_the_estimate_where_nothing_measures_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry, "_open", unless_it_measures(registry._open))
    with caplog.at_level(logging.INFO):
        (meter,) = open_meters("auto")
    assert meter.source is EnergySource.ESTIMATE
    assert [record.getMessage() for record in caplog.records] == [
        "meter skipped domain=gpu meter=nvml reason='no nvml here'",
        "meter skipped domain=gpu meter=nvml-power reason='no nvml-power here'",
        "no meter domain=gpu",
        "meter skipped domain=cpu meter=rapl reason='no rapl here'",
        "meter picked domain=cpu meter=estimate source=estimate",
    ]


def test_auto_takes_the_gpu_counter_and_one_meter_of_the_cpu_side(nvml_simulator: NvmlSimulator) -> None:
    done = nvml_simulator.run(AUTO)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("('gpu', 'simulated') ('cpu', 'estimate')", "('gpu', 'simulated') ('cpu', 'rapl')")


def unless_it_measures(opener: Callable[..., object]) -> Callable[..., object]:
    def open_meter(name: str, *arguments: Path) -> object:
        if name in ("nvml", "nvml-power", "rapl"):
            raise MeterError(f"no {name} here")
        return opener(name, *arguments)

    return open_meter
