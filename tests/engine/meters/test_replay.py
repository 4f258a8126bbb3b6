import json
from pathlib import Path

import pytest

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import EnergySource, Gpu, MeterReading
from energy_score.engine.meters.replay import open_replay_meter

RECORDING = {
    "domain": "gpu",
    "gpus": [{"uuid": "GPU-a", "name": "NVIDIA T4", "memory_mib": 15360}],
    "readings": [{"time_s": 1.0, "energy_j": {"GPU-a": 10.0}}, {"time_s": 2.0, "energy_j": {"GPU-a": 80.0}}],
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(RECORDING), encoding="utf-8")
    return path


def test_each_read_gives_the_next_recorded_reading(recording: Path) -> None:
    meter = open_replay_meter(recording)
    assert meter.read() == MeterReading(time_s=1.0, energy_j={"GPU-a": 10.0})
    assert meter.read() == MeterReading(time_s=2.0, energy_j={"GPU-a": 80.0})
    with pytest.raises(MeterError, match="no reading is left"):
        meter.read()


def test_a_replay_says_what_it_is(recording: Path) -> None:
    meter = open_replay_meter(recording)
    assert (meter.source, meter.domain) == (EnergySource.REPLAY, "gpu")
    assert meter.gpus == (Gpu(uuid="GPU-a", name="NVIDIA T4", memory_mib=15360),)


@pytest.mark.parametrize(("text", "says"), [(None, "cannot be read"), ("{}", "domain")])
def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "wrong.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(MeterError, match=rf"wrong\.json.*{says}"):
        open_replay_meter(path)
