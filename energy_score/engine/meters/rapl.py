"""CPU and DRAM energy from the RAPL counters that Linux shows under /sys/class/powercap."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading

POWERCAP_ROOT = Path("/sys/class/powercap")
_UJ_PER_J = 1e6
# More than any package draws: read this often, a counter cannot wrap twice unseen (262 kJ range: every 262 s).
_GUARD_POWER_W = 1000.0


@dataclass(frozen=True)
class RaplZone:
    """One counter: ``key`` in the readings, its folder, and the range in microjoule after which it starts at 0."""

    key: str
    path: Path
    range_uj: int

    def read_uj(self) -> int:
        """The counter in microjoule.

        Raises:
            MeterError: it may not be read, or is gone.
        """
        return _read_number(self.path / "energy_uj")


class RaplMeter:
    """Energy of each CPU package and its DRAM in J since the meter was made, of everything that runs on them.

    Wrapped counters are carried on; a thread reads them between readings so that none wraps twice unseen.
    Keys are ``cpu:package-0``, ``cpu:dram-0``. Core and uncore zones lie inside the package's and are left out.
    Source: Linux, Documentation/power/powercap/powercap.rst.
    """

    domain: Domain = "cpu"
    source = EnergySource.RAPL
    gpus: tuple[Gpu, ...] = ()

    def __init__(self, zones: tuple[RaplZone, ...]) -> None:
        self._zones = zones
        self._last_uj = {zone.key: zone.read_uj() for zone in zones}
        self._energy_uj = dict.fromkeys(self._last_uj, 0)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        guard_period_s = min(zone.range_uj for zone in zones) / _UJ_PER_J / _GUARD_POWER_W
        self._guard = threading.Thread(target=self._watch_wraps, args=(guard_period_s,), name="rapl-wrap", daemon=True)
        self._guard.start()

    @property
    def description(self) -> str:
        """The zones read."""
        return f"RAPL counters {', '.join(zone.key for zone in self._zones)}"

    def read(self) -> MeterReading:
        """Energy in J by zone since the meter was made.

        Raises:
            MeterError: a counter can no longer be read.
        """
        with self._lock:
            time_s = time.monotonic()
            for zone in self._zones:
                now_uj = zone.read_uj()
                self._energy_uj[zone.key] += (now_uj - self._last_uj[zone.key]) % (zone.range_uj + 1)
                self._last_uj[zone.key] = now_uj
            energy_j = {key: energy_uj / _UJ_PER_J for key, energy_uj in self._energy_uj.items()}
        return MeterReading(time_s=time_s, energy_j=energy_j)

    def read_at_tick(self) -> MeterReading:
        """As ``read``: nothing here ticks slowly enough to wait for."""
        return self.read()

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        self._guard.join()

    def _watch_wraps(self, period_s: float) -> None:
        while not self._closed.wait(period_s):
            try:
                self.read()
            except MeterError:  # the next reading meets the same error, where it can be raised
                return


def open_rapl_meter(root: Path = POWERCAP_ROOT) -> RaplMeter:
    """A meter on every package and DRAM zone under ``root``.

    Raises:
        MeterError: The zone does not exist or may not be read; the message says what to do.
    """
    zones = find_zones(root)
    if not zones:
        raise MeterError(
            f"{root}: no RAPL package counter here (a virtual machine, a container without /sys/class/powercap, or no "
            "x86 CPU); choose the meter 'estimate'"
        )
    return RaplMeter(zones)


def find_zones(root: Path) -> tuple[RaplZone, ...]:
    """The package and DRAM zones under ``root``, by path.

    A package is ``intel-rapl:N`` (AMD's too), named ``package-M``; its DRAM is ``intel-rapl:N:K``, named ``dram``.
    ``psys`` covers the packages again and ``intel-rapl-mmio`` repeats them: neither is taken.
    """
    names = {path: _read_name(path) for path in sorted(root.glob("intel-rapl:*"))}
    zones: list[RaplZone] = []
    for path, name in names.items():
        package = names.get(path.with_name(":".join(path.name.split(":")[:2])), "")
        if not package.startswith("package-"):
            continue
        if name == package:
            key = f"cpu:{name}"
        elif name == "dram":
            key = f"cpu:dram-{package.removeprefix('package-')}"
        else:
            continue
        zones.append(RaplZone(key=key, path=path, range_uj=_read_number(path / "max_energy_range_uj")))
    return tuple(zones)


def _read_name(path: Path) -> str:
    try:
        return (path / "name").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except PermissionError as error:
        raise MeterError(
            f"{path}: only root may read the RAPL counters (a guard against the side channel PLATYPUS); "
            f"sudo chmod a+r {path.parent.parent}/intel-rapl:*/energy_uj, or run as root"
        ) from error
    except (OSError, ValueError) as error:
        raise MeterError(f"{path}: the RAPL counter cannot be read: {error}") from error
