"""Turn what click has parsed into typed options: nothing past here looks a parameter up by its name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from energy_score.contract.choices import CLUSTER_ENGINES
from energy_score.contract.errors import UsageError
from energy_score.host.batch.options import BatchOptions, ClusterOptions, ExecutorOptions
from energy_score.host.batch.plan import Selection
from parameter_handler import RunOptions


def default_executor(backend: str) -> str:
    """A container for each run; none for what only sends queries to a server, whose GPUs the host alone can see."""
    without = os.environ.get("USE_DOCKER", "").strip().lower() in ("false", "0", "no")
    return "local" if without or backend == "vllm" else "docker"


def selection_from(parameters: Mapping[str, Any]) -> Selection:
    """Return the selection that parsed command-line ``parameters`` ask for."""
    return Selection(**{name: parameters[name] for name in Selection.__dataclass_fields__})


def with_sheet(parameters: Mapping[str, Any], file: Path | None) -> dict[str, Any]:
    """Return ``parameters`` with the spreadsheet that was named by a plain argument.

    Raises:
        click.UsageError: --csv names one as well.
    """
    context = click.get_current_context()
    if file is None:
        return dict(parameters)
    if context.get_parameter_source("csv") not in (ParameterSource.DEFAULT, None):
        raise click.UsageError(f"{file} and --csv {parameters['csv']} name two spreadsheets. Use one of them.")
    return {**parameters, "csv": file}


def run_options_from(parameters: Mapping[str, Any]) -> RunOptions:
    """Return the run options that parsed command-line ``parameters`` ask for."""
    return RunOptions(**{name: parameters[name] for name in RunOptions.model_fields if name in parameters})


def executor_options_from(parameters: Mapping[str, Any], *, chosen: str | None) -> ExecutorOptions:
    """Return where a run happens; ``chosen`` is the executor as typed, None for the backend's default."""
    return ExecutorOptions(
        name=chosen or default_executor(parameters["backend"]),
        image=parameters["image"],
        memory=parameters["memory"],
        timeout_s=parameters["timeout_s"],
        gpu_wait_s=parameters["gpu_wait_s"],
    )


def batch_options_from(
    parameters: Mapping[str, Any], *, selection: Selection | None = None, as_json: bool = False
) -> BatchOptions:
    """Return the batch that parsed command-line ``parameters`` ask for; ``selection`` replaces their own.

    Raises:
        UsageError: an option is given that has no meaning where the runs happen.
    """
    cluster = _cluster_options_from(parameters)
    return BatchOptions(
        selection=selection or selection_from(parameters),
        run=run_options_from(parameters),
        executor=executor_options_from(parameters, chosen=parameters["node_executor" if cluster else "executor"]),
        output_directory=parameters["output_dir"],
        cluster=cluster,
        jobs=parameters["jobs"],
        gpus=parameters["gpus"],
        retries=parameters["retries"],
        rerun=parameters["rerun"],
        fail_fast=parameters["fail_fast"],
        only_new=parameters["only_new"],
        preflight=not parameters["no_preflight"],
        as_json=as_json,
    )


def _cluster_options_from(parameters: Mapping[str, Any]) -> ClusterOptions | None:
    """Return the cluster that carries out the runs; None if this machine does."""
    executor = parameters["executor"]
    of_clusters = {
        "slurm_arguments": ("--slurm-arg", ("slurm",)),
        "ray_address": ("--ray-address", ("ray",)),
        "node_executor": ("--node-executor", CLUSTER_ENGINES),
        "node_gpus": ("--node-gpus", CLUSTER_ENGINES),
    }
    for name, (option, executors) in of_clusters.items():
        from_environment = name == "ray_address" and parameters[name] == os.environ.get("RAY_ADDRESS")
        if parameters[name] and executor not in executors and not from_environment:
            raise UsageError(f"{option} has a meaning only with --executor {' or '.join(executors)}")
    if executor not in CLUSTER_ENGINES:
        return None
    of_one_machine = {
        "--jobs": parameters["jobs"] != 1,
        "--gpus": parameters["gpus"] is not None,
        "--retry": parameters["retries"] != 0,
        "--fail-fast": parameters["fail_fast"],
    }
    given = [option for option, is_given in of_one_machine.items() if is_given]
    if given:
        raise UsageError(
            f"{', '.join(given)} with --executor {executor}: the cluster says what runs when, on which GPUs, and takes "
            "up what a lost node left; valid without, or with --executor docker or local"
        )
    return ClusterOptions(
        engine=executor,
        slurm_arguments=tuple(parameters["slurm_arguments"]),
        ray_address=parameters["ray_address"],
        node_gpus=parameters["node_gpus"],
    )
