"""The JSON schemas of the record files: ``python -m energy_score.host.cli.schemas [--check]``, from the repository."""

import argparse
import json
import sys
from pathlib import Path

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.record import Record
from energy_score.contract.run_failure import RunFailure
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.batch_status import BatchStatus
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.reports.submission.bundle_manifest import BundleManifest, BundleSignature

_RECORDS: dict[str, type[Record]] = {
    "run_spec.v1.json": RunSpec,
    "run_report.v1.json": RunReport,
    "run_failure.v1.json": RunFailure,
    "host_witness.v1.json": HostWitness,
    "cohort_snapshot.v1.json": CohortSnapshot,
    "run_owner.v1.json": RunOwner,
    "batch_status.v1.json": BatchStatus,
    "bundle_manifest.v1.json": BundleManifest,
    "bundle_signature.v1.json": BundleSignature,
}


def schema_texts() -> dict[str, str]:
    """The text of each schema file by its name. A schema describes the file as this program writes it."""
    return {
        name: json.dumps(record.model_json_schema(mode="serialization"), indent=2, sort_keys=True) + "\n"
        for name, record in _RECORDS.items()
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the schemas, or with ``--check`` compare them; the exit code, 1 where a file differs from the code."""
    parser = argparse.ArgumentParser(prog="python -m energy_score.host.cli.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    parser.add_argument("--directory", type=Path, default=Path("schemas"), help="where the schemas lie")
    options = parser.parse_args(arguments)
    texts = schema_texts()
    if not options.check:
        options.directory.mkdir(exist_ok=True)
        for name, text in texts.items():
            (options.directory / name).write_text(text, encoding="utf-8")
        return 0
    stale = [name for name, text in texts.items() if _text(options.directory / name) != text]
    for name in stale:
        sys.stderr.write(
            f"{options.directory / name}: differs from the code; python -m energy_score.host.cli.schemas writes it\n"
        )
    return 1 if stale else 0


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
