"""A batch on a cluster from the command line: planned here, carried out on the nodes, followed to its table."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from debug_logger import configure_console
from energy_score.contract.errors import EnvironmentNotReadyError, ExitCode, RowRefusedError, UsageError
from energy_score.contract.run_directory import RunState
from energy_score.host.batch.attempt import end_on_sigterm
from energy_score.host.batch.choice import Chooser, open_chooser
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import PlannedRun, ResolvedRun, in_image, make_plan
from energy_score.host.batch.preflight import Preflight, preflighted
from energy_score.host.batch.summary import summary, tell_start
from energy_score.host.cli.options import default_executor, run_options_from, selection_from
from energy_score.host.cli.printed_results import print_results
from energy_score.host.cluster.batch import ClusterBatch, cluster_batch, opened
from energy_score.host.cluster.gpu_count import gpu_count
from energy_score.host.cluster.ray_batch import RayBatch, connected
from energy_score.host.cluster.slurm import SlurmBatch
from energy_score.host.cluster.slurm_commands import refuse_slurm_arguments, require_slurm
from energy_score.host.cluster.task_list import NodeSettings
from energy_score.host.executors.registry import open_executor
from energy_score.host.preflight.models.surroundings import ELSEWHERE


def run_on_cluster(parameters: Mapping[str, Any]) -> ExitCode:
    """Run one batch on the cluster that ``--executor`` names; the exit code of the program.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    configure_console(logging.WARNING)
    end_on_sigterm()
    refuse_slurm_arguments(parameters["slurm_arguments"])
    _refuse_shared_endpoint(parameters)
    plan = make_plan(selection_from(dict(parameters)), run_options_from(dict(parameters)))
    if parameters["executor"] == "slurm":
        require_slurm()
        return _run(parameters, plan)
    with connected(parameters["ray_address"]) as ray:
        return _run(parameters, plan, ray=ray)


def _run(parameters: Mapping[str, Any], plan: Sequence[PlannedRun], *, ray: Any = None) -> ExitCode:  # noqa: ANN401
    node = _node_settings(parameters)
    plan = _sized(in_image(plan, node.image if node.executor == "docker" else None), parameters["node_gpus"])
    batch = cluster_batch(parameters["output_dir"], as_json=parameters["as_json"])
    with opened(batch):
        return _run_planned(parameters, plan, batch, node=node, ray=ray)


def _run_planned(
    parameters: Mapping[str, Any],
    plan: Sequence[PlannedRun],
    batch: ClusterBatch,
    *,
    node: NodeSettings,
    ray: Any,  # noqa: ANN401 - the module
) -> ExitCode:
    chooser = open_chooser(plan, batch.ledger, rerun=parameters["rerun"], only_new=parameters["only_new"])
    preflight = Preflight(plan)
    if not parameters["no_preflight"]:
        preflight = preflighted(
            plan, is_to_do=partial(_is_new, chooser=chooser, ledger=batch.ledger), here=ELSEWHERE,
            sheet_name=parameters["csv"].name,
        )  # fmt: skip
    plan = preflight.plan
    tell_start(batch.live, plan, notes=(*filter(None, [chooser.note]), *preflight.notes))
    interrupted = False
    try:
        if ray is not None:
            runs = batch.pending_runs(plan, chooser, engine="ray")
            RayBatch(ray, batch).run(runs, node=node, node_gpus=parameters["node_gpus"])
        else:
            _run_on_slurm(SlurmBatch(batch), plan, chooser, node=node, parameters=parameters)
    except KeyboardInterrupt:
        interrupted = True
    batch.publisher.publish()
    batch.live.batch_finished(summary(batch.counts, batch.ledger.output_directory, interrupted=interrupted))
    if not parameters["as_json"]:
        print_results(batch.aggregator, batch.ledger, plan)
    return ExitCode.INTERRUPTED if interrupted else batch.exit_code


def _run_on_slurm(
    slurm: SlurmBatch,
    plan: Sequence[PlannedRun],
    chooser: Chooser,
    *,
    node: NodeSettings,
    parameters: Mapping[str, Any],
) -> None:
    """Queue what is neither done nor queued, and follow it; an interrupt leaves it to Slurm, and says so."""
    try:
        slurm.take_up(plan)  # before looking at what is done: a run may end in between, and must not be queued again
        runs = slurm.batch.pending_runs(slurm.not_followed(plan), chooser, engine="slurm")
        arguments, node_gpus = parameters["slurm_arguments"], parameters["node_gpus"]
        slurm.submit(runs, node=node, node_gpus=node_gpus, arguments=arguments)
        slurm.follow()
    except KeyboardInterrupt:
        command = f"batch_runner.py %s --output-dir {shlex.quote(str(slurm.batch.ledger.output_directory))}"
        slurm.batch.live.note(
            f"{slurm.under_way_count} runs go on without this program: the same command waits for them; "
            f"{command % 'collect'} takes in what is there; {command % 'cancel'} ends them"
        )
        raise


def _is_new(planned: PlannedRun, *, chooser: Chooser, ledger: Ledger) -> bool:
    """Whether the run is to do, and not queued already: the queue would carry out what is refused here."""
    return chooser.of(planned).outcome is None and ledger.directory(planned.name).state() is not RunState.PLANNED


def _node_settings(parameters: Mapping[str, Any]) -> NodeSettings:
    """What nodes are told. Of containers the image must be known here, because it is part of every order.

    Raises:
        EnvironmentNotReadyError: no engine of this machine can say which image that is.
    """
    executor = parameters["node_executor"] or default_executor(parameters["backend"])
    node = NodeSettings(
        executor=executor,
        image=parameters["image"],
        memory=parameters["memory"],
        timeout_s=parameters["timeout_s"],
        gpu_wait_s=parameters["gpu_wait_s"],
    )
    opened = open_executor(node.executor, timeout_s=node.timeout_s, image=node.image, memory=node.memory)
    if node.executor == "local" or node.image.startswith("sha256:"):
        return node
    try:
        opened.check(backend=parameters["backend"])
    except EnvironmentNotReadyError as error:
        raise EnvironmentNotReadyError(
            f"{error}; or, where this machine has no containers and the nodes do, name the image by its id: --image "
            "sha256:… (docker image inspect --format '{{.Id}}' on a node), or --node-executor local"
        ) from error
    return node.model_copy(update={"image": opened.image})


def _sized(plan: Sequence[PlannedRun], node_gpus: int | None) -> list[PlannedRun]:
    """The plan with a refusal for every row whose number of GPUs nobody knows."""
    sized: list[PlannedRun] = []
    for planned in plan:
        sized.append(planned)
        if isinstance(planned, ResolvedRun):
            try:
                gpu_count(planned.spec, node_gpus)
            except RowRefusedError as error:
                sized[-1] = planned.refused(str(error))
    return sized


def _refuse_shared_endpoint(parameters: Mapping[str, Any]) -> None:
    if parameters["backend"] == "vllm" and not parameters["managed"]:
        raise UsageError(
            f"--endpoint {parameters['endpoint']} with --executor {parameters['executor']}: a node's meter cannot see "
            "the GPUs of a server elsewhere; valid is --managed: each run starts a server of its own on its node"
        )
