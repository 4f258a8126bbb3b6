"""Check a bundle using only its bytes: its format, its files, and every figure recomputed from raw readings."""

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from energy_score import __version__
from energy_score.contract.errors import BundleRefusedError, RecordError
from energy_score.contract.record import Record
from energy_score.contract.run_directory import RunDirectory
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.reports.ratings.official import official_names, open_snapshot
from energy_score.reports.ratings.rating import rate_against
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.reports.submission.archive import MAX_ARCHIVE_BYTES, read_archive
from energy_score.reports.submission.bundle_manifest import ATTESTATION, BundledRun, BundleManifest, BundleSignature
from energy_score.reports.submission.findings import Finding, differences, finding, strange_values
from energy_score.reports.submission.records import derive_row, make_claims, rated, read_record, read_records
from energy_score.reports.submission.rederive import check_run, strange_records

MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
SNAPSHOT = "snapshot.json"
RUNS = "runs"
_VERSIONS = (1,)


@dataclass(frozen=True)
class Verification:
    """The result of checking a bundle; it is verified if it has no findings.

    ``manifest`` is None if it cannot be read, or contains impossible values. ``signature`` says who signed,
    as far as that was checked; ``notes`` are for the reader and are not errors.
    """

    manifest: BundleManifest | None
    findings: tuple[Finding, ...]
    signature: str
    notes: tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Return whether every file and every figure is correct."""
        return not self.findings


class _Versioned(Record):
    """A manifest of any version: only its version is read."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int


def verify_file(path: Path, *, signer: str | None = None) -> Verification:
    """Check the file at ``path`` as in ``verify_bytes``; no more is read than a bundle can have.

    Raises:
        BundleRefusedError: It cannot be read, or is not a bundle; the message names file, member and rule.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ARCHIVE_BYTES + 1)
    except OSError as error:
        raise BundleRefusedError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return verify_bytes(data, signer=signer)
    except BundleRefusedError as error:
        raise BundleRefusedError(f"{path}: refused: {error}") from error


def verify_bytes(data: bytes, *, signer: str | None = None) -> Verification:
    """Check a bundle's bytes; ``signer`` is the public key that must have signed it.

    Raises:
        BundleRefusedError: It is not a bundle, or not of a version that this program can read.
    """
    members, damaged = read_archive(data)
    findings = [finding(name, "its content does not match its checksum (CRC-32)") for name in damaged]
    if MANIFEST not in members:
        raise BundleRefusedError(f"{MANIFEST}: missing: not a submission bundle")
    try:
        manifest = _manifest(members[MANIFEST])
    except BundleRefusedError as error:
        if MANIFEST not in damaged:
            raise
        return Verification(None, (*findings, finding(MANIFEST, str(error))), "not checked")
    strange = tuple(strange_values(MANIFEST, manifest))
    if strange:  # nothing can be compared with such figures
        return Verification(None, (*findings, *strange), "not checked")
    faults, signature = _check_signature(members, signer=signer)
    findings += [*faults, *_check_manifest(manifest, members)]
    findings += [*_check_files(manifest, members), *_check_places(manifest, members)]
    snapshot_findings, snapshot = _snapshot(manifest, members)
    findings += [*snapshot_findings, *_check_runs(manifest, members, snapshot)]
    return Verification(manifest, tuple(findings), signature, tuple(_notes(manifest)))


def _manifest(content: bytes) -> BundleManifest:
    try:
        version = read_record(_Versioned, content, name=MANIFEST).schema_version
    except RecordError as error:
        raise BundleRefusedError(f"not a bundle manifest: {error}") from error
    if version not in _VERSIONS:
        known = ", ".join(map(str, _VERSIONS))
        raise BundleRefusedError(f"{MANIFEST}: unknown schema_version {version} (expected {known})")
    try:
        return read_record(BundleManifest, content, name=MANIFEST)
    except RecordError as error:
        raise BundleRefusedError(str(error)) from error


def _check_manifest(manifest: BundleManifest, members: Mapping[str, bytes]) -> Iterator[Finding]:
    if manifest.sha256 != manifest.content_digest():
        yield finding(MANIFEST, "changed after it was sealed", field="sha256")
    elif members[MANIFEST] != manifest.as_text().encode():
        yield finding(MANIFEST, "not written by 'bundle': the bytes differ")
    if manifest.attestation != ATTESTATION:
        yield finding(MANIFEST, "the text differs from the required attestation", field="attestation")


def _check_files(manifest: BundleManifest, members: Mapping[str, bytes]) -> Iterator[Finding]:
    """Check that every member is listed once and unchanged; only manifest and signature are not listed."""
    listed = {file.path: file for file in manifest.files}
    if len(listed) != len(manifest.files):
        yield finding(MANIFEST, "a path is listed twice", field="files")
    for name in sorted({*listed, *members} - {MANIFEST, SIGNATURE}):
        if name not in members:
            yield finding(name, f"missing: {MANIFEST} lists it")
        elif name not in listed:
            yield finding(name, f"added: {MANIFEST} does not list it")
        elif len(members[name]) != listed[name].size_bytes:
            yield finding(name, f"changed: {len(members[name])} bytes, but {MANIFEST} says {listed[name].size_bytes}")
        elif hashlib.sha256(members[name]).hexdigest() != listed[name].sha256:
            yield finding(name, f"changed: its SHA-256 does not match {MANIFEST}")


def _check_places(manifest: BundleManifest, members: Mapping[str, bytes]) -> Iterator[Finding]:
    """Check that the manifest lists only files of a run or the snapshot, and that left-out files are absent."""
    layouts = [RunDirectory(Path(run.folder)) for run in manifest.runs]
    homes = tuple(f"{run.folder}/" for run in manifest.runs)
    own = {path.as_posix() for layout in layouts for path in layout.files} | {manifest.snapshot.path}
    others = tuple(f"{layout.optimum_folder.as_posix()}/" for layout in layouts)
    for name in sorted({file.path for file in manifest.files}):
        if name in (MANIFEST, SIGNATURE):
            message = f"{name} is listed, but a manifest does not list itself or its signature"
            yield finding(MANIFEST, message, field="files")
        elif name not in own and not name.startswith(others):
            because = (
                "not a file that a run writes"
                if name.startswith(homes)
                else ("it does not belong to a run of the bundle")
            )
            yield finding(name, because)
    for name in sorted({left.path for left in manifest.left_out} & set(members)):
        yield finding(name, f"it is present, but {MANIFEST} says that it was left out")


def _check_signature(members: Mapping[str, bytes], *, signer: str | None) -> tuple[list[Finding], str]:
    """Return the errors of the signature, and a text that says who signed."""
    if SIGNATURE not in members:
        return ([finding(SIGNATURE, "missing: the bundle is not signed")] if signer else []), "unsigned"
    try:
        signature = read_record(BundleSignature, members[SIGNATURE], name=SIGNATURE)
    except RecordError as error:
        return [_make_damage_finding(error)], "invalid"
    if members[SIGNATURE] != signature.as_text().encode():
        return [finding(SIGNATURE, "not written by 'bundle': the bytes differ")], "invalid"
    if signer is None and importlib.util.find_spec("cryptography") is None:
        return [], "signed, not checked: this needs the extra 'signing'"
    fault, in_words = _signed_by(signature, members[MANIFEST], signer=signer)
    return ([fault] if fault else []), in_words


def _signed_by(signature: BundleSignature, manifest: bytes, *, signer: str | None) -> tuple[Finding | None, str]:
    from energy_score.reports.submission.signature import is_valid  # noqa: PLC0415 - of an extra

    key = signature.public_key
    if not is_valid(signature, manifest):
        message = f"invalid: its key did not sign this {MANIFEST}"
        return finding(SIGNATURE, message, field="signature"), "invalid"
    if signer is None:
        return None, f"signed by {key}, not checked against a --signer"
    if key != signer:
        return finding(
            SIGNATURE, f"signed by another key: found {key}, expected {signer}", field="public_key"
        ), "another key"
    return None, f"signed by the expected key, {signer}"


def _snapshot(manifest: BundleManifest, members: Mapping[str, bytes]) -> tuple[list[Finding], CohortSnapshot | None]:
    """Return the snapshot that stars are relative to, or None and a finding if it is not available."""
    stated = manifest.snapshot
    if stated.path is None:
        if stated.name not in official_names():
            known = ", ".join(official_names())
            message = f"{stated.name} is not a published snapshot (expected one of: {known})"
            return [finding(MANIFEST, message, field="snapshot.name")], None
        source, snapshot = f"the published snapshot {stated.name}", open_snapshot(stated.name)
    else:
        if stated.path != SNAPSHOT or SNAPSHOT not in members:
            return [finding(SNAPSHOT, f"missing: {MANIFEST} names it", field="snapshot.path")], None
        try:
            source, snapshot = SNAPSHOT, read_record(CohortSnapshot, members[SNAPSHOT], name=SNAPSHOT)
        except RecordError as error:
            return [_make_damage_finding(error)], None
        strange = list(strange_values(SNAPSHOT, snapshot))
        if strange:
            return strange, None
        if snapshot.official:
            message = "it claims to be official, but published snapshots are included in this program, not in a bundle"
            return [finding(SNAPSHOT, message, field="official")], None
    fields = {"name", "issued", "official", "sha256"}
    said, is_so = stated.model_dump(include=fields), snapshot.seal().model_dump(include=fields)
    return list(differences(MANIFEST, said, is_so, source=source, field="snapshot")), snapshot


def _check_runs(
    manifest: BundleManifest, members: Mapping[str, bytes], snapshot: CohortSnapshot | None
) -> Iterator[Finding]:
    folders = [run.folder for run in manifest.runs]
    if len(set(folders)) != len(folders):
        yield finding(MANIFEST, "a folder is listed twice", field="runs")
        return
    # Keep only this of each recomputed run: a record can take about ten times its size in memory.
    derived: list[tuple[int, ResultRow, BundledRun]] = []
    folder_of: dict[str, str] = {}
    for index, run in enumerate(manifest.runs):
        try:
            records = read_records(run.folder, members)
        except RecordError as error:
            yield _make_damage_finding(error)
            continue
        strange = list(strange_records(records))
        if strange:
            yield from strange
            continue
        yield from check_run(records, members)
        first = folder_of.setdefault(records.spec.run_id, run.folder)
        if first != run.folder:
            yield finding(MANIFEST, f"the same run as {first}, {records.spec.run_id}", field=f"runs[{index}].run_id")
        row = derive_row(records)
        derived.append((index, row, make_claims(records, row)))
    if snapshot is not None:
        yield from _check_claims(manifest.runs, derived, snapshot)


def _check_claims(
    runs: Sequence[BundledRun], derived: Sequence[tuple[int, ResultRow, BundledRun]], snapshot: CohortSnapshot
) -> Iterator[Finding]:
    """Check that the manifest's claims match the run's readings, and its stars the snapshot."""
    ratings = rate_against([row for _, row, _ in derived], snapshot)
    for (index, _, claims), rating in zip(derived, ratings, strict=True):
        yield from differences(
            MANIFEST,
            runs[index].model_dump(mode="json"),
            rated(claims, rating).model_dump(mode="json"),
            source=f"the files in {claims.folder}",
            field=f"runs[{index}]",
        )


def _make_damage_finding(error: RecordError) -> Finding:
    """Return a finding for a member that is not a valid record; its message starts with the member's name."""
    file, _, fault = str(error).partition(": ")
    return finding(file, fault)


def version_notes(manifest: BundleManifest) -> Iterator[str]:
    """Yield a note for each other version of the program that was used for the bundle."""
    others = {"made": manifest.tool_version} | {
        f"{run.folder} was measured": run.tool_version or "unknown" for run in manifest.runs
    }
    for what, version in others.items():
        if version != __version__:
            yield (
                f"{what} by version {version} and checked by {__version__}: if rules changed between the two, "
                "figures and verdicts can differ for that reason alone"
            )


def _notes(manifest: BundleManifest) -> Iterator[str]:
    yield from version_notes(manifest)
    for file in manifest.left_out:
        yield f"left out: {file.path}: {file.because}"
    for run in manifest.runs:
        if not run.verdict.rateable:
            codes = ", ".join(reason.code for reason in run.verdict.reasons if reason.severity == "invalid")
            yield f"not rateable: {run.folder}: {codes or run.verdict.status}"
