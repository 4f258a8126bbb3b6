import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.cli.commands.compare import command
from tests.support.record_factory import make_config, make_report, make_run, make_spec, make_statistics

MODES = {"On (Low)": (ReasoningMode.LOW, 0.5), "On (High)": (ReasoningMode.HIGH, 1.0)}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for state, (mode, share) in MODES.items():
        spec = make_spec(reasoning_state=state, reasoning=mode)
        report = make_report(spec=spec, statistics=make_statistics(share=share))
        make_run(tmp_path / "old", state.replace(" ", "_"), config=make_config(reasoning_state=state), report=report)
    return tmp_path / "old"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def test_modes_are_told_as_json_with_the_split_of_their_ratio(results: Path) -> None:
    [comparison] = json.loads(invoke("modes", "--results", results, "--format", "json").stdout)
    low, high = comparison["rows"]
    assert (low["reasoning_state"], low["energy_ratio"]) == ("On (Low)", 1.0)
    assert high["energy_ratio"] == pytest.approx(2.0)
    assert high["length_ratio"] * high["per_token_ratio"] == pytest.approx(high["energy_ratio"])


@pytest.mark.parametrize(("ending", "begins"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_modes_are_drawn(results: Path, tmp_path: Path, ending: str, begins: bytes) -> None:
    picture = tmp_path / f"modes{ending}"
    assert invoke("modes", "--results", results, "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(begins)
    if ending == ".svg":
        first = picture.read_bytes()
        invoke("modes", "--results", results, "--plot", picture)
        assert picture.read_bytes() == first


def test_a_picture_of_another_kind_is_refused(results: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["modes", "--results", str(results), "--plot", str(tmp_path / "modes.gif")])
    assert "(expected one of: .svg, .png, .pdf)" in str(done.exception)


def test_a_regression_between_two_results_ends_with_1(results: Path, tmp_path: Path) -> None:
    for state, (mode, share) in MODES.items():
        spec = make_spec(reasoning_state=state, reasoning=mode)
        report = make_report(spec=spec, statistics=make_statistics(share=share * (1.1 if "High" in state else 1.0)))
        make_run(tmp_path / "new", state.replace(" ", "_"), config=make_config(reasoning_state=state), report=report)
    done = invoke("results", results, tmp_path / "new", "--format", "markdown")
    assert done.exit_code == 1
    assert "| On (High) | text\\_gen | 2540 | 2794 | regression | +10.0%" in done.stdout
    assert "unchanged" in done.stdout
    assert invoke("results", results, results).exit_code == 0


@pytest.mark.parametrize(("increase", "exit_code"), [(0.029, 0), (0.031, 1)])
def test_without_a_threshold_the_command_finds_a_regression_from_3_percent(
    results: Path, tmp_path: Path, increase: float, exit_code: int
) -> None:
    def steady(folder: str, share: float) -> Path:
        unscattered = tuple(
            figure.model_copy(update={"stdev_energy_j": 1.0, "ci95_half_width_j": 1.0})
            for figure in make_statistics(share=share)
        )
        make_run(tmp_path / folder, report=make_report(statistics=unscattered))
        return tmp_path / folder

    done = invoke("results", steady("before", 1.0), steady("after", 1 + increase))
    assert (done.stderr, done.exit_code) == (f"1 of 1 compared, {exit_code} worse, lost or gone\n", exit_code)


def test_what_was_not_compared_is_not_counted_as_compared(results: Path, tmp_path: Path) -> None:
    report = make_report(spec=make_spec(reasoning_state="On (Low)", concurrency=8))
    make_run(tmp_path / "new", config=make_config(reasoning_state="On (Low)"), report=report)
    done = invoke("results", results, tmp_path / "new")
    assert done.stderr == "0 of 2 compared, 1 worse, lost or gone\n"
    assert done.exit_code == 1
