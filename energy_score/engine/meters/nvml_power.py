"""GPU energy from sampled power, for GPUs that have no energy counter; labelled as what it is."""

import time

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, MeterReading
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices

_SEED = 42


class NvmlPowerMeter:
    """Energy of the GPUs in J since the meter was made: the integral of the power that ``sampler`` reads.

    What the sensor does not see is missing (A100 and H100 look for 25 of 100 ms, arXiv 2312.02741), and an
    ``average`` reading smears a window's edges over a second. ``sampler.integral_j`` is this very figure, so it
    is not an independent check. A reading's fault ``power_lost`` says that no power was known for more
    than 5 periods since the reading before it; the next windows are good again.
    """

    domain: Domain = "gpu"

    def __init__(self, devices: NvmlDevices, sampler: GpuSampler) -> None:
        self.devices = devices
        self.gpus = devices.gpus
        self.source = EnergySource.SIMULATED if devices.simulated else EnergySource.NVML_POWER
        self.sampler = sampler
        self.sampler.start()
        self._last_s = time.monotonic()
        self._energy_j = dict.fromkeys(devices.uuids, 0.0)

    @property
    def description(self) -> str:
        """The GPUs read, by UUID, with the kind of power reading."""
        gpus = (f"{gpu.name} {gpu.uuid} ({self.devices.power_field(gpu.uuid)} power)" for gpu in self.gpus)
        return f"integral of NVML power, sampled every {self.sampler.period_s:g} s, of {', '.join(gpus)}"

    def read(self) -> MeterReading:
        """The integrals in J by GPU UUID until now."""
        time_s = time.monotonic()
        gained_j = self.sampler.integral_j(self._last_s, time_s)
        self._last_s = time_s
        for uuid, energy_j in gained_j.items():
            self._energy_j[uuid] += energy_j
        return MeterReading(
            time_s=time_s,
            energy_j={uuid: energy_j for uuid, energy_j in self._energy_j.items() if uuid in gained_j},
            faults={uuid: "power_lost" for uuid in self._energy_j if uuid not in gained_j},
        )

    def read_at_tick(self) -> MeterReading:
        """As ``read``: an integral has no ticks."""
        return self.read()

    def close(self) -> None:
        """Stop the sampler and give NVML back."""
        self.sampler.stop()
        self.devices.close()


def open_nvml_power_meter(shown: str | None = None) -> NvmlPowerMeter:
    """A meter on the GPUs in CUDA_VISIBLE_DEVICES (or in ``shown``), each of which says its power.

    Raises:
        MeterError: no pynvml, no driver, no visible GPU, or a GPU that does not say its power.
    """
    devices = open_nvml_devices(shown=shown)
    silent = [uuid for uuid in devices.uuids if devices.power_field(uuid) is None]
    if silent:
        devices.close()
        raise MeterError(f"{', '.join(silent)}: NVML does not say this GPU's power")
    return NvmlPowerMeter(devices, GpuSampler(devices, seed=_SEED))
