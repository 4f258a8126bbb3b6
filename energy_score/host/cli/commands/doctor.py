"""``doctor``: what this machine can do, and what to do about what it cannot."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import click

from energy_score.contract.errors import ExitCode
from energy_score.contract.plain_text import format_json
from energy_score.host.cli import help_page
from energy_score.host.cli.findings_table import show_findings
from energy_score.host.preflight import clusters, devices, files, services, software
from energy_score.host.preflight.check import Check, Probe, gather

# Longer than any single probe waits, so that each can still say what it waited for.
_LIMIT_S = 4.5


def checks(*, csv: Path, output_dir: Path, endpoint: str, image: str) -> Iterator[Check]:
    """What this machine can do, in the order of the table; within 5 s even where nothing answers."""
    probes: dict[str, Probe] = {
        "python": software.python_checks,
        "packages": software.package_checks,
        "optimum environment": software.optimum_checks,
        "torch build": software.torch_build_checks,
        "gpu": devices.gpu_checks,
        "cpu energy counter": devices.cpu_counter_checks,
        "container engine": partial(services.container_checks, image),
        "slurm": clusters.slurm_checks,
        "ray": clusters.ray_checks,
        "endpoint": partial(services.endpoint_checks, endpoint),
        "hub": services.hub_checks,
        "hub token": files.token_checks,
        "disk": partial(files.disk_checks, output_dir),
        "spreadsheet": partial(files.spreadsheet_checks, csv),
    }
    return gather(probes, limit_s=_LIMIT_S)


def can_run(found: Iterable[Check]) -> bool:
    """Whether the docker executor has an engine and its image, or the local one the packages that a run needs."""
    found = list(found)
    has_packages = not any(
        check.status == "missing" and check.name.startswith(("python", "package")) for check in found
    )
    return has_packages or {"container engine", "image"} <= {check.name for check in found if check.status == "ok"}


@help_page.command()
@click.option(
    "--csv",
    type=click.Path(path_type=Path),
    default="models.csv",
    show_default=True,
    metavar="FILE",
    help="Models spreadsheet to look for.",
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    default="./batch_results",
    show_default=True,
    metavar="DIR",
    help="Where results would be written.",
)
@click.option(
    "--endpoint",
    "-e",
    envvar="VLLM_ENDPOINT",
    show_envvar=True,
    default="http://localhost:8000/v1",
    show_default=True,
    metavar="URL",
    help="Server to look for, for --backend vllm.",
)
@click.option(
    "--image",
    envvar="DOCKER_IMAGE",
    show_envvar=True,
    default="ai_energy_score",
    show_default=True,
    metavar="NAME",
    help="Container image to look for.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the findings as a JSON list.")
def doctor(*, csv: Path, output_dir: Path, endpoint: str, image: str, as_json: bool) -> None:
    """Check what this machine can do, and what to do about the rest.

    Exit codes: 0 a run can be executed, with docker or locally, 3 it cannot.
    """
    found = list(checks(csv=csv, output_dir=output_dir, endpoint=endpoint, image=image))
    if as_json:
        click.echo(format_json([check._asdict() for check in found], indent=1))
    else:
        show_findings(found, colours={"ok": "green", "warning": "yellow", "missing": "red"})
    if not can_run(found):
        raise SystemExit(ExitCode.ENVIRONMENT)
