"""Whether the GPU is one like those behind the officially published scores, whole and with its own power limit."""

from collections.abc import Iterable

from energy_score.contract.official_gpu import (
    OFFICIAL_GPU,
    OFFICIAL_MEMORY_MIB,
    PCIE_POWER_LIMIT_W,
    SXM_POWER_LIMIT_W,
    is_mig_slice,
    is_official_gpu,
    is_on_a_module,
    is_sxm,
    is_virtual_gpu,
)
from energy_score.contract.reasons import not_comparable, warning
from energy_score.contract.run_report import Gpu, VerdictReason
from energy_score.shared.analysis.rules.facts import Facts


def hardware_is_not_official(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are from NVIDIA H100 80 GB."""
    low_mib, high_mib = OFFICIAL_MEMORY_MIB
    gpus = facts.hardware.gpus
    others = [gpu for gpu in gpus if not is_official_gpu(gpu.name, gpu.memory_mib)]
    unexplained = [gpu for gpu in others if not (is_virtual_gpu(gpu.name) or is_mig_slice(gpu.name) or _is_module(gpu))]
    if gpus and not unexplained:
        return None
    return not_comparable(
        "not_official_hardware",
        "official scores are from NVIDIA H100 80 GB GPUs",
        observed=", ".join(f"{gpu.name}, {gpu.memory_mib} MiB" for gpu in others) or "no GPU",
        threshold=f"NVIDIA H100, {low_mib} to {high_mib} MiB",
    )


def gpu_is_virtual(facts: Facts) -> VerdictReason | None:
    """Not comparable: a virtual GPU is a share of one, and its counter may be that of the whole."""
    names = _names(gpu for gpu in facts.hardware.gpus if is_virtual_gpu(gpu.name))
    if not names:
        return None
    return not_comparable(
        "virtual_gpu",
        "official scores are from whole GPUs, not from virtual ones",
        observed=names,
        threshold="a whole GPU",
    )


def gpu_is_a_mig_slice(facts: Facts) -> VerdictReason | None:
    """Not comparable: a MIG slice is a part of a GPU."""
    names = _names(gpu for gpu in facts.hardware.gpus if is_mig_slice(gpu.name))
    if not names:
        return None
    return not_comparable(
        "mig_slice", "official scores are from whole GPUs, not from MIG slices", observed=names, threshold="a whole GPU"
    )


def gpu_is_on_a_module(facts: Facts) -> VerdictReason | None:
    """Not comparable: on GH200 and GB200 the energy counter covers the whole module."""
    names = _names(gpu for gpu in facts.hardware.gpus if _is_module(gpu))
    if not names:
        return None
    return not_comparable(
        "module_scope",
        "the energy counter covers the whole module, CPU and memory included; official scores are from H100 GPUs",
        observed=names,
        threshold="a counter that covers the GPU alone",
    )


def power_limit_is_reduced(facts: Facts) -> VerdictReason | None:
    """Not comparable: a GPU works differently under a power limit below the one that it comes with."""
    reduced = []
    for seen in facts.conditions:
        name = next((gpu.name for gpu in facts.hardware.gpus if gpu.uuid == seen.uuid), "")
        due_w = seen.default_power_limit_w or _limit_by_name_w(name)
        if due_w is not None and seen.power_limits_w and round(min(seen.power_limits_w)) < round(due_w):
            reduced.append((min(seen.power_limits_w), due_w, seen.uuid))
    if not reduced:
        return None
    limit_w, due_w, uuid = min(reduced)
    return not_comparable(
        "reduced_power_limit",
        f"official scores are from GPUs with their own power limit; that of {uuid} was reduced",
        observed=f"{limit_w:.0f} W",
        threshold=f">= {due_w:.0f} W",
    )


def card_is_another_h100(facts: Facts) -> VerdictReason | None:
    """Warning: an H100 80 GB that is not the SXM module is comparable, and draws less power."""
    official = [gpu for gpu in facts.hardware.gpus if is_official_gpu(gpu.name, gpu.memory_mib)]
    names = _names(gpu for gpu in official if not is_sxm(gpu.name))
    if not names:
        return None
    return warning(
        "other_h100",
        "the GPU is an H100 80 GB, but not the SXM module (700 W): a PCIe card has 350 W and slower memory",
        observed=names,
        threshold="NVIDIA H100 80GB HBM3",
    )


def _names(gpus: Iterable[Gpu]) -> str:
    return ", ".join(dict.fromkeys(gpu.name for gpu in gpus))


def _is_module(gpu: Gpu) -> bool:
    return gpu.counter_scope == "module" or is_on_a_module(gpu.name)


def _limit_by_name_w(name: str) -> float | None:
    """The power limit that an H100 comes with, where NVML does not say it."""
    if OFFICIAL_GPU not in name:
        return None
    return SXM_POWER_LIMIT_W if is_sxm(name) else PCIE_POWER_LIMIT_W
