"""``verify``: a bundle checked, offline and from the file alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.contract.log_line import safe_line
from energy_score.contract.plain_text import counted, format_json
from energy_score.host.cli import help_page

if TYPE_CHECKING:
    from energy_score.reports.submission.verify import Verification


@help_page.command("verify", examples=[("submission.zip", "check every figure of a bundle")])
@click.option(
    "--signer",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PUBKEY",
    help="Public key that the bundle must be signed with (OpenSSH or PEM).",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def command(context: click.Context, *, signer: Path | None, as_json: bool, file: Path) -> None:
    """Check a bundle: every file, and every figure, verdict and star, derived again from the raw readings.

    Nothing is unpacked to disk, and no network is used. docs/submission.md says what this proves and what it does not.

    Exit codes: 0 verified, 1 something differs, 2 not a bundle, 3 a package is missing.
    """
    from energy_score.reports.submission.verify import verify_file

    key = None
    if signer is not None:
        from energy_score.reports.submission.signature import read_public_key

        key = read_public_key(signer)
    verification = verify_file(file, signer=key)
    if as_json:
        click.echo(format_json(_as_object(verification)))
    else:
        _tell(file, verification)
    context.exit(ExitCode.OK if verification.is_verified else ExitCode.SOME_RUNS_FAILED)


def _tell(file: Path, verification: "Verification") -> None:
    from energy_score.reports.submission.records import in_words

    for found in verification.findings:
        click.echo(f"differs: {safe_line(str(found))}")
    for note in verification.notes:
        click.echo(f"note: {safe_line(note)}", err=True)
    if not verification.is_verified:
        click.echo(f"{file}: NOT verified: {counted(len(verification.findings), 'finding')}")
        return
    for run in verification.manifest.runs if verification.manifest else ():
        click.echo(safe_line(in_words(run)))
    click.echo(f"signature: {safe_line(verification.signature)}")
    click.echo(f"{file}: verified")


def _as_object(verification: "Verification") -> dict[str, Any]:
    manifest = verification.manifest
    return {
        "verified": verification.is_verified,
        "findings": [
            {"file": found.file, "field": found.field, "message": found.message} for found in verification.findings
        ],
        "notes": verification.notes,
        "signature": verification.signature,
        "manifest": None if manifest is None else manifest.model_dump(mode="json"),
    }
