"""``preflight``: what can be known of models before any GPU time is spent, without downloading their weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from energy_score.contract.choices import DTYPES
from energy_score.contract.errors import ExitCode, UsageError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.plain_text import counted, format_json
from energy_score.host.batch.earlier_results import EarlierResults
from energy_score.host.batch.plan import PlannedRun, RefusedRun, make_plan, resolve_row, resolved_runs
from energy_score.host.cli import help_page
from energy_score.host.cli.findings_table import show_findings
from energy_score.host.cli.option_types import refuse_spreadsheet
from energy_score.host.cli.options import selection_options
from energy_score.host.cli.parameters import selection_from
from energy_score.host.families.registry import find_family
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.judgement import check_rules
from energy_score.host.preflight.models.loading import load_results
from energy_score.host.preflight.models.reading import hub_absence, read_models
from energy_score.host.preflight.models.rules.rule import Question, model_asked, task_run_like
from energy_score.host.preflight.models.surroundings import surroundings_here, visible_gpus
from energy_score.host.sheet.cells import (
    CellFaultError,
    budget_of,
    model_of,
    parse_model_class,
    parse_reasoning_mode,
    parse_revision,
)
from energy_score.reports.ratings.official import official_file, official_names
from energy_score.shared.tasks.registry import find_task
from parameter_handler import ParameterHandler, RunOptions

# A sheet of sixty rows takes seconds; this is for a Hub that has become slow.
_LIMIT_S = 60.0
_OF_SUBMISSION = {True: ", can be submitted", False: ", cannot be submitted", None: ""}
_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Judged:
    """A row with what every rule found of it; ``facts`` is None if its run spec could not be resolved."""

    planned: "PlannedRun"
    facts: "ModelFacts | None"
    findings: "Sequence[Finding]"

    @property
    def can_run(self) -> bool:
        """Whether nothing says that the run cannot succeed."""
        return not any(finding.bars_run for finding in self.findings)

    @property
    def can_be_submitted(self) -> bool | None:
        """Whether no rule for a run or for a submission fails; None if the Hub, which must have it, was not asked."""
        if self.worst == "fail":
            return False
        return None if self.facts is None or self.facts.where == "cache" or self.facts.absence else True

    @property
    def worst(self) -> str:
        """The worst status that was found."""
        found = {finding.status for finding in self.findings}
        return next(status for status in ("fail", "warn", "pass") if status in found or status == "pass")

    def heading(self) -> str:
        """The row as a reader knows it."""
        config = self.planned.config
        line = f"line {config.line_number}: " if config.line_number else ""
        model_class = f", class {config.model_class}" if config.model_class else ""
        fate = "cannot run" if not self.can_run else "can run" + _OF_SUBMISSION[self.can_be_submitted]
        return f"{line}{self.planned.label} ({config.task}{model_class}): {self.worst}; {fate}"

    def as_object(self) -> dict[str, Any]:
        """All of it, for machines."""
        config = self.planned.config
        return {
            "line": config.line_number or None,
            "model": config.model_id,
            "revision": config.revision,
            "commit": self.facts.commit if self.facts else None,
            "task": config.task,
            "class": config.model_class,
            "reasoning_state": config.reasoning_state,
            "status": self.worst,
            "can_run": self.can_run,
            "can_be_submitted": self.can_be_submitted,
            "findings": [
                {
                    "rule": one.name,
                    "status": one.status,
                    "found": one.found,
                    "remedy": one.remedy,
                    "bars_run": one.bars_run,
                }
                for one in self.findings
            ],
        }


@help_page.command(
    "preflight",
    examples=[
        ("--class A", "class A models of models.csv"),
        ("Qwen/Qwen3-8B --task text_gen", "one model"),
    ],
)
@click.argument("models", nargs=-1, metavar="[MODEL...]")
@selection_options
@click.option("--revision", metavar="REV", help="Commit, branch or tag of MODEL.  [default: main]")
@click.option("--dtype", type=click.Choice(DTYPES), help="Precision of the weights.  [default: the task's]")
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    default="./batch_results",
    metavar="DIR",
    show_default=True,
    help="Results of earlier runs, to find models that were scored already.",
)
@click.option("--all", "show_all", is_flag=True, help="Show rules that pass as well.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list with one object per row.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    models: Sequence[str],
    dtype: Any,
    output_dir: Path,
    show_all: bool,
    as_json: bool,
    **parameters: Any,
) -> None:
    """Check whether models can run and can be submitted, before any GPU time is spent.

    MODEL is a Hub id, its address, or a folder that starts with ./, ../, / or ~. Without MODEL, check the selected rows
    of --csv. Nothing is run, and no weights are downloaded.

    Exit codes: 0 no rule fails, 1 some rule fails, 2 usage, 3 no answer from the Hub, 4 no row matches.
    """
    for model in models:
        refuse_spreadsheet(model, f"To check its rows: {help_page.PROGRAM} preflight --csv {model}")
    options = RunOptions(dtype=dtype)
    plan = _plan_of_models(models, parameters, options) if models else _plan_of_sheet(parameters, options)
    absence = hub_absence() if any(not planned.config.is_local for planned in plan) else None
    rows = list(judged(plan, absence=absence, scored_in=_scored_in(output_dir)))
    if as_json:
        click.echo(format_json([row.as_object() for row in rows], indent=1))
    else:
        _show_rows(rows, whole=show_all or len(rows) == 1, absence=absence)
    _sum_up(rows, absence)
    if any(row.worst == "fail" for row in rows):
        context.exit(ExitCode.SOME_RUNS_FAILED)
    is_known = absence is None and not any(row.facts and row.facts.absence == "unknown" for row in rows)
    context.exit(ExitCode.OK if is_known else ExitCode.ENVIRONMENT)


def judged(
    plan: "Sequence[PlannedRun]", *, absence: str | None, scored_in: "Callable[[ModelConfig], str | None]"
) -> Iterator[Judged]:
    """Each row with its findings; ``absence`` is why the Hub cannot be asked, None if it can."""
    resolved = resolved_runs(plan)
    asked = {planned.name: model_asked(planned.spec) for planned in resolved}
    facts = read_models(asked.values(), hub=absence, limit_s=_LIMIT_S)
    loadable = {
        (model, task_run_like(planned.spec).name): facts[model].commit
        for planned in resolved
        if (model := asked[planned.name]) and (facts[model].index is not None and facts[model].absence is None)
    }
    loaded = load_results(loadable)
    here = replace(surroundings_here(executor="local", gpus=visible_gpus()), scored_in=scored_in)
    for planned in plan:
        if isinstance(planned, RefusedRun):
            refused = Finding("row", "fail", planned.refusal, "see list", bars_run=True)
            yield Judged(planned, None, [refused.safe()])
            continue
        model = asked[planned.name]
        around = replace(here, loaded=loaded.get((model, task_run_like(planned.spec).name)))
        question = Question(facts[model], planned.config, planned.spec, around)
        yield Judged(planned, facts[model], check_rules(question))


def _plan_of_sheet(parameters: dict[str, Any], options: "RunOptions") -> "Sequence[PlannedRun]":

    if parameters["revision"] is not None:
        raise UsageError("--revision is that of a MODEL; a row of a sheet has its column Revision")
    return make_plan(selection_from(parameters), options)


def _plan_of_models(models: Sequence[str], parameters: dict[str, Any], options: "RunOptions") -> "Sequence[PlannedRun]":
    """The models as rows of no sheet, each of one task, class and state."""
    if parameters["model_name"] is not None or parameters["exact"]:
        raise UsageError("--model-name and --exact select rows of a sheet. Use them with --csv, not with MODEL.")
    handler = ParameterHandler(options, sheet_directory=Path.cwd(), sheet_name="MODEL")
    return [
        resolve_row(handler, _config_of(written, parameters), name=f"{number}", run_id=f"preflight_{number}")
        for number, written in enumerate(models)
    ]


def _config_of(written: str, parameters: dict[str, Any]) -> "ModelConfig":

    try:
        model_id, revision = model_of(written)
        asked = parse_revision(parameters["revision"] or "")
        state = parameters["reasoning_state"] or ""
        family = find_family(model_id)
        return ModelConfig(
            model_id=model_id,
            priority=None,
            model_class=parse_model_class(parameters["model_class"] or ""),
            task=find_task(parameters["task"] or "text_gen").name,
            reasoning_state=state,
            reasoning_mode=parse_reasoning_mode(state),
            thinking_budget=budget_of(state),
            use_harmony=family is not None and family.speaks_harmony,
            revision=asked or revision,
            line_number=0,
        )
    except CellFaultError as error:
        raise UsageError(f"MODEL: {error}") from error


def _scored_in(output_dir: Path) -> "Callable[[ModelConfig], str | None]":
    """Where a row has a result: in a published snapshot, or in the results table of ``output_dir``."""
    earlier = []
    for name in official_names():
        with official_file(name) as path:
            earlier.append(EarlierResults(path))
    table = output_dir / "master_results.csv"
    if table.exists():
        earlier.append(EarlierResults(table))
    return lambda config: ", ".join(line for one in earlier if (line := one.find_line(config))) or None


def _show_rows(rows: Sequence[Judged], *, whole: bool, absence: str | None) -> None:
    """Show every row's findings, those that pass only where ``whole``; that the Hub was not asked is said once."""
    of_the_hub_alone = 0
    for row in rows:
        shown = [one for one in row.findings if whole or not (one.status == "pass" or _is_of_absence(one, absence))]
        if not shown and row.worst != "pass":
            of_the_hub_alone += 1
            continue
        click.echo(row.heading())
        show_findings(shown, colours=_COLOURS, indent="  ")
    if of_the_hub_alone:
        click.echo(f"{counted(of_the_hub_alone, 'row')}: nothing else to say without the Hub (--all shows every rule)")


def _is_of_absence(finding: "Finding", absence: str | None) -> bool:
    """Return whether the finding says only that the Hub could not be asked."""
    return absence is not None and finding.name == "exists" and finding.status == "warn"


def _sum_up(rows: Sequence[Judged], absence: str | None) -> None:
    figures = ", ".join(f"{sum(row.worst == status for row in rows)} {status}" for status in _COLOURS)
    running = sum(row.can_run for row in rows)
    submittable = sum(row.can_be_submitted is True for row in rows)
    fates = f"{running} can run, {submittable} can be submitted"
    click.echo(f"{counted(len(rows), 'row')}: {figures}; {fates}", err=True)
    if absence is not None:
        click.echo(f"the Hub could not be asked: {absence}", err=True)
