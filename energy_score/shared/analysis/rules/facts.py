"""What a rule of the verdict may look at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.repair import Repair
from energy_score.contract.run_report import (
    WORK_PHASES,
    GpuConditions,
    Hardware,
    LoadedModel,
    PhaseEnergy,
    PhaseStatistics,
    QueryStatistics,
    TokenCounts,
    VerdictReason,
)
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.shared.analysis.statistics import phase_statistics


@dataclass(frozen=True)
class Facts:
    """All that a rule may look at."""

    spec: RunSpec
    windows: tuple[PhaseEnergy, ...]
    queries: QueryStatistics
    tokens: TokenCounts
    model: LoadedModel
    hardware: Hardware
    conditions: tuple[GpuConditions, ...] = ()
    server: ServerUse | None = None
    repairs: tuple[Repair, ...] = ()
    prompt: PromptUse | None = None

    @cached_property
    def counted(self) -> tuple[PhaseEnergy, ...]:
        """The windows that enter a total."""
        return tuple(window for window in self.windows if window.counted)

    @cached_property
    def gpu_windows(self) -> tuple[PhaseEnergy, ...]:
        """The counted windows in which GPU energy was read."""
        return tuple(window for window in self.counted if window.domain == "gpu" and window.energy_j)

    @cached_property
    def counter_windows(self) -> tuple[PhaseEnergy, ...]:
        """The counted windows of the GPU meter, those without a figure included."""
        return tuple(window for window in self.counted if window.domain == "gpu")

    @property
    def a_query_failed(self) -> bool:
        """Whether a query failed, also in a window that was measured again: a server may have worked on it."""
        spoilt = any(repair.kind == "window" and "query" in repair.cause for repair in self.repairs)
        return bool(self.queries.failed or self.queries.retried) or spoilt

    @cached_property
    def gpu_statistics(self) -> tuple[PhaseStatistics, ...]:
        """The phases' figures by the GPU meter."""
        return phase_statistics(tuple(window for window in self.windows if window.domain == "gpu"))

    @cached_property
    def work_windows(self) -> tuple[PhaseEnergy, ...]:
        """The counted windows of the queries' whole work, by any meter."""
        return tuple(window for window in self.counted if window.phase in WORK_PHASES)


Rule = Callable[[Facts], VerdictReason | None]
