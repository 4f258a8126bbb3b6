"""``bundle``: completed runs as one file to hand in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from energy_score.contract.errors import NothingMatchedError, RecordError, UsageError
from energy_score.contract.log_line import safe_line
from energy_score.contract.plain_text import counted
from energy_score.contract.record import write_bytes_atomically
from energy_score.contract.run_directory import RunDirectory, run_name
from energy_score.host.cli import help_page
from energy_score.host.cli.options import results_option
from results_aggregator import ResultsAggregator

if TYPE_CHECKING:
    from energy_score.reports.submission.bundle_manifest import BundleManifest

# The first bytes of every zip with a member in it.
_ZIP = b"PK\3\4"


@help_page.command(
    "bundle",
    examples=[
        ("submission.zip", "print the attestation; nothing is written"),
        ("submission.zip --model-name Qwen3-8B --i-attest", "all runs of one model"),
    ],
)
@results_option
@click.option("--run", "names", multiple=True, metavar="NAME", help="Bundle this run directory. Can be repeated.")
@click.option("--model-name", metavar="TEXT", help="Only runs whose model id contains TEXT (case-insensitive).")
@click.option(
    "--against",
    metavar="NAME|FILE",
    default="2025-02",
    show_default=True,
    help="What stars are relative to: a published snapshot, or a snapshot file, which is then bundled.",
)
@click.option("--i-attest", is_flag=True, help="Agree to the attestation, which is printed without this option.")
@click.option("--unrateable", is_flag=True, help="Include runs that cannot be rated; the manifest says so.")
@click.option("--with-texts", is_flag=True, help="Include prompts and answers (texts.jsonl).")
@click.option(
    "--sign-key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Sign with this Ed25519 private key (OpenSSH or PEM).",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def command(
    *,
    results: Path,
    names: tuple[str, ...],
    model_name: str | None,
    against: str,
    i_attest: bool,
    unrateable: bool,
    with_texts: bool,
    sign_key: Path | None,
    file: Path,
) -> None:
    """Write completed runs and a manifest to the zip FILE, ready to submit. Check it with 'verify'.

    The same runs always give the same bytes.

    Exit codes: 0 written, 2 a run cannot be submitted or nothing was attested, 3 a package is missing, 4 none matches.
    """
    from energy_score.reports.submission.bundle_manifest import ATTESTATION

    if not i_attest:
        click.echo("\n".join(ATTESTATION))
        raise UsageError("nothing was written. Read the attestation above, and add --i-attest if you agree.")
    from energy_score.reports.submission.make import make_bundle

    try:
        runs = _selected(results, names=names, model_name=model_name)
        _check_place(file, runs)
        sign = None if sign_key is None else _signer(sign_key)
        bundle = make_bundle(runs, against=against, with_texts=with_texts, unrateable=unrateable, sign=sign)
    except RecordError as error:  # a run whose records cannot be read is one that cannot be handed in
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{error.filename or file}: cannot be read: {error.strerror}") from error
    _write(file, bundle.content)
    _tell(file, bundle.manifest)


def _check_place(file: Path, runs: Mapping[str, RunDirectory]) -> None:
    """Return if a bundle may be written to ``file``: only another bundle is ever replaced.

    Raises:
        UsageError: it is among the files of a run, or something else is there.
    """
    for run in runs.values():
        if file.resolve().is_relative_to(run.path.resolve()):
            raise UsageError(f"{file} is inside the run directory {run.path}. Choose a file outside of it.")
    if not file.exists():
        return
    head = b""
    if file.is_file():
        with file.open("rb") as stream:
            head = stream.read(len(_ZIP))
    if head != _ZIP:
        raise UsageError(f"{file} exists and is not a bundle, so it was not replaced. Choose a new file.")


def _write(file: Path, content: bytes) -> None:

    try:
        write_bytes_atomically(file, content)
    except OSError as error:  # whose file is a temporary one beside it
        raise UsageError(f"{file}: cannot be read or written: {error.strerror}") from error


def _selected(results: Path, *, names: tuple[str, ...], model_name: str | None) -> dict[str, RunDirectory]:
    """The run directories that the options choose, by name.

    Raises:
        UsageError: The directory has no runs, or none with a name that is given.
        NothingMatchedError: none is of such a model.
    """
    known = _run_directories(results)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"--run {', '.join(unknown)}: no such run; there are {', '.join(known) or 'none'}")
    chosen = {name: known[name] for name in known if not names or name in names}
    if model_name is not None:
        chosen = {name: one for name, one in chosen.items() if model_name.lower() in one.config().model_id.lower()}
    if not chosen:
        raise NothingMatchedError(f"{results}: none of {len(known)} runs matches")
    return chosen


def _run_directories(results: Path) -> dict[str, RunDirectory]:
    """A batch's run directories by name, or the one run that is in ``results`` itself."""
    one, is_batch = RunDirectory(results), (results / "individual_runs").is_dir()
    if one.report_file.exists() or (one.spec_file.exists() and not is_batch):
        spec = one.spec()
        return {run_name(spec.model_id, spec.reasoning_state): one}
    if not is_batch:
        raise UsageError(
            f"{results}: no runs there (expected a batch's output directory, with individual_runs in it, or the "
            "results directory of one run)"
        )
    return {directory.path.name: directory for directory in ResultsAggregator(results).directories()}


def _signer(key_file: Path) -> Callable[[bytes], str]:
    from energy_score.reports.submission.signature import read_private_key, sign

    key = read_private_key(
        key_file, lambda: click.prompt(f"Passphrase of {key_file}", hide_input=True, err=True, type=str)
    )
    return lambda manifest: sign(manifest, key).as_text()


def _tell(file: Path, manifest: "BundleManifest") -> None:
    from energy_score.reports.submission.records import in_words

    for run in manifest.runs:
        click.echo(safe_line(in_words(run)))
    for left in manifest.left_out:
        click.echo(safe_line(f"left out: {left.path}: {left.because}"), err=True)
    click.echo(f"{file}: {counted(len(manifest.runs), 'run')}, {len(manifest.files)} files, manifest {manifest.sha256}")
