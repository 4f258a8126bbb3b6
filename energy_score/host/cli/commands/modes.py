"""``modes``: how a model's reasoning is switched, found in its chat template, and the sheet rows that ask for it."""

import csv
import io
import sys
from typing import Any

import click

from energy_score.contract.errors import ExitCode, UsageError
from energy_score.contract.log_line import safe_line
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.plain_text import format_json
from energy_score.host.cli import help_page, option_types
from energy_score.host.preflight.models.model_modes import MODES, ModelModes, cell_for, read_modes, state_of
from energy_score.host.sheet.cells import CellFaultError, model_of, parse_revision
from energy_score.reports.terminal_table import print_table
from model_config_parser import REQUIRED_COLUMNS

_KINDS = {
    "switch": "has a switch",
    "always": "always thinks",
    "never": "never thinks",
    "unknown": "undecidable: the chat template shows neither a switch nor thoughts",
}


@help_page.command(
    "modes",
    examples=[
        ("Qwen/Qwen3-8B", "its switches, and sheet rows to paste"),
        ("./my-model --class A", "a local model"),
    ],
)
@click.argument("model")
@click.option("--revision", metavar="REV", help="Commit, branch or tag of MODEL.  [default: main]")
@click.option(
    "--class",
    "model_class",
    type=option_types.model_class,
    default=None,
    metavar="A|B|C",
    help="Class to write into the sheet rows.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_context
def command(
    context: click.Context, /, *, model: str, revision: str | None, model_class: str | None, as_json: bool
) -> None:
    """Show the reasoning modes of MODEL: its switches, its default, the end of each mode's prompt, and sheet rows.

    MODEL is a Hub id, its address, or a folder written with ./, ../, / or ~. Its chat template is read from the
    folder or the Hub cache, or fetched from the Hub; nothing else is downloaded.

    Exit codes: 0 shown, 2 usage, 3 the chat template could not be read.
    """
    option_types.refuse_spreadsheet(model, "Name one model.")
    try:
        model_id, named = model_of(model)
        asked = parse_revision(revision or "") or named
    except CellFaultError as error:
        raise UsageError(f"MODEL: {error}") from error
    modes = read_modes(model_id, revision=asked)
    if as_json:
        click.echo(format_json(_as_object(modes), indent=1))
    else:
        _show(modes, model_class)
    if not modes.was_read:
        context.exit(ExitCode.ENVIRONMENT)


def _show(modes: ModelModes, model_class: str | None) -> None:
    na = modes.decide(ReasoningMode.NOT_APPLICABLE)
    default = _default_of(modes)
    click.echo(f"{modes.model_id}: {_KINDS[na.kind]}{f'; default {default}' if default else ''}")
    for label, text in _sources(modes):
        click.echo(f"  {label:<10}{safe_line(text)}")
    rows = [_row(modes, mode) for mode in (ReasoningMode.NOT_APPLICABLE, *MODES)]
    click.echo()
    print_table(("state", "sent", "prompt ends with", "by", "note"), rows, stream=sys.stdout)
    click.echo(
        "\nRows for a sheet:" if model_class else "\nRows for a sheet (add --class A, B or C for text generation):"
    )
    click.echo(_sheet_rows(modes, model_class), nl=False)


def _sources(modes: ModelModes) -> list[tuple[str, str]]:
    lines = []
    if modes.template is not None:
        findings = modes.findings
        told = findings.fault or (modes.shown or findings).evidence if findings is not None else ""
        lines.append(("template", f"{modes.template.file}: {told}"))
        if findings is not None and findings.prints_date:
            lines.append(("date", "the template prints today's date; runs fix it"))
        if findings is not None and findings.budget_variable:
            lines.append(("budget", f"{findings.budget_variable}=N: On (budget N) in a sheet"))
    else:
        lines.append(("template", f"not known: {modes.absence}"))
    family = modes.family
    if family is not None:
        verified = "" if family.verified else " (not verified)"
        lines.append(("family", f"{family.name}: {family.source}{verified}"))
    return lines


def _default_of(modes: ModelModes) -> str | None:
    shown = modes.shown
    if shown is not None and shown.kind != "unknown":
        return shown.default
    return modes.family.default if modes.family is not None else None


def _row(modes: ModelModes, mode: ReasoningMode) -> tuple[str, ...]:
    decision = modes.decide(mode)
    ending = _ending(modes, mode)
    sent = str(decision.plan) or "nothing"
    notes = "; ".join(dict.fromkeys(decision.notes))
    return (state_of(mode), sent, ending, decision.source, notes)


def _ending(modes: ModelModes, mode: ReasoningMode) -> str:
    """The end of the prompt that the mode's plan makes; empty where the template does not show it."""
    findings = modes.findings
    if findings is None or findings.fault is not None:
        return ""
    plan = modes.decide(mode).plan
    for known, change in findings.changes.items():
        if change.chat_template_kwargs == plan.chat_template_kwargs and change.system_prompt == plan.system_prompt:
            return repr(findings.endings.get(known, ""))
    ending = findings.endings.get(ReasoningMode.NOT_APPLICABLE, "")
    return repr(ending) if not plan.chat_template_kwargs and plan.system_prompt is None else ""


def _sheet_rows(modes: ModelModes, model_class: str | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(REQUIRED_COLUMNS)
    states = [(state_of(mode), cell_for(decision.plan)) for mode, decision in modes.expressible()]
    for state, cell in states or [(state_of(ReasoningMode.NOT_APPLICABLE), "")]:
        writer.writerow((modes.model_id, "1", model_class or "", "text_gen", state, cell))
    return text.getvalue()


def _as_object(modes: ModelModes) -> dict[str, Any]:
    kind = modes.decide(ReasoningMode.NOT_APPLICABLE).kind
    return {
        "model": modes.model_id,
        "kind": kind,
        "default": _default_of(modes),
        "template_file": None if modes.template is None else modes.template.file,
        "absence": modes.absence,
        "findings": None if modes.findings is None else modes.findings.model_dump(mode="json"),
        "family": None if modes.family is None else modes.family.name,
        "modes": [
            {
                "state": state_of(mode),
                "sent": decision.plan.model_dump(mode="json", exclude_defaults=True),
                "expressed": decision.expressed,
                "by": decision.source,
                "notes": decision.notes,
            }
            for mode in (ReasoningMode.NOT_APPLICABLE, *MODES)
            for decision in (modes.decide(mode),)
        ],
    }
