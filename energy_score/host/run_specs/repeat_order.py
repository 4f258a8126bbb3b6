"""How often and how long a run measures, by its protocol and by what else was asked for."""

from datetime import date
from typing import Literal

from energy_score.contract.choices import Protocol
from energy_score.contract.run_spec import RepeatPolicy

# What chat templates print as today's date (gpt-oss, SmolLM3, Apertus, Mistral-Small-3), in every protocol: the day on
# which the edition 2025-12 was published. One spec is the same work on every day.
PROMPT_DATE = date(2025, 12, 4)
# Source: METHOD.md, "Protocol" and "Energy, phase by phase": the mean of 10 runs, phases of at least 10 s (1 % of the
# energy at a counter period of 100 ms), an idle baseline of at least 30 s.
# Source of the rest: METHOD.md, "Transient faults, sensors, intervals"; at most 5 discarded repeats are our choice.
OFFICIAL = RepeatPolicy(
    protocol="official",
    repeats=10,
    discarded_repeats=1,
    max_discarded_repeats=5,
    min_phase_s=10,
    idle_baseline_s=30,
    dither_s=0.1,
    shuffle_queries=True,
)
# One repeat, no minimum: shows that a row runs, and about what it takes. Never rated.
QUICK = RepeatPolicy(protocol="quick", repeats=1, discarded_repeats=0, min_phase_s=0, idle_baseline_s=0)
# Source: METHOD.md, "Statistics": adaptive is at least 5 repeats, stops when the half-width is <= 1 %, at most 20.
_ADAPTIVE_REPEATS = (5, 20)
_ADAPTIVE_CI_TARGET = 0.01
# Source: METHOD.md, "Statistics": the first repeat is discarded as warm-up where there are more than three.
_REPEATS_WITHOUT_WARMUP = 3


def resolve_repeat_policy(
    *,
    protocol: Protocol | None,
    query_count: int | None,
    repeats: int | Literal["auto"] | None,
    ci_target: float | None,
) -> tuple[RepeatPolicy, tuple[str, ...]]:
    """The policy, and what must be noted of it.

    A number of queries is a trial, the whole dataset a rating, unless the protocol is given.
    """
    policy = OFFICIAL if (protocol or ("official" if query_count is None else "quick")) == "official" else QUICK
    if repeats is None or repeats == policy.repeats:
        return policy, ()
    if repeats == "auto":
        least, most = _ADAPTIVE_REPEATS
        ci_target = ci_target or _ADAPTIVE_CI_TARGET
        changes: dict[str, object] = {"repeats": least, "max_repeats": most, "ci_target": ci_target}
        told = (
            f"{least} to {most}, until the half-width of the total's 95 % interval is at most {ci_target:.3g} of "
            "its mean"
        )
    else:
        least, changes, told = repeats, {"repeats": repeats}, str(repeats)
    warms_up = least > _REPEATS_WITHOUT_WARMUP
    changes["discarded_repeats"] = 1 if warms_up else 0
    changes["max_discarded_repeats"] = policy.max_discarded_repeats if warms_up else None
    changed = policy.model_copy(update=changes)
    if policy is QUICK:
        return changed, ()
    return changed, (f"official is {OFFICIAL.repeats} counted repeats; this run has {told}",)
