"""What a forger does to a bundle: open it, change a member, and put it together again, with the manifest made anew."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from energy_score.contract.bundle_manifest import BundledFile, BundleManifest
from energy_score.reports.submission.archive import archive_of, read_archive
from energy_score.reports.submission.verify import MANIFEST, verify_bytes

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
    manifest = manifest_of(members).model_copy(update={"files": files, **claims}).sealed()
    return archive_of({**members, MANIFEST: manifest.as_text().encode()})


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


def found(data: bytes) -> list[str]:
    """Every finding, as text."""
    return [str(finding) for finding in verify_bytes(data).findings]
