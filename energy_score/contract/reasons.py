"""Constructors for verdict reasons, used by the engine and the host."""

from energy_score.contract.run_report import VerdictReason


def invalid(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """Return a reason why the run is not rated; ``observed`` and ``threshold`` include their units."""
    return VerdictReason(code=code, severity="invalid", message=message, observed=observed, threshold=threshold)


def not_comparable(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """Return a reason why the run cannot be compared with officially published scores."""
    return VerdictReason(code=code, severity="not_comparable", message=message, observed=observed, threshold=threshold)


def warning(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """Return a reason that is only shown."""
    return VerdictReason(code=code, severity="warning", message=message, observed=observed, threshold=threshold)
