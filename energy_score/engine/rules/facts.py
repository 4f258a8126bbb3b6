"""What a rule of the verdict may look at, and how it speaks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from energy_score.contract.run_report import (
    Hardware,
    LoadedModel,
    PhaseEnergy,
    QueryStatistics,
    TokenCounts,
    VerdictReason,
)
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.statistics import WORK_PHASES


@dataclass(frozen=True)
class Facts:
    """All that a rule may look at."""

    spec: RunSpec
    windows: tuple[PhaseEnergy, ...]
    queries: QueryStatistics
    tokens: TokenCounts
    model: LoadedModel
    hardware: Hardware

    @cached_property
    def counted(self) -> tuple[PhaseEnergy, ...]:
        """The windows that enter a total."""
        return tuple(window for window in self.windows if window.counted)

    @cached_property
    def gpu_windows(self) -> tuple[PhaseEnergy, ...]:
        """The counted windows in which GPU energy was read."""
        return tuple(window for window in self.counted if window.domain == "gpu" and window.energy_j)

    @cached_property
    def work_windows(self) -> tuple[PhaseEnergy, ...]:
        """The counted windows of the queries' whole work, by any meter."""
        return tuple(window for window in self.counted if window.phase in WORK_PHASES)


Rule = Callable[[Facts], VerdictReason | None]


def invalid(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars the rating; ``observed`` and ``threshold`` carry their units."""
    return VerdictReason(code=code, severity="invalid", message=message, observed=observed, threshold=threshold)


def not_comparable(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars the comparison with officially published scores."""
    return VerdictReason(code=code, severity="not_comparable", message=message, observed=observed, threshold=threshold)


def warning(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars nothing, and is shown."""
    return VerdictReason(code=code, severity="warning", message=message, observed=observed, threshold=threshold)
