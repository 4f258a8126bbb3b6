"""Whether the run is like those behind the officially published scores."""

from energy_score.contract.official_gpu import OFFICIAL_MEMORY_MIB, is_official_gpu
from energy_score.contract.reasons import invalid, not_comparable
from energy_score.contract.run_report import VerdictReason
from energy_score.engine.rules.facts import Facts

# The method's primary metric: the mean of 10 runs over 1,000 queries.
OFFICIAL_REPEATS = 10
OFFICIAL_QUERIES = 1000


def protocol_is_quick(facts: Facts) -> VerdictReason | None:
    """Invalid: the run was a trial."""
    if facts.spec.repeat_policy.protocol != "quick":
        return None
    return invalid("quick_protocol", "the quick protocol is for trials", observed="quick", threshold="official")


def repeats_are_too_few(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are means of 10 runs."""
    repeats = len({window.repeat for window in facts.work_windows})
    if repeats >= OFFICIAL_REPEATS:
        return None
    return not_comparable(
        "too_few_repeats",
        "official scores are means of more repeats",
        observed=f"{repeats} repeats",
        threshold=f">= {OFFICIAL_REPEATS} repeats",
    )


def queries_are_too_few(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are over 1,000 queries."""
    if facts.queries.asked >= OFFICIAL_QUERIES:
        return None
    return not_comparable(
        "too_few_queries",
        "official scores are over the whole data set",
        observed=f"{facts.queries.asked} queries",
        threshold=f">= {OFFICIAL_QUERIES} queries",
    )


def hardware_is_not_official(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are from NVIDIA H100 80 GB."""
    low_mib, high_mib = OFFICIAL_MEMORY_MIB
    gpus = facts.hardware.gpus
    others = [gpu for gpu in gpus if not is_official_gpu(gpu.name, gpu.memory_mib)]
    if gpus and not others:
        return None
    return not_comparable(
        "not_official_hardware",
        "official scores are from NVIDIA H100 80 GB GPUs",
        observed=", ".join(f"{gpu.name}, {gpu.memory_mib} MiB" for gpu in others) or "no GPU",
        threshold=f"NVIDIA H100, {low_mib} to {high_mib} MiB",
    )
