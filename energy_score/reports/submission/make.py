"""Make a bundle from runs: the files and the claims about them, verified before anything is written."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from energy_score import __version__
from energy_score.contract.errors import UsageError
from energy_score.contract.log_line import holds_secret
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.reports.ratings.official import official_names, open_snapshot
from energy_score.reports.ratings.rating import rate_against
from energy_score.reports.submission.archive import MAX_MEMBER_BYTES, NAME_RULE, build_archive, is_member_name
from energy_score.reports.submission.bundle_manifest import (
    ATTESTATION,
    BundledFile,
    BundledRun,
    BundledSnapshot,
    BundleManifest,
    LeftOutFile,
)
from energy_score.reports.submission.records import BundledRecords, derive_row, make_claims, rated, read_records
from energy_score.reports.submission.rederive import strange_records
from energy_score.reports.submission.run_files import select_files
from energy_score.reports.submission.verify import (
    MANIFEST,
    RUNS,
    SIGNATURE,
    SNAPSHOT,
    verify_bytes,
    version_notes,
)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: its manifest and the bytes of its archive."""

    manifest: BundleManifest
    content: bytes


def make_bundle(
    directories: Mapping[str, RunDirectory],
    *,
    against: str,
    with_texts: bool = False,
    unrateable: bool = False,
    sign: Callable[[bytes], str] | None = None,
) -> Bundle:
    """Return the bundle of the runs, named by their folders in it; equal files give equal bytes.

    ``against`` is the name or file of the snapshot that stars are relative to. ``sign`` returns the text of
    ``signature.json`` for the bytes of the manifest.

    Raises:
        UsageError: A run cannot be submitted. The message lists every run that is not done, or not rateable (unless
            ``unrateable``), and files that are links, contain an access token, or contradict the others.
        RecordError: A record of a run is damaged.
    """
    members, left_out = _collect(directories, with_texts=with_texts)
    records = [read_records(f"{RUNS}/{name}", members) for name in directories]
    faults = [str(fault) for one in records for fault in strange_records(one)]
    if faults:
        raise UsageError("\n".join(faults))
    snapshot = open_snapshot(against).seal()
    runs = _claims(records, snapshot)
    refused = [f"{run.folder}: not rateable: {_why(run)}" for run in runs if not run.verdict.rateable]
    if refused and not unrateable:
        raise UsageError(
            "\n".join(
                [*refused, "Only rateable runs can be submitted. Use --unrateable to include these, marked as such."]
            )
        )
    stated, snapshot_member = _describe_snapshot(snapshot)
    members |= snapshot_member
    _refuse_secrets(members)
    manifest = BundleManifest(
        tool_version=__version__,
        attestation=ATTESTATION,
        snapshot=stated,
        runs=runs,
        files=tuple(
            BundledFile(path=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
            for name, content in sorted(members.items())
        ),
        left_out=tuple(left_out),
    ).seal()
    members[MANIFEST] = manifest.as_text().encode()
    if sign is not None:
        members[SIGNATURE] = sign(members[MANIFEST]).encode()
    content = build_archive(members)
    found = verify_bytes(content).findings
    if found:
        head = "The files of these runs contradict each other. Nothing was written:"
        raise UsageError("\n".join([head, *map(str, found), *version_notes(manifest)]))
    return Bundle(manifest, content)


def _collect(
    directories: Mapping[str, RunDirectory], *, with_texts: bool
) -> tuple[dict[str, bytes], list[LeftOutFile]]:
    faults = [fault for name, directory in directories.items() if (fault := _not_to_hand_in(name, directory))]
    if faults:
        raise UsageError("\n".join(faults))
    members: dict[str, bytes] = {}
    left_out: list[LeftOutFile] = []
    for name, directory in directories.items():
        files = select_files(directory, f"{RUNS}/{name}", with_texts=with_texts)
        members |= files.members
        left_out += files.left_out
    return members, left_out


def _not_to_hand_in(name: str, directory: RunDirectory) -> str | None:
    """Return why the run cannot be in a bundle, before any of its files is read; None if it can."""
    if not is_member_name(f"{RUNS}/{name}"):
        return f"{directory.path}: name not allowed in a bundle: {NAME_RULE}"
    if directory.path.is_symlink():
        return f"{directory.path}: is a link, but a bundle contains only files from the run directories"
    state = directory.state()
    return (
        None
        if state is RunState.DONE
        else f"{directory.path}: {state.value}: only finished runs have a result. Select the runs to submit with --run."
    )


def _claims(records: Sequence[BundledRecords], snapshot: CohortSnapshot) -> tuple[BundledRun, ...]:
    rows = [derive_row(one) for one in records]
    ratings = rate_against(rows, snapshot)
    return tuple(rated(make_claims(one, row), rating) for one, row, rating in zip(records, rows, ratings, strict=True))


def _why(run: BundledRun) -> str:
    return ", ".join(reason.code for reason in run.verdict.reasons if reason.severity == "invalid")


def _describe_snapshot(snapshot: CohortSnapshot) -> tuple[BundledSnapshot, dict[str, bytes]]:
    """Return the manifest's entry for the snapshot, and its member if it is not included in the program."""
    published = snapshot.name in official_names() and snapshot.sha256 == open_snapshot(snapshot.name).seal().sha256
    stated = BundledSnapshot(
        name=snapshot.name,
        issued=snapshot.issued,
        official=snapshot.official,
        sha256=snapshot.sha256,
        path=None if published else SNAPSHOT,
    )
    return stated, {} if published else {SNAPSHOT: snapshot.as_text().encode()}


def _refuse_secrets(members: Mapping[str, bytes]) -> None:
    """Return if no member contains an access token, or the value of one of the environment's keys.

    Raises:
        UsageError: Some do; the message has their names, never the content.
    """
    holders = [name for name, content in members.items() if holds_secret(_plain(content).decode(errors="replace"))]
    if holders:
        raise UsageError(
            "\n".join(
                f"{name}: contains an access token. Nothing was written. Revoke the token, and run again."
                for name in sorted(holders)
            )
        )


def _plain(content: bytes) -> bytes:
    """Return ``content``, decompressed if it is a gzip file, up to the size limit of a member."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as stream:
            return stream.read(MAX_MEMBER_BYTES)
    except (OSError, EOFError, zlib.error):
        return content
