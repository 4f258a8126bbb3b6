"""One task of a cluster: ``python -m energy_score.host.cluster.worker --list FILE --index N --job ENGINE:ID``.

It is started on the node, inside the allocation, as often as the engine sees fit: what is done is never done again.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from debug_logger import configure_console
from energy_score.contract.errors import EnergyScoreError, ExitCode
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.host.batch.attempt import Attempt, end_on_sigterm
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import PlainProgress
from energy_score.host.cluster.allocation import allocated_gpus, node_name
from energy_score.host.cluster.task_list import TaskList
from energy_score.host.executors.executor import Executor
from energy_score.host.executors.registry import open_executor
from energy_score.host.locks.gpu_leases import awaited_lease, open_gpu_leases

log = logging.getLogger(__name__)

# Slurm kills what is left 30 s after it asked to end (KillWait, slurm.conf(5)); so does our task on Ray.
_GRACE_S = 10.0


def execute(listed: TaskList, index: int, *, job: str) -> None:
    """Carry out the run at ``index`` of the list as the job called ``job``; however it ends, its directory says so.

    Raises:
        RecordError: the order cannot be read.
        EnvironmentNotReadyError: another process carries it out.
        KeyboardInterrupt: it was stopped; that is recorded too.
    """
    task, ledger = listed.tasks[index], Ledger(Path(listed.output_directory))
    directory = ledger.directory(task.name)
    spec = directory.spec()
    if spec.run_id != task.run_id:
        log.info("nothing to do: a later order lies in %s: run_id=%s", directory.path, spec.run_id)
        return
    if is_final(directory):
        log.info("nothing to do: %s is %s", directory.path, directory.state())
        return
    planned, node = ResolvedRun(task.name, directory.config(), spec), listed.node
    with ExitStack() as held:
        try:
            executor = open_executor(node.executor, timeout_s=node.timeout_s, image=node.image, memory=node.memory)
            executor.check(backend=spec.backend)
            gpu_uuids = allocated_gpus(spec, count=listed.gpu_count)
            held.enter_context(_leased(gpu_uuids, node.gpu_wait_s))
        except EnergyScoreError as error:
            message, code = f"{node_name()}, {job}: {error}", error.exit_code
            log.error("%s", message)  # noqa: TRY400 - the message is written for the user
            ledger.with_reserve(lambda: ledger.record_failure(planned, stage="start", message=message, exit_code=code))
            return
        held.enter_context(_ended_soon(executor))
        log.info("job=%s node=%s gpus=%s", job, node_name(), ",".join(gpu_uuids or ()) or "none")
        _warn_of_niceness()
        _start_afresh(ledger, planned, directory, job=job)
        attempt = Attempt(
            ledger=ledger, executor=executor, progress=PlainProgress(), timeout_s=node.timeout_s, cluster_job=job
        )
        attempt.execute_planned(directory, gpu_uuids=gpu_uuids)


@contextmanager
def _leased(gpu_uuids: tuple[str, ...] | None, gpu_wait_s: float) -> Iterator[None]:
    """The GPUs are nobody else's on this machine while the context is open, whatever cluster or batch he is of.

    Raises:
        EnvironmentNotReadyError: a foreign process stays on one of them.
    """
    leases = open_gpu_leases(",".join(gpu_uuids)) if gpu_uuids else None
    if leases is None or not gpu_uuids:
        yield
        return
    with leases:
        lease = awaited_lease(leases, len(gpu_uuids), foreign_wait_s=gpu_wait_s, note=log.warning)
        try:
            yield
        finally:
            lease.release()


@contextmanager
def _ended_soon(executor: Executor) -> Iterator[None]:
    """SIGTERM lets the engine finish its query as ever, but for no longer than an engine of clusters waits."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        timer = threading.Timer(_GRACE_S, executor.stop, kwargs={"at_once": True})
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _warn_of_niceness() -> None:
    niceness = os.nice(0)
    if niceness > 0:  # Ray's workers have 15 by default (RAY_worker_niceness), and what they start inherits it
        log.warning(
            "this node gives way to every other process (niceness %d): the model may wait for its CPU", niceness
        )


def is_final(directory: RunDirectory) -> bool:
    """Whether the run has ended for good: with a result, or a failure of its own; being stopped is neither."""
    state = directory.state()
    return state is RunState.DONE or (state is RunState.FAILED and directory.failure().stage != "interrupted")


def _start_afresh(ledger: Ledger, planned: ResolvedRun, directory: RunDirectory, *, job: str) -> None:
    """Keep aside what an earlier attempt of this job left, whose node was lost or which was stopped for another's."""
    earlier = directory.owner()
    if earlier is None:
        return
    if directory.state() is RunState.RUNNING and earlier.cluster_job != job:
        return  # somebody else's, who may be alive: the attempt refuses it by name
    log.info("started again: attempt %d was on %s", earlier.attempt, earlier.process.host)
    earlier.write(ledger.start(planned).owner_file)  # so that attempts are counted on


def main() -> int:
    """Carry out one task; 0 wherever a record was left, so that no engine tries a recorded failure again."""
    parser = argparse.ArgumentParser(prog="python -m energy_score.host.cluster.worker", description=__doc__)
    parser.add_argument("--list", type=Path, required=True, help="the list of tasks")
    parser.add_argument("--index", type=int, required=True, help="which of them, from 0")
    parser.add_argument("--job", required=True, metavar="ENGINE:ID", help="the job of the cluster that this is")
    parser.add_argument("--end-with-stdin", action="store_true", help="die when standard input ends")
    arguments = parser.parse_args()
    configure_console(logging.INFO)
    end_on_sigterm()
    if arguments.end_with_stdin:
        threading.Thread(target=_die_with_stdin, daemon=True).start()
    try:
        execute(TaskList.read(arguments.list), arguments.index, job=arguments.job)
    except EnergyScoreError as error:  # no order that can be read, or somebody else works on it
        log.error("%s", error)  # noqa: TRY400 - as above
        return ExitCode.SOME_RUNS_FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _die_with_stdin() -> None:
    """End at once when the starter is gone, leaving no word: another attempt may have the run directory already.

    The engine, or its container, hears the end of its own input then.
    """
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
