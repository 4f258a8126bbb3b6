"""Facts about a bundle's manifest: it is read as it was written, and the words attested are the project's."""

from pathlib import Path

from energy_score.reports.submission.bundle_manifest import ATTESTATION, BundleManifest

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "bundle_manifest.v1.json"


def test_a_manifest_of_version_1_is_read_and_written_to_the_same_bytes() -> None:
    manifest = BundleManifest.read(GOLDEN)
    assert manifest.as_text() == GOLDEN.read_text(encoding="utf-8")
    assert manifest.sha256 == manifest.content_digest()
    assert (manifest.runs[0].stars, manifest.snapshot.name, len(manifest.files)) == (5, "2025-02", 9)


def test_a_seal_is_of_everything_else_in_the_manifest() -> None:
    manifest = BundleManifest.read(GOLDEN)
    assert manifest.seal() == manifest
    for change in ({"tool_version": "0"}, {"left_out": ()}, {"attestation": ATTESTATION[:2]}, {"files": ()}):
        assert manifest.model_copy(update=change).content_digest() != manifest.sha256


def test_the_attestation_has_the_three_clauses_of_the_project() -> None:
    assert [clause.partition(":")[0] for clause in ATTESTATION[1:]] == [
        "1. Public Data Sharing", "2. Data Integrity", "3. Model Representation",
    ]  # fmt: skip
