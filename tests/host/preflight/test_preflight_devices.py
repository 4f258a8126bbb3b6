"""Facts about the energy counters, with stand-ins for the driver and the kernel's files."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from energy_score.host.preflight import devices


class NvmlError(Exception):
    pass


class NoPermissionError(NvmlError):
    pass


class FakeNvml:
    """A driver with one GPU; None means not supported."""

    NVMLError = NvmlError
    NVMLError_NoPermission = NoPermissionError
    NVML_DEVICE_MIG_ENABLE = 1

    def __init__(
        self,
        *,
        name: str = "NVIDIA H100 80GB HBM3",
        memory_mib: int = 81559,
        energy_mj: int | None = 7_200_400,
        mig: int | None = 0,
        count: int = 1,
        has_driver: bool = True,
        forbidden: int | None = None,
    ) -> None:
        self._name, self._memory_mib, self._energy_mj = name, memory_mib, energy_mj
        self._mig, self._count, self._has_driver = mig, count, has_driver
        self._forbidden = forbidden
        self.is_open = False

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's name
        if not self._has_driver:
            raise NvmlError("Driver Not Loaded")
        self.is_open = True

    def nvmlShutdown(self) -> None:  # noqa: N802 - NVML's name
        self.is_open = False

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - NVML's name
        return self._count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - NVML's name
        if index == self._forbidden:
            raise NoPermissionError("Insufficient Permissions")
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802 - NVML's name
        return self._name

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802 - NVML's name
        return SimpleNamespace(total=self._memory_mib * 2**20)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802 - NVML's name
        if self._energy_mj is None:
            raise NvmlError("Not Supported")
        return self._energy_mj

    def nvmlDeviceGetMigMode(self, handle: int) -> list[int]:  # noqa: N802 - NVML's name
        if self._mig is None:
            raise NvmlError("Not Supported")
        return [self._mig, self._mig]


@pytest.mark.parametrize(
    ("driver", "status", "words"),
    [
        (FakeNvml(), "ok", "NVIDIA H100 80GB HBM3, 81559 MiB, counter at 7200 J, comparable"),
        (FakeNvml(mig=None), "ok", "comparable"),
        (FakeNvml(name="NVIDIA H200", memory_mib=143771), "warning", "not comparable"),
        (FakeNvml(name="NVIDIA H100 NVL", memory_mib=95830), "warning", "not comparable"),
        (FakeNvml(energy_mj=None), "warning", "no energy counter (Not Supported)"),
        (FakeNvml(mig=1), "warning", "MIG is on"),
        (FakeNvml(count=0), "missing", "shows no GPU"),
        (FakeNvml(has_driver=False), "missing", "no NVIDIA driver answers (Driver Not Loaded)"),
    ],
    ids=["h100", "no-mig-feature", "h200", "nvl", "no-counter", "mig", "no-gpu", "no-driver"],
)
def test_a_gpu_is_told_with_its_counter_and_what_its_figures_are_worth(
    monkeypatch: pytest.MonkeyPatch, driver: FakeNvml, status: str, words: str
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    (check,) = devices.gpu_checks()
    assert check.status == status
    assert words in check.found
    assert bool(check.remedy) == (status != "ok")
    assert not driver.is_open


def test_every_gpu_has_its_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(count=8))
    assert [check.name for check in devices.gpu_checks()] == [f"gpu {index}" for index in range(8)]


def test_a_gpu_that_a_device_cgroup_keeps_from_this_process_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(count=3, forbidden=1))
    assert [(check.name, check.status) for check in devices.gpu_checks()] == [("gpu 0", "ok"), ("gpu 1", "ok")]


def test_without_pynvml_the_finding_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    (check,) = devices.gpu_checks()
    assert (check.status, check.remedy) == ("missing", "pip install -c constraints.txt -e '.'")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [("123456\n", "ok", "RAPL, 1 zones"), ("none", "warning", "invalid literal"), (None, "warning", "none under")],
)
def test_the_cpu_counter_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, status: str, words: str
) -> None:
    monkeypatch.setattr(devices, "POWERCAP_ROOT", tmp_path)
    if content is not None:
        (tmp_path / "intel-rapl:0").mkdir()
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text(content)
    (check,) = devices.cpu_counter_checks()
    assert check.status == status
    assert words in check.found


def test_a_counter_for_root_alone_comes_with_the_command_that_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(devices, "POWERCAP_ROOT", tmp_path)
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("1")
    monkeypatch.setattr(Path, "read_text", refuse)
    (check,) = devices.cpu_counter_checks()
    assert check.remedy.endswith(f"sudo chmod a+r {tmp_path}/intel-rapl:0/energy_uj")
