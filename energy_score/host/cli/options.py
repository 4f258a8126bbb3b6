"""The command-line options that several commands share. Imports nothing heavy: it is on the way to ``--help``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from energy_score.contract import extensions
from energy_score.contract.choices import BACKENDS, CLUSTER_ENGINES, DTYPES, METER_CHOICES, METER_WITH_FILE, PROTOCOLS
from energy_score.contract.grid import GRID_FACTORS
from energy_score.host.cli.help_page import section
from energy_score.host.cli.option_types import (
    LONGEST_S,
    NumberRange,
    PartName,
    WholeNumber,
    memory_size,
    model_class,
    repeat_count,
    share,
)
from energy_score.host.executors.registry import EXECUTORS

_METERS = tuple(f"{name}:FILE" if name == METER_WITH_FILE else name for name in METER_CHOICES)
# What every generator takes, of numpy, torch and servers.
_LARGEST_SEED = 2**32 - 1
Command = TypeVar("Command", bound=Callable[..., Any])

_selection, _run, _protocol, _backend, _batch, _cluster, _output = (
    section(name) for name in ("Selection", "Run", "Protocol", "Backend", "Batch", "Cluster", "Output")
)

_SELECTION = (
    _selection("--csv", type=click.Path(path_type=Path), default=Path("models.csv"), show_default=True, metavar="FILE",
               help="Models spreadsheet."),
    _selection("--model-name", metavar="TEXT", help="Only models whose id contains TEXT (case-insensitive)."),
    _selection("--class", "model_class", metavar="A|B|C", type=model_class, help="Only rows of this class."),
    _selection("--task", metavar="TEXT", help="Only rows whose task contains TEXT (text_gen, image_gen, …)."),
    _selection("--reasoning-state", metavar="TEXT",
               help="Only rows whose reasoning state contains TEXT: High finds On (High), and so does On."),
    _selection("--exact", is_flag=True, help="Filters match whole cells, not parts (case-insensitive)."),
)

_LOAD = (
    _backend("--backend", "-b", default="pytorch", show_default=True, envvar="BENCHMARK_BACKEND", show_envvar=True,
             type=PartName(BACKENDS, extensions.BACKENDS, is_final=False), help="What runs the models."),
    _backend("--endpoint", "-e", metavar="URL", default="http://localhost:8000/v1", show_default=True,
             envvar="VLLM_ENDPOINT", show_envvar=True, help="Server to send queries to, with --backend vllm."),
    _backend("--managed", is_flag=True,
             help="With --backend vllm: start a server for each row, and stop it afterwards."),
    _backend("--server-command", metavar="COMMAND",
             help="What --managed starts. {model}, {name}, {revision}, {port}, {dtype}, {seed} and {gpu_count} are "
             "filled in.  [default: vllm serve, without prefix caching]"),
    _backend("--concurrency", type=WholeNumber(min=1), default=1, show_default=True, metavar="N",
             help="Queries in flight at a time. Results with more than 1 are not comparable."),
    _backend("--request-timeout", "request_timeout_s", type=NumberRange(min=0.1, max=LONGEST_S), default=600,
             show_default=True, metavar="SECONDS", help="A query fails after this many seconds without data."),
    _backend("--meter-gpu", "meter_gpus", metavar="GPU[,GPU]",
             help="GPUs of the server, by UUID or index.  [default: the GPUs that its processes use]"),
)

_MEASUREMENT = (
    _protocol("--protocol", type=click.Choice(PROTOCOLS),
              help="official: 10 repeats, phases of at least 10 s, idle baseline. quick: one repeat, never rated."
              "  [default: quick with --num-prompts, official for a whole dataset]"),
    _protocol("--repeats", type=repeat_count, metavar="N|auto",
              help="How often each phase is measured. auto: 5 to 20 times, until the 95 % interval is narrow enough."
              "  [default: the protocol's]"),
    _protocol("--ci", "ci_target", type=share, metavar="SHARE",
              help="Where --repeats auto stops: half-width of the 95 % interval as a share of the mean (1% or 0.01)."
              "  [default: 1%]"),
    _protocol("--meter", default="auto", show_default=True,
              type=PartName(_METERS, extensions.METERS, is_final=False), help="How energy is measured."),
    _run("--seed", type=WholeNumber(min=0, max=_LARGEST_SEED), default=42, show_default=True, metavar="N",
         help="Seed of every random generator."),
    _protocol("--warmup", "warmup_query_count", type=WholeNumber(min=0), default=10, show_default=True,
              metavar="N", help="Queries before the first measured one."),
    _protocol("--region", default="world", show_default=True, metavar="NAME",
              help=f"Electricity grid for the CO2 estimate: {', '.join(GRID_FACTORS)}."),
    _run("--strict-modes", is_flag=True,
         help="Refuse rows whose reasoning mode the model cannot express, instead of running its default."),
    _run("--save-text", is_flag=True, help="Keep prompts and answers in texts.jsonl."),
)

_RUN = (
    _output("--output-dir", type=click.Path(path_type=Path, file_okay=False), default="./batch_results",
            show_default=True, metavar="DIR", help="Where results are written."),
    *_LOAD,
    _run("--num-prompts", "-n", "--num-samples", "query_count", type=WholeNumber(min=1), metavar="N",
         help="Queries per run.  [default: the whole dataset]"),
    _run("--prompts-file", type=click.Path(path_type=Path), metavar="FILE",
         help="Queries from a CSV, JSON, JSONL, Parquet or text file, or a folder of images or audio."
         "  [default: the task's dataset on the Hub]"),
    _run("--dataset", metavar="NAME", help="Another dataset of the Hub than the task's own."),
    _run("--text-column", metavar="NAME", help="Column that holds the prompts."),
    _run("--dtype", type=click.Choice(DTYPES), help="Precision of the weights.  [default: the task's]"),
    _run("--new-tokens-off", type=WholeNumber(min=1), metavar="N",
         help="Exact number of new tokens with reasoning off.  [default: the task's; 10 for text generation]"),
    _run("--max-new-tokens-on", type=WholeNumber(min=1), default=8192, show_default=True, metavar="N",
         help="Maximum number of new tokens with reasoning on."),
    _run("--no-weights", is_flag=True, help="Random weights instead of downloading any; never rated."),
    *_MEASUREMENT,
)


_EXECUTOR_DEFAULT = "  [default: docker; local with USE_DOCKER=false or --backend vllm]"
_HERE = (
    _batch("--executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS),
           help=f"Where runs happen: in a container, or in a local process.{_EXECUTOR_DEFAULT}"),
)
_HERE_OR_CLUSTER = (
    _batch("--executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS, further=CLUSTER_ENGINES),
           help=f"Where runs happen: in a container, in a local process, or on a cluster.{_EXECUTOR_DEFAULT}"),
    _cluster("--slurm-arg", "slurm_arguments", multiple=True, metavar="ARG",
             help="Extra argument for sbatch, such as --slurm-arg=-pgpu. Can be repeated."),
    _cluster("--ray-address", metavar="HOST:PORT", envvar="RAY_ADDRESS", show_envvar=True,
             help="Ray cluster.  [default: the one this machine belongs to]"),
    _cluster("--node-executor", type=PartName(tuple(EXECUTORS), extensions.EXECUTORS),
             help=f"How a cluster node executes a run.{_EXECUTOR_DEFAULT}"),
    _cluster("--node-gpus", type=WholeNumber(min=1), metavar="N",
             help="GPUs per node, for class C rows whose model size is unknown."),
)
_LIMITS = (
    _batch("--image", metavar="NAME", default="ai_energy_score", show_default=True, envvar="DOCKER_IMAGE",
           show_envvar=True, help="Container image. Build it with ./build.sh."),
    _batch("--memory", type=memory_size, metavar="SIZE",
           help="Memory limit of each container, such as 48g.  [default: none]"),
    _batch("--timeout", "timeout_s", type=NumberRange(min=1, max=LONGEST_S), default=86400, show_default=True,
           metavar="SECONDS", help="Stop a run after this many seconds."),
    _batch("--gpu-wait", "gpu_wait_s", type=NumberRange(min=0, max=LONGEST_S), default=600, show_default=True,
           metavar="SECONDS", help="How long a run waits for a GPU that another process uses before it fails."),
)


_PREFLIGHT = (
    _batch("--no-preflight", is_flag=True,
           help="Do not check on the Hub first whether the models can run; try every row."),
)
_BATCH = (
    _batch("--jobs", type=WholeNumber(min=1), default=1, show_default=True, metavar="N",
           help="Number of parallel runs, each on its own GPUs."),
    _batch("--gpus", metavar="GPU[,GPU]",
           help="GPUs that the batch may use, by UUID or index.  [default: all visible ones]"),
    _batch("--retry", "retries", type=WholeNumber(min=0), default=0, show_default=True, metavar="N",
           help="Retry runs that were ended by an external cause, up to N times. Configuration errors are not "
           "retried."),
    _batch("--rerun", metavar="failed|all|PATTERN",
           help="Run these again even if they are done. PATTERN is part of a run name or model id."),
    _batch("--fail-fast", is_flag=True, help="Start no further run after the first failure."),
    _batch("--only-new", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
           help="Skip rows that this results table or leaderboard snapshot already has."),
    *_PREFLIGHT,
)

_DRY_RUN = (_batch("--dry-run", is_flag=True, help="Show what would run, and exit."),)

_RESULTS = (
    click.option("--results", type=click.Path(path_type=Path), default="./batch_results", show_default=True,
                 metavar="DIR|FILE", help="Output directory of a batch, or a master_results.csv."),
)

_AGAINST = (
    click.option("--against", metavar="NAME|FILE|own", default="2025-02", show_default=True,
                 help="What stars are relative to: a published snapshot, a snapshot file, or own (only these runs)."),
)


def selection_options(command: Command) -> Command:
    """Add the filters of the documented interface."""
    return _add(_SELECTION, command)


def sheet_argument(command: Command) -> Command:
    """Add the spreadsheet as a plain argument, for commands that run nothing."""
    return _add((click.argument("file", required=False, type=click.Path(path_type=Path)),), command)


def load_options(command: Command) -> Command:
    """Add what generates the load."""
    return _add(_LOAD, command)


def measurement_options(command: Command) -> Command:
    """Add how the energy is measured, whatever runs."""
    return _add(_MEASUREMENT, command)


def run_options(command: Command) -> Command:
    """Add what decides how a row is run, load and measurement included."""
    return _add(_RUN, command)


def executor_options(command: Command) -> Command:
    """Add where one run happens on this machine, and its limits."""
    return _add((*_HERE, *_LIMITS), command)


def batch_executor_options(command: Command) -> Command:
    """Add where the runs of a batch happen, on this machine or on a cluster, and their limits."""
    return _add((*_HERE_OR_CLUSTER, *_LIMITS), command)


def batch_options(command: Command) -> Command:
    """Add how a batch goes through its runs."""
    return _add(_BATCH, command)


def dry_run_option(command: Command) -> Command:
    """Add: show instead of running."""
    return _add(_DRY_RUN, command)


def preflight_option(command: Command) -> Command:
    """Add whether a model is checked before it runs."""
    return _add(_PREFLIGHT, command)


def results_option(command: Command) -> Command:
    """Add where measured results are read from."""
    return _add(_RESULTS, command)


def against_option(command: Command) -> Command:
    """Add what stars are relative to."""
    return _add(_AGAINST, command)


def model_name_option(command: Command) -> Command:
    """Add a filter by model id, for commands that read results."""
    return _add(
        (click.option("--model-name", metavar="TEXT",
                      help="Only models whose id contains TEXT (case-insensitive)."),),
        command,
    )


def site_option(command: Command) -> Command:
    """Add the folder of the leaderboard's website."""
    return _add(
        (click.option("--site", type=click.Path(path_type=Path), default="./site", show_default=True, metavar="DIR",
                      help="Folder of the site, a link to its newest version."),),
        command,
    )


def format_option(command: Command) -> Command:
    """Add ``--format``, as every command that reports something has it, and its alias ``--json``."""
    return _add(
        (
            _output("--format", "form", type=click.Choice(["table", "json", "markdown", "csv"]), default="table",
                    show_default=True, help="How the result is written."),
            _output("--json", "form", flag_value="json", help="The same as --format json."),
        ),
        command,
    )


def events_option(command: Command) -> Command:
    """Add ``--json`` to a command that runs something: events while it runs, then its results."""
    return _add(
        (_output("--json", "as_json", is_flag=True, help="Write events and results as JSON lines to stdout."),),
        command,
    )


def _add(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
