"""A batch on Ray: one task per run, followed until the last; it ends with this process, and a rerun resumes it."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from energy_score.contract.errors import EnvironmentNotReadyError, RecordError
from energy_score.contract.installation import install_command
from energy_score.contract.record import write_atomically, write_bytes_atomically
from energy_score.contract.run_directory import RunDirectory
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.cluster import ray_task
from energy_score.host.cluster.batch import ClusterBatch
from energy_score.host.cluster.task_list import FOLDER, NodeSettings, TaskList, task_lists
from energy_score.host.cluster.worker import is_final
from energy_score.host.preflight.clusters import ray_address, ray_fault

_WAIT_S = 0.3
_LOOK_PERIOD_S = 2.0
# Ray starts tasks in order: those that have started unnoticed are among the first of the remaining ones.
_LOOK_COUNT = 200
# A lost node takes its task with it; Ray restarts the task this many times on another node.
_NODE_LOSSES = 3
# A cancelled run has 30 s to stop what it started.
_CANCEL_S = 45.0


@dataclass
class RayBatch:
    """The Ray part of a cluster batch, on the cluster opened with ``connected``."""

    ray: ModuleType
    batch: ClusterBatch
    _tasks: dict[Any, ResolvedRun] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _looked_s: float = 0.0

    def run(self, runs: Sequence[ResolvedRun], *, node: NodeSettings, node_gpus: int | None = None) -> None:
        """Run ``runs``; each is counted when it has ended.

        Raises:
            KeyboardInterrupt: Stopped by the user; nothing is left running, and interrupted runs have recorded it.
        """
        for left in task_lists(
            self.batch.ledger.output_directory, "ray"
        ):  # of a dead program, whose tasks died with it
            left.file.unlink(missing_ok=True)
        lists: list[TaskList] = []
        try:
            with _probe(self.batch.ledger.output_directory) as (probe_file, probe):
                by_name = {planned.name: planned for planned in runs}
                for listed in self.batch.order(runs, engine="ray", node=node, node_gpus=node_gpus):
                    lists.append(listed)
                    self._submit(listed, by_name, probe_file, probe)
                while self._tasks:
                    self._take_ended(timeout_s=_WAIT_S)
                    self._tell_begun()
                    self.batch.live.beat()
                    self.batch.publisher.publish_if_due()
        except KeyboardInterrupt:
            self._cancel()
            raise
        finally:
            for listed in lists:
                listed.file.unlink(missing_ok=True)

    def _submit(self, listed: TaskList, by_name: Mapping[str, ResolvedRun], probe_file: Path, probe: str) -> None:
        # num_cpus=0: a run is placed by its GPUs. max_calls can only be set here (Ray's remote()).
        remote = self.ray.remote(num_cpus=0, max_retries=_NODE_LOSSES, max_calls=0)(ray_task.execute)
        most = max((node["Resources"].get("GPU", 0) for node in self.ray.nodes() if node["Alive"]), default=0)
        if most < listed.gpu_count:
            self.batch.live.note(
                f"no node of the Ray cluster has {listed.gpu_count} GPUs: {len(listed.tasks)} "
                "runs are waiting for one to join"
            )
        text = listed.model_dump_json()
        for index, task in enumerate(listed.tasks):
            planned = by_name[task.name]
            order = ray_task.RayOrder(
                listed=text,
                index=index,
                probe_file=str(probe_file),
                probe=probe,
                config=planned.config.model_dump_json(),
                spec=planned.spec.model_dump_json(),
            )
            reference = remote.options(num_gpus=listed.gpu_count, name=task.name).remote(
                order, f"ray:{listed.job_name}_{index}"
            )
            self._tasks[reference] = planned

    def _take_ended(self, *, timeout_s: float) -> None:
        """Count the runs whose task has ended, waiting for the first of them."""
        ended, _ = self.ray.wait(list(self._tasks), num_returns=1, timeout=timeout_s)
        for reference in ended:
            planned = self._tasks.pop(reference)
            fault = "its task ended without a result or a failure"
            try:
                files = self.ray.get(reference)
                if files is not None:
                    keep_files(self.batch.ledger.output_directory, planned.name, files)
            except self.ray.exceptions.RayError as error:
                fault = str(error).strip().partition("\n")[0]
            except OSError as error:
                fault = f"its files could not be written here: {error}"
            self._count(planned, fault)

    def _count(self, planned: ResolvedRun, fault: str) -> None:
        """Count the run by the content of its directory; Ray's error only explains why there is nothing in it."""
        directory = self.batch.ledger.directory(planned.name)
        if directory.report_file.exists() or directory.failure_file.exists():
            self.batch.ended(planned)
        else:
            self.batch.record_no_result(planned, f"ray: {fault}. Run the batch again.")

    def _tell_begun(self) -> None:
        if time.monotonic() - self._looked_s < _LOOK_PERIOD_S:
            return
        self._looked_s = time.monotonic()
        for planned in islice(self._tasks.values(), _LOOK_COUNT):
            if planned.name not in self._begun and self.batch.ledger.directory(planned.name).owner_file.exists():
                self._begun.add(planned.name)
                self.batch.report_start(planned)

    def _cancel(self) -> None:
        """Cancel every task and wait for running ones; those that never started remain planned for a rerun."""
        for reference in self._tasks:
            self.ray.cancel(reference, force=False)
        give_up_s = time.monotonic() + _CANCEL_S
        left = list(self._tasks)
        while left and time.monotonic() < give_up_s:
            with suppress(KeyboardInterrupt):  # a second Ctrl-C does not make anything end sooner
                _, left = self.ray.wait(left, num_returns=len(left), timeout=_WAIT_S)
        for planned in self._tasks.values():
            directory = self.batch.ledger.directory(planned.name)
            with suppress(RecordError):
                if directory.failure_file.exists() or is_final(directory):
                    self.batch.ended(planned)


@contextmanager
def connected(address: str | None) -> Iterator[ModuleType]:
    """Return Ray's module, connected to the cluster at ``address``, or to the one in RAY_ADDRESS or on this machine.

    Raises:
        EnvironmentNotReadyError: Ray is not installed, or no cluster answers.
    """
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # nodes have their own environments
    try:
        import ray  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise EnvironmentNotReadyError(
            f"--executor ray needs the package ray, here and on every node. Install it with: {install_command('ray')}"
        ) from error
    address = address if address and address != "auto" else ray_address()
    fault = "no address given, and this machine is not part of a cluster" if address is None else ray_fault(address)
    if fault is None:
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError, SystemExit) as error:
            fault = str(error).strip().partition("\n")[0]  # Ray exits the program if its server does not answer
    if fault is not None:
        raise EnvironmentNotReadyError(
            f"no Ray cluster answers{f' at {address}' if address else ''}: {fault}. Start one (ray start --head "
            "--num-gpus=N, then ray start --address=HEAD:6379 on each node), or set its address with "
            "--ray-address HEAD:6379."
        )
    try:
        yield ray
    finally:
        ray.shutdown()


def keep_files(output_directory: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write the files from a node without our output directory, each atomically and the result last.

    Raises:
        OSError: The disk cannot be written.
    """
    last = RunDirectory(Path("individual_runs") / name).report_file
    inside = (f"individual_runs/{name}/", "logs/")
    for path in sorted(files, key=lambda path: path == str(last)):
        if not path.startswith(inside) or ".." in PurePosixPath(path).parts:
            continue  # files of earlier attempts that a node moved aside stay on that node
        target = output_directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(target, files[path])


@contextmanager
def _probe(output_directory: Path) -> Iterator[tuple[Path, str]]:
    """Create a file that shows a node whether it shares the output directory."""
    folder, probe = output_directory.resolve() / FOLDER, secrets.token_hex(16)
    folder.mkdir(exist_ok=True)
    file = folder / f"probe-{probe[:12]}"
    write_atomically(file, probe)
    try:
        yield file, probe
    finally:
        file.unlink(missing_ok=True)
