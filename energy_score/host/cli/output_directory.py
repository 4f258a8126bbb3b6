"""The output directory of an existing batch, as an argument or as --output-dir."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from energy_score.contract.errors import UsageError

_DEFAULT = Path("./batch_results")
_FOLDER = click.Path(path_type=Path, file_okay=False)


def output_dir_argument(command: Callable[..., None]) -> Callable[..., None]:
    """Add the output directory, which is passed on as ``output_dir``: DIR or --output-dir, not both."""

    @click.argument("directory", required=False, metavar="[DIR]", type=_FOLDER)
    @click.option(
        "--output-dir",
        type=_FOLDER,
        metavar="DIR",
        help="Output directory of the batch, the same as DIR.  [default: ./batch_results]",
    )
    @functools.wraps(command)
    def with_directory(*arguments: Any, directory: Path | None, output_dir: Path | None, **options: Any) -> None:
        if directory is not None and output_dir is not None:
            raise click.UsageError(f"{directory} and --output-dir {output_dir} name two directories. Use one of them.")
        command(*arguments, output_dir=directory or output_dir or _DEFAULT, **options)

    return with_directory


def with_runs(output_dir: Path) -> Path:
    """Return ``output_dir``.

    Raises:
        UsageError: It has no run directories.
    """
    if not (output_dir / "individual_runs").is_dir():
        raise UsageError(f"{output_dir}: no batch has run here (no individual_runs). Name a batch's output directory.")
    return output_dir
