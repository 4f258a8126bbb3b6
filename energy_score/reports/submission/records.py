"""A run in a bundle: its records, read from the members of its folder, and everything derived from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from energy_score.contract.errors import RecordError
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.plain_text import counted, shorten
from energy_score.contract.record import Record
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.reports.ratings.rating import Rating
from energy_score.reports.results_table.report_row import apply_host_check, make_report_row
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.reports.submission.bundle_manifest import BundledGpu, BundledRun
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.verdict import judge

# A report with 20 repeats of 8 GPUs has half a megabyte. Parsed JSON takes about forty times its size in memory.
_MAX_RECORD_BYTES = 16 * 2**20
_SHOWN_CHARACTERS = 200
_PHASES = ("preprocess", "prefill", "decode")


_RecordT = TypeVar("_RecordT", bound=Record)


@dataclass(frozen=True)
class BundledRecords:
    """The records of one run; ``layout`` has the path of each file in the archive."""

    layout: RunDirectory
    config: ModelConfig
    spec: RunSpec
    report: RunReport
    witness: HostWitness | None
    owner: RunOwner | None

    @property
    def folder(self) -> str:
        """Return the run's folder in the archive."""
        return self.layout.path.as_posix()

    @cached_property
    def derived(self) -> RunReport:
        """Return the report, with everything that is derived from its readings recomputed."""
        return derive_report(self.report)

    def by_file(self) -> dict[str, Record]:
        """Return every record by its member's name."""
        layout = self.layout
        records = {
            layout.config_file: self.config,
            layout.spec_file: self.spec,
            layout.report_file: self.report,
            layout.witness_file: self.witness,
            layout.owner_file: self.owner,
        }
        return {path.as_posix(): record for path, record in records.items() if record is not None}


def read_record(kind: type[_RecordT], content: bytes, *, name: str) -> _RecordT:
    """Read the record in the member ``name``.

    Raises:
        RecordError: It is damaged, has another schema version, is too large, or is ambiguous.
    """
    if len(content) > _MAX_RECORD_BYTES:
        raise RecordError(f"{name}: {len(content)} bytes, more than the limit of {_MAX_RECORD_BYTES} for a record")
    record = kind.of_bytes(content, name=name)
    try:
        json.loads(content, object_pairs_hook=_each_once)
    except ValueError as error:
        raise RecordError(f"{name}: {error}") from error
    return record


def _each_once(pairs: Sequence[tuple[str, object]]) -> None:
    """Return None if each key occurs once; with duplicates, some readers use the first and others the last."""
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise ValueError(f"{shorten(key, _SHOWN_CHARACTERS)} occurs twice in one object")
        keys.add(key)


def read_records(folder: str, members: Mapping[str, bytes]) -> BundledRecords:
    """Read the records of the run in ``folder``.

    Raises:
        RecordError: A required record is missing, or one is damaged or has another schema version; the message names
        it.
    """
    layout = RunDirectory(Path(folder))
    return BundledRecords(
        layout=layout,
        config=_read_required(ModelConfig, layout.config_file, members),
        spec=_read_required(RunSpec, layout.spec_file, members),
        report=_read_required(RunReport, layout.report_file, members),
        witness=_optional(HostWitness, layout.witness_file, members),
        owner=_optional(RunOwner, layout.owner_file, members),
    )


def derive_report(report: RunReport) -> RunReport:
    """Return ``report`` with statistics and verdict recomputed from its readings."""
    return report.model_copy(
        update={
            "statistics": phase_statistics(report.phases),
            "verdict": judge(
                spec=report.spec,
                windows=report.phases,
                queries=report.queries,
                tokens=report.tokens,
                model=report.model,
                hardware=report.hardware,
                conditions=report.conditions,
                server=report.server,
                repairs=report.repairs,
                prompt=report.prompt,
                gpu_unmeasured=report.gpu_unmeasured,
            ),
        }
    )


def derive_row(records: BundledRecords) -> ResultRow:
    """Return the row of the run, recomputed from its raw readings and the host check."""
    return make_report_row(records.derived, witness=records.witness, owner=records.owner)


def make_claims(records: BundledRecords, row: ResultRow) -> BundledRun:
    """Return the manifest's claims about the run with the derived ``row``, before it is rated."""
    report = records.derived
    verdict = apply_host_check(report, witness=records.witness, owner=records.owner)
    phases_wh = {phase: getattr(row, f"{phase}_wh") for phase in _PHASES}
    return BundledRun(
        folder=records.folder,
        run_id=report.run_id,
        spec_identity=records.spec.identity(),
        tool_version=report.software.get("energy_score"),
        model_id=report.spec.model_id,
        model_class=report.spec.model_class,
        model_commit=report.model.commit,
        task=report.spec.task,
        reasoning_state=report.spec.reasoning_state,
        backend=report.spec.backend,
        image=report.spec.image,
        driver=report.software.get("nvidia_driver"),
        gpus=tuple(
            BundledGpu(name=gpu.name, uuid_sha256=sha256(gpu.uuid.encode()).hexdigest()) for gpu in report.hardware.gpus
        ),
        dtype=report.model.dtype,
        quantization=report.model.quantization,
        protocol=report.spec.repeat_policy.protocol,
        dataset=report.spec.dataset.name,
        dataset_revision=report.dataset_revision,
        dataset_sha256=report.spec.dataset.sha256,
        query_count=report.queries.asked,
        energy_source=row.energy_source,
        wh_per_1000_queries=row.wh_per_1000_queries,
        phases_wh_per_1000_queries={
            phase: 1000 * energy_wh / report.queries.succeeded
            for phase, energy_wh in phases_wh.items()
            if energy_wh is not None and report.queries.succeeded
        },
        verdict=verdict,
        stars=None,
        unrated_because=None,
    )


def rated(claims: BundledRun, rating: Rating) -> BundledRun:
    """Return ``claims`` with the stars of the run's row, or the reason why it has none."""
    return claims.model_copy(update={"stars": rating.stars, "unrated_because": rating.unrated_because})


def in_words(run: BundledRun) -> str:
    """Return the run's energy and stars as text."""
    energy = "no GPU energy" if run.wh_per_1000_queries is None else f"{run.wh_per_1000_queries:.6g} Wh per 1,000"
    stars = f"not rated: {run.unrated_because}" if run.stars is None else counted(run.stars, "star")
    return f"{run.folder}: {run.model_id} {run.reasoning_state}".strip() + f": {energy}, {stars}"


def _read_required(kind: type[_RecordT], path: Path, members: Mapping[str, bytes]) -> _RecordT:
    found = _optional(kind, path, members)
    if found is None:
        raise RecordError(f"{path.as_posix()}: missing, but every run has one")
    return found


def _optional(kind: type[_RecordT], path: Path, members: Mapping[str, bytes]) -> _RecordT | None:
    content = members.get(path.as_posix())
    return None if content is None else read_record(kind, content, name=path.as_posix())
