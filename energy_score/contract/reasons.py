"""How a rule of the verdict speaks, in the engine and on the host."""

from energy_score.contract.run_report import VerdictReason


def invalid(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars the rating; ``observed`` and ``threshold`` carry their units."""
    return VerdictReason(code=code, severity="invalid", message=message, observed=observed, threshold=threshold)


def not_comparable(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars the comparison with officially published scores."""
    return VerdictReason(code=code, severity="not_comparable", message=message, observed=observed, threshold=threshold)


def warning(code: str, message: str, *, observed: str, threshold: str) -> VerdictReason:
    """A reason that bars nothing, and is shown."""
    return VerdictReason(code=code, severity="warning", message=message, observed=observed, threshold=threshold)
