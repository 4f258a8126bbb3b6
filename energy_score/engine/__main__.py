"""The engine's process: ``python -m energy_score.engine --spec run_spec.json --output DIR``.

Events go to standard output, one JSON object per line; the log goes to standard error.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from energy_score.contract.errors import EnergyScoreError, ExitCode
from energy_score.contract.log_line import LineFormatter
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import RunFailure
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.stopping import StopRequest

log = logging.getLogger("energy_score.engine")


def main() -> int:
    """Run one spec and return the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m energy_score.engine", description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="the run_spec.json to run")
    parser.add_argument("--output", type=Path, required=True, help="the run directory for the output")
    parser.add_argument(
        "--gpus", default="", metavar="UUID,…", help="the GPUs that were given to the run and must be visible here"
    )
    parser.add_argument(
        "--end-with-stdin",
        action="store_true",
        help="exit when standard input closes, which means that the owner is gone",
    )
    arguments = parser.parse_args()
    console = logging.StreamHandler()
    console.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[console])
    stop = StopRequest()
    stop.listen()
    if arguments.end_with_stdin:
        threading.Thread(target=_die_with_stdin, daemon=True).start()
    _quieten_libraries()
    try:
        spec = RunSpec.read(arguments.spec)
    except EnergyScoreError as error:
        log.error("%s", error)  # noqa: TRY400 - the message is written for the user
        return ExitCode.USAGE
    given = tuple(uuid for uuid in arguments.gpus.split(",") if uuid)
    return _carry_out(spec, RunDirectory(arguments.output), given, stop)


def _carry_out(spec: RunSpec, directory: RunDirectory, gpu_uuids: tuple[str, ...], stop: StopRequest) -> int:
    from energy_score.engine.run import Run  # noqa: PLC0415 - after the environment is set

    run = Run(spec=spec, directory=directory, gpu_uuids=gpu_uuids, stop=stop)
    try:
        report = run.execute()
    except (KeyboardInterrupt, Exception) as error:  # the only blind catch of the engine: every end leaves a record
        log.debug("stage=%s failed", run.stage, exc_info=True)
        if stop.asked or isinstance(error, KeyboardInterrupt):
            _record_failure(run.directory, spec, "interrupted", "stopped before the end", ExitCode.INTERRUPTED)
            return ExitCode.INTERRUPTED
        if not isinstance(error, EnergyScoreError):
            log.exception("unexpected error")
        message = " ".join(str(error).split()) or type(error).__name__
        code = error.exit_code if isinstance(error, EnergyScoreError) else ExitCode.SOME_RUNS_FAILED
        _record_failure(run.directory, spec, run.stage, message, code)
        return code
    log.info("done: rateable=%s reasons=%s", report.verdict.rateable, _codes(report.verdict.reasons))
    return ExitCode.OK


def _record_failure(directory: RunDirectory, spec: RunSpec, stage: str, message: str, exit_code: int) -> None:
    log.error("%s", message)
    failure = RunFailure.model_validate(
        {
            "run_id": spec.run_id,
            "spec_identity": spec.identity(),
            "stage": stage,
            "exit_code": exit_code,
            "message": message,
            "failed_at": datetime.now(UTC),
        }
    )
    try:
        failure.write(directory.failure_file)
    except OSError as error:  # a full disk: the host has a reserve and writes the record itself
        log.error("could not record the failure: %s", error)  # noqa: TRY400


def _codes(reasons: tuple[object, ...]) -> str:
    return ",".join(str(getattr(reason, "code", "")) for reason in reasons) or "none"


def _die_with_stdin() -> None:
    """Kill the whole process group when the owner is gone: an orphan would spoil the next run's energy."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    if os.getpgrp() == os.getpid():  # the engine's own group, which every executor creates
        os.killpg(0, signal.SIGKILL)
    os._exit(128 + signal.SIGKILL)  # as the first process of a container it cannot kill itself


def _quieten_libraries() -> None:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


if __name__ == "__main__":
    sys.exit(main())
