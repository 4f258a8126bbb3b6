import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_score.contract.errors import NothingMatchedError
from energy_score.host.cli.commands.impact import command
from tests.support.record_factory import make_failure, make_report, make_run


def test_every_figure_comes_with_its_factors_and_their_sources(tmp_path: Path) -> None:
    make_run(tmp_path, "one", report=make_report())
    make_run(tmp_path, "two", failure=make_failure())
    arguments = ["--results", str(tmp_path), "--queries-per-year", "1e6", "--region", "France", "--format", "json"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    figures, factors = json.loads(done.stdout)
    known = {factor["name"]: factor for factor in factors["rows"]}
    for figure in figures["rows"]:
        assert figure["estimate"] == (figure["quantity"] != "GPU energy")
        assert all(known[name]["source"] for name in figure["factors"])
    by_name = {figure["quantity"]: figure["value"] for figure in figures["rows"]}
    assert by_name["GPU energy"] == pytest.approx(2540.0)  # 2.54 Wh a query
    assert "1 rows have no measured GPU energy" in done.stderr


def test_results_without_gpu_energy_are_told(tmp_path: Path) -> None:
    make_run(tmp_path, "two", failure=make_failure())
    with pytest.raises(NothingMatchedError, match="none of 1 rows"):
        CliRunner().invoke(
            command, ["--results", str(tmp_path), "--queries-per-year", "1"], catch_exceptions=False
        )  # fmt: skip
