"""The command-line options that several commands share. Imports nothing heavy: it is on the way to ``--help``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from energy_score.contract import extensions
from energy_score.contract.choices import BACKENDS, CLUSTER_ENGINES, DTYPES, METER_CHOICES, METER_WITH_FILE, PROTOCOLS
from energy_score.contract.grid import GRID_FACTORS
from energy_score.host.cli.option_types import (
    LONGEST_S,
    NumberRange,
    PartName,
    WholeNumber,
    model_class,
    repeat_count,
    share,
)
from energy_score.host.executors.registry import EXECUTORS

_METERS = tuple(f"{name}:FILE" if name == METER_WITH_FILE else name for name in METER_CHOICES)
# What every generator takes, of numpy, torch and servers.
_LARGEST_SEED = 2**32 - 1
Command = TypeVar("Command", bound=Callable[..., Any])

_SELECTION = (
    click.option("--csv", type=click.Path(path_type=Path), default=Path("models.csv"), show_default=True,
                 metavar="FILE", help="The models spreadsheet."),
    click.option("--model-name", metavar="S", help="Rows whose model id contains S (any case)."),
    click.option("--class", "model_class", metavar="A|B|C", type=model_class, help="Rows of this class."),
    click.option("--task", metavar="S", help="Rows whose task contains S (text_gen, image_gen, …)."),
    click.option("--reasoning-state", metavar="S",
                 help="Rows whose reasoning state contains S: High finds On (High), On finds it too."),
    click.option("--exact", is_flag=True, help="Filters must match whole cells (any case)."),
)  # fmt: skip

_LOAD = (
    click.option("--backend", "-b", default="pytorch", show_default=True, envvar="BENCHMARK_BACKEND", show_envvar=True,
                 type=PartName(BACKENDS, extensions.BACKENDS, is_final=False), help="What runs the models."),
    click.option("--endpoint", "-e", metavar="URL", default="http://localhost:8000/v1", show_default=True,
                 envvar="VLLM_ENDPOINT", show_envvar=True, help="The endpoint of the vllm backend."),
    click.option("--managed", is_flag=True,
                 help="The vllm backend starts a server of its own for each row, and stops it."),
    click.option("--server-command", metavar="COMMAND",
                 help="What --managed starts; {model}, {name}, {revision}, {port}, {dtype}, {seed} and {gpu_count} are "
                 "filled in.  [default: vllm serve, without prefix caching]"),
    click.option("--concurrency", type=WholeNumber(min=1), default=1, show_default=True, metavar="N",
                 help="Queries under way at a time, at an endpoint; more than 1 is not comparable."),
    click.option("--request-timeout", "request_timeout_s", type=NumberRange(min=0.1, max=LONGEST_S), default=600,
                 show_default=True, metavar="SECONDS", help="An endpoint that says nothing for so long fails a query."),
    click.option("--meter-gpu", "meter_gpus", metavar="GPU[,GPU]",
                 help="The server's GPUs by UUID or index.  [default: those its processes hold]"),
)  # fmt: skip

_MEASUREMENT = (
    click.option("--protocol", type=click.Choice(PROTOCOLS),
                 help="official: 10 repeats, phases of 10 s or more, idle baseline. quick: one repeat, never rateable."
                 "  [default: quick with a number of queries, official with all of the data set]"),
    click.option("--repeats", type=repeat_count, metavar="N|auto",
                 help="Counted repeats of each phase; auto: 5 to 20, until the total's 95 % interval is narrow enough."
                 "  [default: the protocol's]"),
    click.option("--ci", "ci_target", type=share, metavar="SHARE",
                 help="Half-width of that interval, as a share of the mean (1% or 0.01), at which --repeats auto stops."
                 "  [default: 1%]"),
    click.option("--meter", default="auto", show_default=True,
                 type=PartName(_METERS, extensions.METERS, is_final=False), help="The energy meter."),
    click.option("--seed", type=WholeNumber(min=0, max=_LARGEST_SEED), default=42, show_default=True, metavar="N",
                 help="Seed of every random generator."),
    click.option("--warmup", "warmup_query_count", type=WholeNumber(min=0), default=10, show_default=True,
                 metavar="N", help="Queries before the first measured one."),
    click.option("--region", default="world", show_default=True, metavar="NAME",
                 help=f"Electricity grid of the CO2 estimate: {', '.join(GRID_FACTORS)}."),
    click.option("--strict-modes", is_flag=True,
                 help="Refuse rows whose reasoning mode the model cannot express, instead of running its default."),
    click.option("--save-text", is_flag=True, help="Keep rendered prompts and answers in texts.jsonl."),
)  # fmt: skip

_RUN = (
    click.option("--output-dir", type=click.Path(path_type=Path, file_okay=False), default="./batch_results",
                 show_default=True, metavar="DIR", help="Where everything of the batch is written."),
    *_LOAD,
    click.option("--num-prompts", "-n", "--num-samples", "query_count", type=WholeNumber(min=1), metavar="N",
                 help="Queries per run.  [default: all of the data set]"),
    click.option("--prompts-file", type=click.Path(path_type=Path), metavar="FILE",
                 help="Queries from a CSV, JSON, JSONL, Parquet or text file, or a folder of images or audio."
                 "  [default: the task's Hub data set]"),
    click.option("--dataset", metavar="NAME", help="Another Hub data set than the task's own."),
    click.option("--text-column", metavar="NAME", help="The column that holds the prompts."),
    click.option("--dtype", type=click.Choice(DTYPES),
                 help="Precision of the weights.  [default: the task's]"),
    click.option("--new-tokens-off", type=WholeNumber(min=1), metavar="N",
                 help="Exact number of new tokens with reasoning off.  [default: the task's; 10 for text generation]"),
    click.option("--max-new-tokens-on", type=WholeNumber(min=1), default=8192, show_default=True, metavar="N",
                 help="Most new tokens with reasoning on."),
    click.option("--no-weights", is_flag=True, help="Random weights from the configuration alone; never rateable."),
    *_MEASUREMENT,
)  # fmt: skip


_EXECUTOR_DEFAULT = "  [default: docker; local with USE_DOCKER=false or --backend vllm]"
_HERE = (
    click.option("--executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS),
                 help="Where runs happen: one container per run, or a child process of this program."
                 f"{_EXECUTOR_DEFAULT}"),
)  # fmt: skip
_HERE_OR_CLUSTER = (
    click.option("--executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS, further=CLUSTER_ENGINES),
                 help="Where runs happen: one container per run, a child process of this program, or a cluster's node."
                 f"{_EXECUTOR_DEFAULT}"),
    click.option("--slurm-arg", "slurm_arguments", multiple=True, metavar="ARG",
                 help="A further word for sbatch, as --slurm-arg=-pgpu for a partition; may be repeated."),
    click.option("--ray-address", metavar="HOST:PORT", envvar="RAY_ADDRESS", show_envvar=True,
                 help="The Ray cluster.  [default: the one this machine belongs to]"),
    click.option("--node-executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS),
                 help=f"How a cluster's node carries out a run.{_EXECUTOR_DEFAULT}"),
    click.option("--node-gpus", type=WholeNumber(min=1), metavar="N",
                 help="The GPUs of one node: what a class C row gets whose weights' size is not known."),
)  # fmt: skip
_LIMITS = (
    click.option("--image", metavar="NAME", default="ai_energy_score", show_default=True, envvar="DOCKER_IMAGE",
                 show_envvar=True, help="The image of the docker executor; ./build.sh makes it."),
    click.option("--memory", metavar="SIZE", help="Memory limit of each container (48g).  [default: none]"),
    click.option("--timeout", "timeout_s", type=NumberRange(min=1, max=LONGEST_S), default=86400, show_default=True,
                 metavar="SECONDS", help="A run is stopped after this long."),
    click.option("--gpu-wait", "gpu_wait_s", type=NumberRange(min=0, max=LONGEST_S), default=600, show_default=True,
                 metavar="SECONDS", help="A run waits so long for a GPU that a foreign process is on, then fails."),
)  # fmt: skip


_PREFLIGHT = (
    click.option("--no-preflight", is_flag=True,
                 help="Run rows that cannot succeed as well; without it the Hub is asked about each model first."),
)  # fmt: skip
_BATCH = (
    click.option("--jobs", type=WholeNumber(min=1), default=1, show_default=True, metavar="N",
                 help="Runs under way at a time, each with GPUs of its own."),
    click.option("--gpus", metavar="GPU[,GPU]",
                 help="The GPUs that the batch may use, by UUID or index.  [default: the visible ones]"),
    click.option("--retry", "retries", type=WholeNumber(min=0), default=0, show_default=True, metavar="N",
                 help="Further attempts at a run that something from outside ended, never at a wrong order."),
    click.option("--rerun", metavar="failed|all|PATTERN",
                 help="Only these runs, done or not: PATTERN is a part of a run's name or model id."),
    click.option("--fail-fast", is_flag=True, help="Begin no further run once one has failed."),
    click.option("--only-new", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                 help="Skip what this earlier results table or leaderboard snapshot has already."),
    *_PREFLIGHT,
)  # fmt: skip

_DRY_RUN = (click.option("--dry-run", is_flag=True, help="Resolve every selected row, show what would run, and stop."),)

_RESULTS = (
    click.option("--results", type=click.Path(path_type=Path), default="./batch_results",
                 show_default=True, metavar="DIR|FILE",
                 help="A batch's output directory, or a master_results.csv."),
)  # fmt: skip

_AGAINST = (
    click.option("--against", metavar="NAME|FILE|own", default="2025-02", show_default=True,
                 help="What stars are relative to: a published snapshot, a snapshot file, or own: these runs alone."),
)  # fmt: skip


def selection_options(command: Command) -> Command:
    """The filters of the documented interface."""
    return _with(_SELECTION, command)


def sheet_argument(command: Command) -> Command:
    """The spreadsheet as a plain argument, for commands that only look at it."""
    return _with((click.argument("file", required=False, type=click.Path(path_type=Path)),), command)


def load_options(command: Command) -> Command:
    """What generates the load."""
    return _with(_LOAD, command)


def measurement_options(command: Command) -> Command:
    """How the energy is measured, whatever is run."""
    return _with(_MEASUREMENT, command)


def run_options(command: Command) -> Command:
    """What decides how a row is run: load and measurement among it."""
    return _with(_RUN, command)


def executor_options(command: Command) -> Command:
    """Where one run happens on this machine, and its limits."""
    return _with((*_HERE, *_LIMITS), command)


def batch_executor_options(command: Command) -> Command:
    """Where the runs of a batch happen, on this machine or on a cluster, and their limits."""
    return _with((*_HERE_OR_CLUSTER, *_LIMITS), command)


def batch_options(command: Command) -> Command:
    """How a batch goes through its runs."""
    return _with(_BATCH, command)


def dry_run_option(command: Command) -> Command:
    """Resolve and show instead of running."""
    return _with(_DRY_RUN, command)


def preflight_option(command: Command) -> Command:
    """Whether a model is looked at before it is run."""
    return _with(_PREFLIGHT, command)


def results_option(command: Command) -> Command:
    """What has been measured."""
    return _with(_RESULTS, command)


def against_option(command: Command) -> Command:
    """What stars are relative to."""
    return _with(_AGAINST, command)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
