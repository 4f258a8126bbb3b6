"""``run``: run one model, its files directly in the results directory."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from debug_logger import configure_console
from energy_score import version_line
from energy_score.contract.errors import ExitCode
from energy_score.contract.plain_text import format_json
from energy_score.contract.run_directory import run_name
from energy_score.host.batch.attempt import end_on_sigterm
from energy_score.host.batch.progress import open_progress
from energy_score.host.cli import help_page
from energy_score.host.cli.option_types import WholeNumber, refuse_spreadsheet
from energy_score.host.cli.options import (
    events_option,
    executor_options,
    load_options,
    measurement_options,
    preflight_option,
)
from energy_score.host.cli.parameters import executor_options_from
from energy_score.host.cli.printed_results import print_rows
from energy_score.host.single_run.composition import compose
from energy_score.host.single_run.order import resolve_single_order, samples_of
from energy_score.host.single_run.run import SingleRun, run
from energy_score.reports.results_table.result_row import ResultRow
from parameter_handler import ParameterHandler, RunOptions

_HYDRA_FLAGS = (
    "--config-path",
    "-cp",
    "--config-dir",
    "-cd",
    "--multirun",
    "-m",
    "--cfg",
    "-c",
    "--resolve",
    "--package",
    "-p",
    "--info",
    "-i",
    "--run",
    "-r",
    "--hydra-help",
    "--shell-completion",
    "-sc",
    "--experimental-rerun",
)


@dataclass(frozen=True)
class Defaults:
    """The values of a run that names no others; None for the whole dataset."""

    query_count: int | None = 10


def _refuse_hydra_flag(_context: click.Context, _option: click.Parameter, value: object) -> None:
    if value is not None:
        raise click.UsageError(
            "Hydra's own flags (--multirun, --config-path, --cfg and the like) are not supported. "
            "Use --config-name (-cn) and key=value."
        )


@help_page.command(
    "run",
    examples=[
        ("Qwen/Qwen3-0.6B -n 20", "a quick trial of one model"),
        ("./my-model --config-name summarization", "a local model and another task"),
        ("Qwen/Qwen3-0.6B scenario.reasoning=True", "with reasoning on"),
    ],
)
@click.option(
    "--config-name",
    "-cn",
    default="text_generation",
    show_default=True,
    metavar="NAME",
    help="Configuration of the task: text_generation, summarization, asr, …",
)
@click.option(
    "--num-prompts",
    "-n",
    "--num-samples",
    "query_count",
    type=WholeNumber(min=1),
    metavar="N",
    help="Queries to run, as scenario.num_samples.  [default: 10; in the image, all]",
)
@load_options
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default="./results",
    metavar="DIR",
    show_default=True,
    envvar="RESULTS_DIR",
    show_envvar=True,
    help="Where the files of the run are written. Those of an earlier run are moved to aside/.",
)
@measurement_options
@executor_options
@preflight_option
@click.option("--dry-run", is_flag=True, help="Show the specification of the run, and exit.")
@events_option
@click.option(
    *_HYDRA_FLAGS,
    "hydra_flag",
    is_flag=False,
    flag_value="",
    hidden=True,
    expose_value=False,
    is_eager=True,
    callback=_refuse_hydra_flag,
)
@click.option("--model", metavar="MODEL", help="Model to run, the same as backend.model=MODEL.")
@click.argument("keys", nargs=-1, type=click.UNPROCESSED, metavar="[MODEL] KEY=VALUE...")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    model: str | None,
    keys: Sequence[str],
    **parameters: Any,
) -> None:
    """Run one MODEL, a Hub id or a folder. Settings of its configuration can be changed by key=value.

    \b
    Keys:
      backend.{model,processor,task,no_weights}
      backend.{device,device_ids,device_map,torch_dtype}
      scenario.{dataset_name,text_column_name,num_samples,truncation}
      scenario.{reasoning,reasoning_params.NAME}
      scenario.generate_kwargs.{max_new_tokens,min_new_tokens}
      scenario.input_shapes.batch_size

    Exit codes: 0 done, 1 the run failed, 2 usage or configuration, 3 environment, 130 interrupted.
    """  # noqa: D301 - click's sign for lines that stay as they are
    defaults = context.find_object(Defaults) or Defaults()
    context.exit(run_one(parameters, _as_keys(keys, model), defaults=defaults))


def _as_keys(words: Sequence[str], model: str | None) -> list[str]:
    """Return the words as key=value; a word without ``=``, a folder, and --model name the model.

    Raises:
        click.UsageError: More than one model is named, or something that is not a model.
    """
    models = [word for word in words if _is_model(word)] + ([] if model is None else [model])
    if len(models) > 1:
        raise click.UsageError(f"{' and '.join(models)} are {len(models)} models. Name one; --csv runs several.")
    for name in models:
        refuse_spreadsheet(name, f"To run it: {help_page.PROGRAM} --csv {name}")
        if "/" not in name and Path(name).is_dir():
            raise click.UsageError(f"{name} is a Hub id, and a folder here has the same name. For the folder: ./{name}")
    return [f"backend.model={name}" for name in models] + [word for word in words if not _is_model(word)]


def _is_model(word: str) -> bool:
    return word.startswith(("./", "../", "/")) or not ("=" in word or word.startswith("~"))


def run_one(parameters: Mapping[str, Any], keys: Sequence[str], *, defaults: Defaults) -> ExitCode:
    """Run one model as the command line asks; the exit code of the program.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    configure_console(logging.WARNING)
    end_on_sigterm()
    click.echo(version_line(), err=True)
    asked = _single_run(parameters, keys, defaults)
    if parameters["dry_run"]:
        spec = asked.resolve().spec
        click.echo(format_json(spec.model_dump(mode="json"), indent=None if parameters["as_json"] else 1))
        return ExitCode.OK

    return run(
        asked,
        results=parameters["results"],
        executor_options=executor_options_from(parameters, chosen=parameters["executor"]),
        preflight=not parameters["no_preflight"],
        progress=open_progress(as_json=parameters["as_json"]),
        show_row=_ignore_row if parameters["as_json"] else _print_row,
    )


def _print_row(row: ResultRow) -> None:
    print_rows([row])


def _ignore_row(_row: ResultRow) -> None:
    """Print nothing: the events on standard output hold the row."""


def _single_run(parameters: Mapping[str, Any], keys: Sequence[str], defaults: Defaults) -> SingleRun:
    composition = compose(parameters["config_name"], keys)
    if composition.deprecated is not None:
        click.echo(f"note: --config-name {composition.config_name} is deprecated: {composition.deprecated}", err=True)
    count = samples_of(composition, asked=parameters["query_count"], default=defaults.query_count)
    further = {name: parameters[name] for name in RunOptions.model_fields.keys() & parameters.keys() - {"query_count"}}
    order = resolve_single_order(composition, further, query_count=count, directory=Path.cwd())
    if order.note is not None:
        click.echo(f"note: {order.note}", err=True)
    handler = ParameterHandler(order.options, sheet_directory=Path.cwd(), sheet_name=composition.config_name)
    name = run_name(order.config.model_id, order.config.reasoning_state)
    return SingleRun(order, handler, name=name, run_id=f"{name}_{datetime.now(UTC):%Y%m%d_%H%M%S}")
