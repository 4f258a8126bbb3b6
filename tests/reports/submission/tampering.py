"""What a forger does to a bundle: open it, change a member, and put it together again, with the manifest made anew."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import rate_against
from energy_score.reports.submission.archive import build_archive, read_archive
from energy_score.reports.submission.bundle_manifest import BundledFile, BundleManifest
from energy_score.reports.submission.records import derive_report, derive_row, make_claims, rated, read_records
from energy_score.reports.submission.verify import MANIFEST, verify_bytes
from energy_score.shared.analysis.energy_files import energy_files

RUN = "runs/openai_gpt-oss-20b_On_High"
REPORT = f"{RUN}/benchmark_report.json"


def opened(data: bytes) -> dict[str, bytes]:
    return read_archive(data)[0]


def manifest_of(members: Mapping[str, bytes]) -> BundleManifest:
    return BundleManifest.of_bytes(members[MANIFEST], name=MANIFEST)


def resealed(members: Mapping[str, bytes], **claims: object) -> bytes:
    """The archive with a manifest that is right about the files as they are now; ``claims`` replace its fields."""
    files = tuple(
        BundledFile(path=name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(members.items())
        if name != MANIFEST
    )
    manifest = manifest_of(members).model_copy(update={"files": files, **claims}).seal()
    return build_archive({**members, MANIFEST: manifest.as_text().encode()})


def with_json(content: bytes, path: str, value: object) -> bytes:
    """The JSON with another value at a path such as ``phases.3.duration_s``."""
    document: Any = json.loads(content)
    *parents, last = path.split(".")
    place = document
    for part in parents:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(document).encode()


def changed(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The bundle with a changed member, and a manifest that was made anew for it."""
    members = opened(data)
    return resealed({**members, name: change(members[name])})


def reforged(
    data: bytes,
    *,
    report: Callable[[Any], object] = lambda report: report,
    spec: Callable[[Any], object] = lambda spec: spec,
    files: Mapping[str, Callable[[bytes], bytes]] | None = None,
    without: Collection[str] = (),
) -> bytes:
    """The bundle by a forger who knows this program: report, order or files changed, and all that follows made anew."""
    members = {name: content for name, content in opened(data).items() if name not in {f"{RUN}/{n}" for n in without}}
    for name, change in (files or {}).items():
        members[f"{RUN}/{name}"] = change(members[f"{RUN}/{name}"])
    order, readings = json.loads(members[f"{RUN}/run_spec.json"]), json.loads(members[REPORT])
    spec(order)
    report(readings)
    new_spec = RunSpec.model_validate_json(json.dumps(order))
    changes = {"spec": order, "spec_identity": new_spec.identity()}
    new_report = derive_report(RunReport.model_validate_json(json.dumps(readings | changes)))
    members |= {f"{RUN}/run_spec.json": new_spec.as_text().encode(), REPORT: new_report.as_text().encode()}
    texts = energy_files(new_report, RunDirectory(Path(RUN)))
    members |= {path.as_posix(): text.encode() for path, text in texts.items()}
    records = read_records(RUN, members)
    row = derive_row(records)
    (rating,) = rate_against([row], open_snapshot("2025-02").seal())
    return resealed(members, runs=(rated(make_claims(records, row), rating),))


def found(data: bytes) -> list[str]:
    """Every finding, as text."""
    return [str(finding) for finding in verify_bytes(data).findings]
