"""Facts about what a report says of its own figures."""

from typing import Any

import pytest
from pydantic import ValidationError

from energy_score.contract.run_report import EnergySource, PhaseEnergy, TokenCounts
from tests.support.official_facts import valid_window

TWO_GPUS_J = {"GPU-a": 100.0, "GPU-b": 50.0}


def test_only_what_was_read_from_a_gpu_may_be_rated() -> None:
    assert [source.value for source in EnergySource if source.is_gpu_measurement] == ["nvml-counter", "nvml-power"]


@pytest.mark.parametrize(
    ("changes", "total_j"),
    [
        ({"energy_j": TWO_GPUS_J}, 150.0),
        ({"energy_j": {"GPU-a": 0.0}}, 0.0),
        ({"energy_j": {}}, None),  # nothing measured it
        ({"energy_j": {"GPU-a": 100.0}, "faults": {"GPU-b": "counter_reset"}}, None),  # a part is not a total
    ],
)
def test_a_windows_energy_is_that_of_all_its_devices_or_unknown(changes: dict[str, Any], total_j: float | None) -> None:
    assert valid_window(**changes).total_j == total_j


@pytest.mark.parametrize(
    ("integral_j", "discrepancy"),
    [
        ({"GPU-a": 105.0, "GPU-b": 50.0}, 0.05),  # exactly: 1.05 - 1 would be a little more
        ({"GPU-a": 99.0, "GPU-b": 40.0}, 0.2),  # the worst device's, unsigned
        ({"GPU-a": 102.0}, 0.02),  # only where both are known
        ({"GPU-c": 1.0}, None),
        ({}, None),
    ],
)
def test_the_discrepancy_is_the_worst_devices_part_of_its_counter(
    integral_j: dict[str, float], discrepancy: float | None
) -> None:
    assert valid_window(energy_j=TWO_GPUS_J, integral_j=integral_j).integral_discrepancy == discrepancy


@pytest.mark.parametrize("energy_j", [0.0, -1.0])
def test_of_a_counter_that_gained_nothing_no_discrepancy_can_be_told(energy_j: float) -> None:
    window = valid_window(energy_j={"GPU-a": energy_j}, integral_j={"GPU-a": 9.0})
    assert window.integral_discrepancy is None


@pytest.mark.parametrize("changes", [{"passes": 0}, {"query_count": -1}, {"duration_s": -0.1}, {"source": "guess"}])
def test_a_window_that_cannot_have_been_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PhaseEnergy.model_validate(valid_window().model_dump() | changes)


@pytest.mark.parametrize(
    ("prompt", "completion", "total"), [(3, 10, 13), (3, None, 3), (None, 10, 10), (0, None, 0), (None, None, None)]
)
def test_tokens_in_all_are_those_that_the_task_has(
    prompt: int | None, completion: int | None, total: int | None
) -> None:
    counts = TokenCounts(prompt=prompt, completion=completion, completion_min=completion, completion_max=completion)
    assert counts.total == total
