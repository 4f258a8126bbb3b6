"""Which GPUs compare with those behind the officially published scores, and the reasons given for the others."""

from collections.abc import Callable

import pytest

from energy_score.contract.run_report import Gpu, GpuConditions, Hardware
from energy_score.shared.analysis.rules import hardware
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.analysis.verdict import RULES

MakeFacts = Callable[..., Facts]
HARDWARE_CODES = {
    "not_official_hardware", "virtual_gpu", "mig_slice", "module_scope", "reduced_power_limit", "other_h100",
}  # fmt: skip


def codes(facts: Facts) -> dict[str, str]:
    reasons = (rule(facts) for rule in RULES)
    return {reason.code: reason.severity for reason in reasons if reason is not None and reason.code in HARDWARE_CODES}


def read_model_facts(make_facts: MakeFacts, name: str, memory_mib: int = 81_559, **seen: object) -> Facts:
    gpu = Gpu(uuid="GPU-a", name=name, memory_mib=memory_mib)
    conditions = (GpuConditions.model_validate({"uuid": "GPU-a"} | seen),) if seen else ()
    return make_facts(
        hardware=Hardware(gpus=(gpu,), cpu="a CPU", cpu_count=2, memory_mib=16_000), conditions=conditions
    )


@pytest.mark.parametrize(
    ("name", "memory_mib", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", 81_559, {}),
        ("NVIDIA H100 PCIe", 81_559, {"other_h100": "warning"}),
        ("NVIDIA H100 CNX", 81_559, {"other_h100": "warning"}),
        ("NVIDIA H100 NVL", 95_830, {"not_official_hardware": "not_comparable"}),
        ("GRID H100-80C", 81_559, {"virtual_gpu": "not_comparable"}),
        ("NVIDIA H100XM-80C", 81_559, {"virtual_gpu": "not_comparable"}),
        ("NVIDIA H100-1-10CME", 10_240, {"virtual_gpu": "not_comparable"}),
        ("NVIDIA H100 80GB HBM3 MIG 7g.80gb", 81_559, {"mig_slice": "not_comparable"}),
        ("NVIDIA GH200 480GB", 97_871, {"module_scope": "not_comparable"}),
        ("NVIDIA GB200", 189_471, {"module_scope": "not_comparable"}),
        ("NVIDIA A100-SXM4-80GB", 81_920, {"not_official_hardware": "not_comparable"}),
        ("NVIDIA H200", 143_771, {"not_official_hardware": "not_comparable"}),
    ],
)
def test_each_kind_of_gpu_has_its_own_reason(
    make_facts: MakeFacts, name: str, memory_mib: int, expected: dict[str, str]
) -> None:
    assert codes(read_model_facts(make_facts, name, memory_mib)) == expected


def test_a_counter_that_covers_the_module_is_told_whatever_the_name(make_facts: MakeFacts) -> None:
    gpu = Gpu(uuid="GPU-a", name="NVIDIA H100 80GB HBM3", memory_mib=81_559, counter_scope="module")
    facts = make_facts(hardware=Hardware(gpus=(gpu,), cpu="a CPU", cpu_count=2, memory_mib=16_000))
    assert codes(facts) == {"module_scope": "not_comparable"}


@pytest.mark.parametrize(
    ("name", "limit_w", "default_w", "reduced"),
    [
        ("NVIDIA H100 80GB HBM3", 700.0, 700.0, False),
        ("NVIDIA H100 80GB HBM3", 699.6, 700.0, False),  # whole watts
        ("NVIDIA H100 80GB HBM3", 500.0, 700.0, True),
        ("NVIDIA H100 80GB HBM3", 500.0, None, True),
        ("NVIDIA H100 PCIe", 350.0, None, False),
        ("NVIDIA H100 PCIe", 310.0, 310.0, False),
        ("NVIDIA H100 PCIe", 250.0, 350.0, True),
        ("NVIDIA A100-SXM4-80GB", 400.0, None, False),
    ],
)
def test_a_power_limit_below_the_gpus_own_is_not_comparable(
    make_facts: MakeFacts, name: str, limit_w: float, default_w: float | None, *, reduced: bool
) -> None:
    facts = read_model_facts(make_facts, name, power_limits_w=(limit_w,), default_power_limit_w=default_w)
    reason = hardware.power_limit_is_reduced(facts)
    assert (reason is not None) is reduced
    if reason is not None:
        assert (reason.code, reason.severity) == ("reduced_power_limit", "not_comparable")
        assert reason.observed == f"{limit_w:g} W"
