"""Names of the reasons for which a GPU runs below its highest clock, from NVML's bit mask to nvidia-smi's words."""

# nvml.h, nvmlClocksEventReason*; the names are those of ``nvidia-smi --query-gpu=clocks_event_reasons.*``.
CLOCK_EVENT_REASONS: dict[int, str] = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}

# Source: METHOD.md, "Verdict of a run": a hardware thermal or power-brake slowdown invalidates.
INVALIDATING_SLOWDOWNS = ("hw_thermal_slowdown", "hw_power_brake_slowdown")


def clock_event_names(mask: int) -> tuple[str, ...]:
    """The reasons in ``mask``, lowest bit first; a bit that has no name here is called ``bit_N``."""
    return tuple(
        CLOCK_EVENT_REASONS.get(1 << bit, f"bit_{bit}") for bit in range(mask.bit_length()) if mask & (1 << bit)
    )
