"""Whether the GPU was left alone, whole and unhindered while it was measured."""

from collections.abc import Iterable

from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.gpu.clock_events import INVALIDATING_SLOWDOWNS


def mig_is_on(facts: Facts) -> VerdictReason | None:
    """Invalid: the counter of a GPU that is cut into MIG slices counts all of them."""
    cut = [seen.uuid for seen in facts.conditions if seen.mig_enabled]
    if not cut:
        return None
    return invalid(
        "mig_enabled",
        f"MIG is on, and the energy counter counts every slice: {_uuids(cut)}",
        observed="on",
        threshold="off",
    )


def another_process_computed(facts: Facts) -> VerdictReason | None:
    """Invalid: another compute process was on the GPU, and the counter counts its work as well."""
    processes = {pid for seen in facts.conditions for pid in seen.foreign_process_ids}
    if not processes:
        return None
    return invalid(
        "foreign_process",
        f"another compute process was on {_uuids(seen.uuid for seen in facts.conditions if seen.foreign_process_ids)}",
        observed=f"process {', '.join(map(str, sorted(processes)))}",
        threshold="0 other compute processes",
    )


def hardware_slowed_down(facts: Facts) -> VerdictReason | None:
    """Invalid: heat or the power brake slowed the GPU down, in a window that could not be measured again without it."""
    slowed = _slowed_by(facts, *INVALIDATING_SLOWDOWNS)
    times_are_known = any(window.start_s is not None for window in facts.counted)
    if not slowed or (times_are_known and not any("hardware_slowdown" in window.defects for window in facts.counted)):
        return None
    return invalid(
        "hardware_slowdown",
        f"heat or the power brake slowed {_uuids(slowed)} down; see to its cooling and its power supply",
        observed=", ".join(sorted({name for names in slowed.values() for name in names})),
        threshold="no hardware slowdown",
    )


def hardware_slowed_down_without_a_cause(facts: Facts) -> VerdictReason | None:
    """Warning: the hardware slowed the GPU down, and named neither heat nor the power brake.

    NVML may report that at a mere change of clocks as well, so it proves nothing. Source: NVIDIA, NVML and DCGM API
    references, HW_SLOWDOWN.
    """
    explained = _slowed_by(facts, *INVALIDATING_SLOWDOWNS)
    slowed = [uuid for uuid in _slowed_by(facts, "hw_slowdown") if uuid not in explained]
    if not slowed:
        return None
    return warning(
        "hardware_slowdown_unexplained",
        f"the hardware slowed {_uuids(slowed)} down, for a moment's change of clocks or too high a power draw",
        observed="hw_slowdown",
        threshold="no hardware slowdown",
    )


def power_cap_was_reached(facts: Facts) -> VerdictReason | None:
    """Warning: the driver held the clocks down to keep to the power limit, as it does under full load."""
    slowed = _slowed_by(facts, "sw_power_cap")
    if not slowed:
        return None
    return warning(
        "software_power_cap",
        f"{_uuids(slowed)} reached the power limit",
        observed="sw_power_cap",
        threshold="no power cap",
    )


def driver_cooled_the_gpu(facts: Facts) -> VerdictReason | None:
    """Warning: the driver held the clocks down to keep the GPU or its memory under its temperature."""
    slowed = _slowed_by(facts, "sw_thermal_slowdown")
    if not slowed:
        return None
    return warning(
        "software_thermal_slowdown",
        f"{_uuids(slowed)} reached the temperature at which the driver lowers its clocks; see to its cooling",
        observed="sw_thermal_slowdown",
        threshold="no thermal slowdown",
    )


def power_limit_was_changed(facts: Facts) -> VerdictReason | None:
    """Invalid: the GPU did not have one power limit throughout."""
    changed = [seen for seen in facts.conditions if len({round(limit_w) for limit_w in seen.power_limits_w}) > 1]
    if not changed:
        return None
    limits_w = [f"{limit_w:g} W" for limit_w in changed[0].power_limits_w]
    return invalid(
        "power_limit_changed",
        f"the power limit was changed during the run on {_uuids(seen.uuid for seen in changed)}",
        observed=", ".join(limits_w),
        threshold="1 power limit",
    )


def _slowed_by(facts: Facts, *reasons: str) -> dict[str, list[str]]:
    """Which of NVML's clock event ``reasons`` were seen, by GPU UUID; without the GPUs that saw none."""
    seen = {gpu.uuid: [name for name in gpu.throttle_reasons if name in reasons] for gpu in facts.conditions}
    return {uuid: names for uuid, names in seen.items() if names}


def _uuids(uuids: Iterable[str]) -> str:
    return ", ".join(uuids)
