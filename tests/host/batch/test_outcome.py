"""Facts about an engine that ended without a report; what it leaves is told, the ledger and its files are real."""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from energy_score.contract.errors import ExitCode
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.outcome import explain
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import PlainProgress
from energy_score.host.executors.engine_output import OnEvent, OnLogLine
from energy_score.host.executors.executor import Execution
from tests.support.record_factory import make_config, make_spec


@dataclass
class Silent:
    """An executor whose engine writes one line of log, no record, and ends with 0."""

    name: str = "silent"
    image: str | None = None

    def check(self, *, backend: str) -> None:
        pass

    def stop(self, *, at_once: bool) -> None:
        pass

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        on_log_line("loading")
        return Execution(exit_code=0)


def test_an_engine_that_ends_with_0_and_leaves_no_report_is_a_recorded_failure(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open()
    one = Attempt(ledger=ledger, executor=Silent(), progress=PlainProgress(io.StringIO()), timeout_s=9)
    code = one.run(ResolvedRun("run", make_config(), make_spec()))
    directory = ledger.directory("run")
    assert (code, directory.state()) == (ExitCode.SOME_RUNS_FAILED, RunState.FAILED)
    failure = directory.failure()
    assert (failure.stage, failure.exit_code, failure.cause) == ("unknown", 0, None)
    assert failure.message.startswith("the engine ended with exit code 0 and no report. Last log line: ")
    assert failure.message.endswith("INFO: loading")


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        (Execution(exit_code=0), "the engine ended with exit code 0 and no report. Last log line: last"),
        (Execution(exit_code=3), "the engine ended with exit code 3 and no report. Last log line: last"),
        (Execution(exit_code=-9), "killed by SIGKILL: sent by a user, or by the system when memory ran out"),
        (Execution(exit_code=-11), "killed by SIGSEGV"),
        (Execution(exit_code=-99), "killed by signal 99"),
        (
            Execution(exit_code=-15, timed_out=True),
            "timed out after 9 s. If the run is expected to take longer, increase --timeout.",
        ),
    ],
)
def test_how_an_engine_ended_is_told_in_words(execution: Execution, message: str) -> None:
    assert explain(execution, timeout_s=9, log_tail="first\nlast\n") == message


def test_an_engine_that_said_nothing_has_an_empty_log_and_no_last_words() -> None:
    message = explain(Execution(exit_code=1), timeout_s=9, log_tail="\n")
    assert message == "the engine ended with exit code 1 and no report. Last log line: (the log is empty)"
