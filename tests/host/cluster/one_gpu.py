"""One GPU from the allocation to the report."""

from collections.abc import Mapping

import pytest

from tests.host.cluster.conftest import Batch


def assert_one_gpu_throughout(batch: Batch, run: str, watts: Mapping[str, float]) -> str:
    """The UUID that was leased, seen by the engine, measured by its meter and by the host; by the watts of that GPU."""
    (uuid,) = batch.record(run, "run_owner.json")["gpu_uuids"]
    report, witness = batch.record(run, "benchmark_report.json"), batch.record(run, "host_witness.json")
    assert [gpu["uuid"] for gpu in report["hardware"]["gpus"]] == [uuid]
    assert set(witness["energy_j"]) == {uuid}
    windows = [window for window in report["phases"] if window["phase"] == "forward"]
    assert windows
    for window in windows:
        assert set(window["energy_j"]) == {uuid}
        assert window["energy_j"][uuid] / window["duration_s"] == pytest.approx(watts[uuid], rel=0.05)
    return str(uuid)
