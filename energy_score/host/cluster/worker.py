"""One task of a cluster: ``python -m energy_score.host.cluster.worker --list FILE --index N --job ENGINE:ID``.

The cluster starts it on the node, inside the allocation, as often as it likes: what is done is never repeated.
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
from energy_score.host.cluster.allocation import find_allocated_gpus, node_name
from energy_score.host.cluster.task_list import TaskList
from energy_score.host.executors.executor import Executor
from energy_score.host.executors.registry import open_executor
from energy_score.host.locks.gpu_leases import open_gpu_leases, wait_for_lease

log = logging.getLogger(__name__)

# Slurm kills what is left 30 s after it asked to stop (KillWait, slurm.conf(5)); our task on Ray does the same.
_GRACE_S = 10.0


def execute(listed: TaskList, index: int, *, job: str) -> None:
    """Execute the run at ``index`` of the list as the job ``job``; its directory always records how it ended.

    Raises:
        RecordError: The run spec cannot be read.
        EnvironmentNotReadyError: Another process is running it.
        KeyboardInterrupt: It was stopped; that is recorded too.
    """
    task, ledger = listed.tasks[index], Ledger(Path(listed.output_directory))
    directory = ledger.directory(task.name)
    spec = directory.spec()
    if spec.run_id != task.run_id:
        log.info("nothing to do: %s has a newer run spec: run_id=%s", directory.path, spec.run_id)
        return
    if is_final(directory):
        log.info("nothing to do: %s is %s", directory.path, directory.state())
        return
    planned, node = ResolvedRun(task.name, directory.config(), spec), listed.node
    with ExitStack() as held:
        try:
            executor = open_executor(node.executor, timeout_s=node.timeout_s, image=node.image, memory=node.memory)
            executor.check(backend=spec.backend)
            gpu_uuids = find_allocated_gpus(spec, count=listed.gpu_count)
            held.enter_context(_hold_leases(gpu_uuids, node.gpu_wait_s))
        except EnergyScoreError as error:
            message, code = f"{node_name()}, {job}: {error}", error.exit_code
            log.error("%s", message)  # noqa: TRY400 - the message is written for the user
            ledger.with_reserve(lambda: ledger.record_failure(planned, stage="start", message=message, exit_code=code))
            return
        held.enter_context(_limit_grace_on_sigterm(executor))
        log.info("job=%s node=%s gpus=%s", job, node_name(), ",".join(gpu_uuids or ()) or "none")
        _warn_about_niceness()
        _start_afresh(ledger, planned, directory, job=job)
        attempt = Attempt(
            ledger=ledger, executor=executor, progress=PlainProgress(), timeout_s=node.timeout_s, cluster_job=job
        )
        attempt.execute_planned(directory, gpu_uuids=gpu_uuids)


@contextmanager
def _hold_leases(gpu_uuids: tuple[str, ...] | None, gpu_wait_s: float) -> Iterator[None]:
    """Hold the GPUs for exclusive use on this machine while the context is open, against all clusters and batches.

    Raises:
        EnvironmentNotReadyError: A foreign process stays on one of them.
    """
    leases = open_gpu_leases(",".join(gpu_uuids)) if gpu_uuids else None
    if leases is None or not gpu_uuids:
        yield
        return
    with leases:
        lease = wait_for_lease(leases, len(gpu_uuids), foreign_wait_s=gpu_wait_s, note=log.warning)
        try:
            yield
        finally:
            lease.release()


@contextmanager
def _limit_grace_on_sigterm(executor: Executor) -> Iterator[None]:
    """Make SIGTERM let the engine finish its query as usual, but for no longer than clusters wait."""

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


def _warn_about_niceness() -> None:
    niceness = os.nice(0)
    if niceness > 0:  # Ray's workers have 15 by default (RAY_worker_niceness), and their children inherit it
        log.warning(
            "this task runs with low CPU priority (niceness %d), so the model may have to wait for the CPU", niceness
        )


def is_final(directory: RunDirectory) -> bool:
    """Return whether the run has ended for good: with a result, or its own failure; an interruption is neither."""
    state = directory.state()
    return state is RunState.DONE or (state is RunState.FAILED and directory.failure().stage != "interrupted")


def _start_afresh(ledger: Ledger, planned: ResolvedRun, directory: RunDirectory, *, job: str) -> None:
    """Move the files of this job's earlier attempt aside, if its node was lost or the job was preempted."""
    earlier = directory.owner()
    if earlier is None:
        return
    if directory.state() is RunState.RUNNING and earlier.cluster_job != job:
        return  # another process's, which may be alive: the attempt will refuse it
    log.info("started again: attempt %d was on %s", earlier.attempt, earlier.process.host)
    earlier.write(ledger.start(planned).owner_file)  # so that attempts keep counting


def main() -> int:
    """Execute one task; return 0 whenever there is a record, so that the cluster does not retry a recorded failure."""
    parser = argparse.ArgumentParser(prog="python -m energy_score.host.cluster.worker", description=__doc__)
    parser.add_argument("--list", type=Path, required=True, help="the list of tasks")
    parser.add_argument("--index", type=int, required=True, help="index of the task, from 0")
    parser.add_argument("--job", required=True, metavar="ENGINE:ID", help="the cluster job that this is")
    parser.add_argument("--end-with-stdin", action="store_true", help="exit when standard input closes")
    arguments = parser.parse_args()
    configure_console(logging.INFO)
    end_on_sigterm()
    if arguments.end_with_stdin:
        threading.Thread(target=_die_with_stdin, daemon=True).start()
    try:
        execute(TaskList.read(arguments.list), arguments.index, job=arguments.job)
    except EnergyScoreError as error:  # the run spec cannot be read, or another process is running it
        log.error("%s", error)  # noqa: TRY400 - as above
        return ExitCode.SOME_RUNS_FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _die_with_stdin() -> None:
    """Exit immediately when the starter is gone, without a record: another attempt may already use the run directory.

    The engine, or its container, notices the end of its own input.
    """
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
