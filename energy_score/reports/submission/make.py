"""Runs made into a bundle: the files, what is claimed of them, and the whole verified before it is anybody's."""

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
from energy_score.reports.submission.archive import MAX_MEMBER_BYTES, NAME_RULE, archive_of, is_member_name
from energy_score.reports.submission.bundle_manifest import (
    ATTESTATION,
    BundledFile,
    BundledRun,
    BundledSnapshot,
    BundleManifest,
    LeftOutFile,
)
from energy_score.reports.submission.records import BundledRecords, claims_of, derived_row, rated, read_records
from energy_score.reports.submission.rederive import strange_records
from energy_score.reports.submission.run_files import files_of
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
    """A bundle, verified: its manifest and the bytes of its archive."""

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
    """The bundle of the runs, by the names that their folders have in it; equal files give equal bytes.

    ``against`` is the name or the file of the snapshot that stars are relative to. ``sign`` gives the text of
    ``signature.json`` for the bytes of the manifest.

    Raises:
        UsageError: a run cannot be handed in; every one that is not done, or not rateable (unless ``unrateable``), is
            named, and so is a file that is a link, holds an access token, or says what the others contradict.
        RecordError: a record of a run is damaged.
    """
    members, left_out = _collect(directories, with_texts=with_texts)
    records = [read_records(f"{RUNS}/{name}", members) for name in directories]
    faults = [str(fault) for one in records for fault in strange_records(one)]
    if faults:
        raise UsageError("\n".join(faults))
    snapshot = open_snapshot(against).sealed()
    runs = _claims(records, snapshot)
    refused = [f"{run.folder}: not rateable: {_why(run)}" for run in runs if not run.verdict.rateable]
    if refused and not unrateable:
        raise UsageError(
            "\n".join([*refused, "valid are rateable runs; --unrateable puts these in, and the manifest says so"])
        )
    stated, snapshot_member = _stated_snapshot(snapshot)
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
    ).sealed()
    members[MANIFEST] = manifest.as_text().encode()
    if sign is not None:
        members[SIGNATURE] = sign(members[MANIFEST]).encode()
    content = archive_of(members)
    found = verify_bytes(content).findings
    if found:
        head = "the files of these runs contradict each other, and nothing was written:"
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
        files = files_of(directory, f"{RUNS}/{name}", with_texts=with_texts)
        members |= files.members
        left_out += files.left_out
    return members, left_out


def _not_to_hand_in(name: str, directory: RunDirectory) -> str | None:
    """Why the run cannot be in a bundle, before any of its files is read; None where it may be."""
    if not is_member_name(f"{RUNS}/{name}"):
        return f"{directory.path}: not a name that a bundle may hold: {NAME_RULE}"
    if directory.path.is_symlink():
        return f"{directory.path}: a link, and a bundle holds nothing from outside the run directories"
    state = directory.state()
    return (
        None
        if state is RunState.DONE
        else f"{directory.path}: {state.value}: only a run that is done has a result; --run names those to hand in"
    )


def _claims(records: Sequence[BundledRecords], snapshot: CohortSnapshot) -> tuple[BundledRun, ...]:
    rows = [derived_row(one) for one in records]
    ratings = rate_against(rows, snapshot)
    return tuple(rated(claims_of(one, row), rating) for one, row, rating in zip(records, rows, ratings, strict=True))


def _why(run: BundledRun) -> str:
    return ", ".join(reason.code for reason in run.verdict.reasons if reason.severity == "invalid")


def _stated_snapshot(snapshot: CohortSnapshot) -> tuple[BundledSnapshot, dict[str, bytes]]:
    """How the manifest names the snapshot, and its member where it does not come with the program."""
    published = snapshot.name in official_names() and snapshot.sha256 == open_snapshot(snapshot.name).sealed().sha256
    stated = BundledSnapshot(
        name=snapshot.name,
        issued=snapshot.issued,
        official=snapshot.official,
        sha256=snapshot.sha256,
        path=None if published else SNAPSHOT,
    )
    return stated, {} if published else {SNAPSHOT: snapshot.as_text().encode()}


def _refuse_secrets(members: Mapping[str, bytes]) -> None:
    """Return if no member holds an access token, or the value of one of the environment's keys.

    Raises:
        UsageError: some do; their names are told, never what they hold.
    """
    holders = [name for name, content in members.items() if holds_secret(_plain(content).decode(errors="replace"))]
    if holders:
        raise UsageError(
            "\n".join(f"{name}: holds an access token, and nothing was written; make the token invalid, and run again"
                      for name in sorted(holders))
        )  # fmt: skip


def _plain(content: bytes) -> bytes:
    """What ``content`` says, decompressed where it is a gzip file, as far as a member may be large."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as stream:
            return stream.read(MAX_MEMBER_BYTES)
    except (OSError, EOFError, zlib.error):
        return content
