"""A batch on a cluster: planned here, run on the nodes, followed to its table."""

import shlex
from collections.abc import Sequence
from functools import partial
from types import ModuleType

from energy_score.contract.errors import EnvironmentNotReadyError, ExitCode, RowRefusedError, UsageError
from energy_score.contract.run_directory import RunState
from energy_score.host.batch.choice import Chooser
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.options import BatchOptions, ClusterOptions
from energy_score.host.batch.plan import PlannedRun, ResolvedRun, SelectedRows, select_rows
from energy_score.host.batch.session import BatchEnd, BatchSession
from energy_score.host.cluster.batch import ClusterBatch, open_cluster_batch
from energy_score.host.cluster.gpu_count import gpu_count
from energy_score.host.cluster.ray_batch import RayBatch, connected
from energy_score.host.cluster.slurm import SlurmBatch
from energy_score.host.cluster.slurm_commands import refuse_slurm_arguments, require_slurm
from energy_score.host.cluster.task_list import NodeSettings
from energy_score.host.executors.registry import open_executor
from energy_score.host.preflight.models.surroundings import ELSEWHERE
from energy_score.host.run_specs.placement import Placement


def run_on_cluster(options: BatchOptions, cluster: ClusterOptions) -> BatchEnd:
    """Run one batch on the cluster.

    Raises:
        EnergyScoreError: Nothing could be started; the error has the exit code.
    """
    refuse_slurm_arguments(cluster.slurm_arguments)
    _refuse_shared_endpoint(options, cluster)
    selected = select_rows(options.selection, options.run)
    if cluster.engine == "slurm":
        require_slurm()
        return _run(options, cluster, selected)
    with connected(cluster.ray_address) as ray:
        return _run(options, cluster, selected, ray=ray)


def _run(
    options: BatchOptions, cluster: ClusterOptions, selected: SelectedRows, *, ray: ModuleType | None = None
) -> BatchEnd:
    node = _node_settings(options)
    plan = selected.resolve(Placement(node.image if node.executor == "docker" else None))
    batch = open_cluster_batch(options.output_directory, as_json=options.as_json)
    session = BatchSession(_refuse_unsized(plan, cluster.node_gpus), batch.ledger, batch.live)
    with session.open():
        return _run_opened(session, batch, options, cluster, node=node, ray=ray)


def _run_opened(
    session: BatchSession,
    batch: ClusterBatch,
    options: BatchOptions,
    cluster: ClusterOptions,
    *,
    node: NodeSettings,
    ray: ModuleType | None,
) -> BatchEnd:
    chooser = session.choose(options)
    if options.preflight:
        session.check_models(
            is_pending=partial(_is_new, chooser=chooser, ledger=batch.ledger),
            here=ELSEWHERE,
            sheet_name=options.selection.csv.name,
        )
    session.announce()
    exit_code = None
    try:
        if ray is not None:
            runs = batch.pending_runs(session.plan, chooser, engine="ray")
            RayBatch(ray, batch).run(runs, node=node, node_gpus=cluster.node_gpus)
        else:
            _run_on_slurm(SlurmBatch(batch), session.plan, chooser, node=node, cluster=cluster)
    except KeyboardInterrupt:
        exit_code = ExitCode.INTERRUPTED
    batch.publisher.publish()
    return session.finish(exit_code or batch.exit_code, batch.counts, batch.aggregator)


def _run_on_slurm(
    slurm: SlurmBatch, plan: Sequence[PlannedRun], chooser: Chooser, *, node: NodeSettings, cluster: ClusterOptions
) -> None:
    """Submit what is neither done nor queued, and follow it; on an interrupt, say that Slurm continues."""
    try:
        slurm.take_up(plan)  # before checking what is done: a run can end meanwhile, and must not be submitted again
        runs = slurm.batch.pending_runs(slurm.not_followed(plan), chooser, engine="slurm")
        slurm.submit(runs, node=node, node_gpus=cluster.node_gpus, arguments=cluster.slurm_arguments)
        slurm.follow()
    except KeyboardInterrupt:
        command = f"batch_runner.py %s --output-dir {shlex.quote(str(slurm.batch.ledger.output_directory))}"
        slurm.batch.live.note(
            f"{slurm.under_way_count} runs continue without this program. Run the same command to wait for them, "
            f"{command % 'collect'} to collect the results so far, or {command % 'cancel'} to cancel them."
        )
        raise


def _is_new(planned: ResolvedRun, *, chooser: Chooser, ledger: Ledger) -> bool:
    """Return whether the run is pending and not queued yet: the queue would run what is refused here."""
    return chooser.of(planned).outcome is None and ledger.directory(planned.name).state() is not RunState.PLANNED


def _node_settings(options: BatchOptions) -> NodeSettings:
    """Return the settings for nodes. The image of containers must be known here, because it is part of every spec.

    Raises:
        EnvironmentNotReadyError: No container engine on this machine can identify the image.
    """
    on_node = options.executor
    node = NodeSettings(
        executor=on_node.name,
        image=on_node.image,
        memory=on_node.memory,
        timeout_s=on_node.timeout_s,
        gpu_wait_s=on_node.gpu_wait_s,
    )
    executor = open_executor(node.executor, timeout_s=node.timeout_s, image=node.image, memory=node.memory)
    if node.executor != "docker" or node.image.startswith("sha256:"):
        return node
    try:
        executor.check(backend=options.run.backend)
    except EnvironmentNotReadyError as error:
        raise EnvironmentNotReadyError(
            f"{error} If only the nodes have containers, set the image by its id: --image "
            "sha256:… (docker image inspect --format '{{.Id}}' on a node), or use --node-executor local."
        ) from error
    return node.model_copy(update={"image": executor.image})


def _refuse_unsized(plan: Sequence[PlannedRun], node_gpus: int | None) -> list[PlannedRun]:
    """Return the plan with a refusal for every run whose number of GPUs is unknown."""
    sized: list[PlannedRun] = []
    for planned in plan:
        sized.append(planned)
        if isinstance(planned, ResolvedRun):
            try:
                gpu_count(planned.spec, node_gpus)
            except RowRefusedError as error:
                sized[-1] = planned.refused(str(error))
    return sized


def _refuse_shared_endpoint(options: BatchOptions, cluster: ClusterOptions) -> None:
    if options.run.backend == "vllm" and not options.run.managed:
        raise UsageError(
            f"--endpoint {options.run.endpoint} with --executor {cluster.engine}: a node's meter cannot measure "
            "the GPUs of a server elsewhere. Use --managed to start a server for each run on its node."
        )
