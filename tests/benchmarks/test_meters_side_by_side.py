import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.meter_windows.plan import Outcome, Plan
from benchmarks.meters_side_by_side import IDLE_W, OURS, Row, Scenario, row_of, run_scenario, square_steps, table
from tests.nvml_simulator.simulator import NvmlSimulator

CONSTANT = {"watts": 300, "epoch_s": 0}


def row(meter: str, energies_j: list[float | None]) -> Row:
    outcomes = [
        Outcome(first_s=10, last_s=12, energy_j=energy_j, said=(), wall_s=0.002, cpu_s=0.001) for energy_j in energies_j
    ]
    scenario = Scenario("constant", Plan(len(outcomes), 2.0), CONSTANT)
    answer = json.dumps([asdict(outcome) for outcome in outcomes])
    return row_of(scenario, meter, answer=(answer, ""), settings=CONSTANT, status=0)


def test_ours_measures_every_planned_window_against_the_truth(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    scenario = Scenario("square", Plan(2, 1.0, square_steps(1.0), IDLE_W), {"watts": IDLE_W})
    (found,) = run_scenario(scenario, simulator=nvml_simulator, pythons={OURS: Path(sys.executable)}, folder=tmp_path)
    assert (found.windows, found.figures) == (2, 2), found.said
    assert found.mean_error is not None
    assert found.mean_error < 0.25


def test_errors_are_relative_to_the_energy_truly_drawn() -> None:
    found = row(OURS, [600.0, 588.0, 606.0])
    assert found.mean_error == pytest.approx(0.01)
    assert found.worst_error == pytest.approx(-0.02)


def test_a_negative_energy_is_shown_as_it_was_given() -> None:
    assert row("zeus", [-1000.0]).said == ("-1000 J",)


def test_a_meter_without_figure_has_no_error() -> None:
    found = row("zeus", [None])
    assert found.mean_error is None
    assert "| no figure |" in table([row(OURS, [600.0]), found])


def test_a_program_that_fails_is_shown_with_its_last_line() -> None:
    scenario = Scenario("constant", Plan(1, 2.0), CONSTANT)
    found = row_of(scenario, "zeus", answer=("", "Traceback\nImportError: no zeus"), settings=CONSTANT, status=1)
    assert found.said == ("ImportError: no zeus",)
    assert found.figures == 0
