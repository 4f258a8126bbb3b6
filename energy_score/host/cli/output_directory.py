"""The output directory of a batch that has been begun, as the commands that only look at one name it."""

from pathlib import Path

import click

from energy_score.contract.errors import UsageError

output_dir_option = click.option(
    "--output-dir", type=click.Path(path_type=Path, file_okay=False), default="./batch_results",
    show_default=True, metavar="DIR", help="The output directory of the batch.",
)  # fmt: skip


def with_runs(output_dir: Path) -> Path:
    """``output_dir`` itself.

    Raises:
        UsageError: there are no run directories in it.
    """
    if not (output_dir / "individual_runs").is_dir():
        raise UsageError(f"{output_dir}: no individual_runs in it; --output-dir names a batch's output directory")
    return output_dir
