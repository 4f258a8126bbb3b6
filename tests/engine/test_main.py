"""Facts about what the engine records of its own end."""

from pathlib import Path

import pytest

from energy_score.contract.errors import ExitCode
from energy_score.contract.run_directory import RunDirectory
from energy_score.engine.__main__ import _carry_out
from energy_score.engine.stopping import StopRequest
from tests.support.record_factory import make_spec


@pytest.mark.parametrize("was_asked", [True, False])
def test_what_fails_once_the_run_was_asked_to_stop_is_an_interruption(tmp_path: Path, *, was_asked: bool) -> None:
    """An interrupted import of transformers, for example, is reported as a model that cannot be loaded."""
    directory, stop = RunDirectory(tmp_path), StopRequest()
    stop.asked = was_asked
    spec = make_spec(dataset={"path": str(tmp_path / "nowhere.csv"), "columns": ("text",)})
    code = _carry_out(spec, directory, (), stop)
    assert (directory.failure().stage, code) == (
        ("interrupted", ExitCode.INTERRUPTED) if was_asked else ("data", ExitCode.ENVIRONMENT)
    )
