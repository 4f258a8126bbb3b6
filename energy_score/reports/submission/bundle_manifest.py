"""The manifest of a bundle: its files, its runs, the claims about them, and the attestation."""

from typing import Literal, Self

from pydantic import Field

from energy_score.contract.choices import Protocol
from energy_score.contract.model_config import ModelClass
from energy_score.contract.record import Record
from energy_score.contract.run_report import Verdict
from energy_score.reports.ratings.cohort_snapshot import Stars

# The text of the AI Energy Score documentation, "Submitting Results", which has a check box instead of the option.
ATTESTATION = (
    "By giving --i-attest and submitting your energy score data, you confirm and agree to the following:",
    (
        "1. Public Data Sharing: You consent to the public sharing of the energy performance data derived from your "
        "submission. No additional information related to this model including proprietary configurations will be "
        "disclosed."
    ),
    (
        "2. Data Integrity: You validate that the log files submitted are accurate, unaltered, and generated directly "
        "from testing your model as per the specified benchmarking procedures."
    ),
    (
        "3. Model Representation: You verify that the model tested and submitted is representative of the "
        "production-level version of the model, including its level of quantization and any other relevant "
        "characteristics impacting energy efficiency and performance."
    ),
)


class BundledFile(Record):
    """One member of the archive: its path, its size and its SHA-256 (hex)."""

    path: str
    size_bytes: int = Field(ge=0)
    sha256: str


class LeftOutFile(Record):
    """A file or folder of a run directory that is not in the bundle, and why."""

    path: str
    because: str


class BundledGpu(Record):
    """A GPU of the run: its name, and the SHA-256 (hex) of its UUID, which shows whether runs used the same GPU."""

    name: str
    uuid_sha256: str


class BundledRun(Record):
    """One run and the claims about it; every field is derived from the run's files.

    ``folder`` is the run's folder in the archive. ``verdict`` is the one in the table: the report's after the host
    check. Energies are GPU energy in Wh per 1,000 successful queries, None if not measured;
    ``phases_wh_per_1000_queries`` has the phases with a figure. ``stars`` are relative to the manifest's snapshot; if
    there are none, ``unrated_because`` has the reason.
    """

    folder: str
    run_id: str
    spec_identity: str
    tool_version: str | None
    model_id: str
    model_class: ModelClass | None
    model_commit: str | None
    task: str
    reasoning_state: str
    backend: str
    image: str | None
    driver: str | None
    gpus: tuple[BundledGpu, ...]
    dtype: str | None
    quantization: str | None
    protocol: Protocol
    dataset: str | None
    dataset_revision: str | None
    dataset_sha256: str | None
    query_count: int
    energy_source: str | None
    wh_per_1000_queries: float | None
    phases_wh_per_1000_queries: dict[str, float]
    verdict: Verdict
    stars: Stars | None
    unrated_because: str | None


class BundledSnapshot(Record):
    """The cohort snapshot that stars are relative to: its seal, and its member of the archive.

    ``path`` is None for a published snapshot, which is included in the program.
    """

    name: str
    issued: str
    official: bool
    sha256: str
    path: str | None


class BundleManifest(Record):
    """``manifest.json`` of a bundle. ``sha256`` covers everything else in it.

    It contains no time and no author, so that equal run directories give equal bytes; a signature identifies
    the author.
    """

    schema_version: Literal[1] = 1
    tool_version: str
    attestation: tuple[str, ...]
    snapshot: BundledSnapshot
    runs: tuple[BundledRun, ...] = Field(min_length=1)
    files: tuple[BundledFile, ...]
    left_out: tuple[LeftOutFile, ...]
    sha256: str = ""

    def seal(self) -> Self:
        """Return the same manifest with the checksum of its content."""
        return self.model_copy(update={"sha256": self.content_digest()})

    def content_digest(self) -> str:
        """Return the correct value of ``sha256``."""
        return self.digest(without={"sha256"})


class BundleSignature(Record):
    """``signature.json``: an Ed25519 signature (base64) of the bytes of ``manifest.json``.

    ``public_key`` is the signer's, in OpenSSH's format. Its presence in the bundle proves nothing: to verify the
    signer, you must know the key from elsewhere.
    """

    schema_version: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str
    signature: str
