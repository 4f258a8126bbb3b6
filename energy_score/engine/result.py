"""What a run measured, and the report that is made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.repair import Repair
from energy_score.contract.run_report import GpuConditions, LoadedModel, RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.engine.benchmark import Answer
from energy_score.engine.datasets import Queries
from energy_score.engine.environment import read_hardware, warn_about_other_hardware
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.meter import Meter
from energy_score.engine.query_log import QueryLog
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.verdict import judge


class Measured(Protocol):
    """What is left of a benchmark once it has measured: ours, which asks a backend, or another's whole job."""

    log: QueryLog

    def first_prompt(self) -> str:
        """The first query that was asked, as rendered."""

    def answers(self) -> list[Answer]:
        """Prompts and answers as text, where the spec asks to keep them."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Everything that a run has seen once its last query is answered; only the report is left to be made."""

    started_at: datetime
    queries: Queries
    meters: Sequence[Meter]
    benchmark: Measured
    model: LoadedModel
    measurement: Measurement
    software: dict[str, str]
    conditions: tuple[GpuConditions, ...]
    repairs: tuple[Repair, ...] = ()
    gpu_unmeasured: str | None = None
    server_use: ServerUse | None = None
    optimum: OptimumUse | None = None
    prompt: PromptUse | None = None


def make_report(spec: RunSpec, result: RunResult) -> RunReport:
    """Return the report of the run that ``spec`` asked for: its figures, and the verdict on them."""
    hardware = read_hardware([gpu for meter in result.meters for gpu in meter.gpus])
    warn_about_other_hardware(hardware)
    windows, log = result.measurement.windows, result.benchmark.log
    query_statistics, tokens = log.statistics(), log.tokens()
    return RunReport(
        run_id=spec.run_id,
        spec_identity=spec.identity(),
        spec=spec,
        started_at=result.started_at,
        finished_at=datetime.now(UTC),
        model=result.model,
        dataset_revision=result.queries.revision,
        phases=tuple(windows),
        statistics=phase_statistics(windows),
        queries=query_statistics,
        tokens=tokens,
        media=log.media(),
        prompt=result.prompt,
        first_prompt_sha256=hashlib.sha256(result.benchmark.first_prompt().encode()).hexdigest(),
        hardware=hardware,
        software=result.software,
        meters=tuple(meter.description for meter in result.meters),
        conditions=result.conditions,
        server=result.server_use,
        optimum=result.optimum,
        repairs=result.repairs,
        gpu_unmeasured=result.gpu_unmeasured,
        verdict=judge(
            spec=spec,
            windows=windows,
            queries=query_statistics,
            tokens=tokens,
            model=result.model,
            hardware=hardware,
            conditions=result.conditions,
            server=result.server_use,
            repairs=result.repairs,
            prompt=result.prompt,
            gpu_unmeasured=result.gpu_unmeasured,
        ),
    )
