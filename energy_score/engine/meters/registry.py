"""Which meters there are, and which of them a run's choice opens."""

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from energy_score.contract.errors import MeterError, UsageError
from energy_score.engine.meters.meter import Meter

log = logging.getLogger(__name__)

# Name -> module:function that opens the meter; the function raises MeterError where it cannot.
METERS: dict[str, str] = {
    "nvml": "energy_score.engine.meters.nvml:open_nvml_meter",
    "nvml-power": "energy_score.engine.meters.nvml_power:open_nvml_power_meter",
    "rapl": "energy_score.engine.meters.rapl:open_rapl_meter",
    "estimate": "energy_score.engine.meters.estimate:open_estimate_meter",
    "replay": "energy_score.engine.meters.replay:open_replay_meter",
}
_READS_A_FILE = "replay"
# Best first; the last of the CPU side works everywhere.
_AUTO: dict[str, tuple[str, ...]] = {"gpu": ("nvml", "nvml-power"), "cpu": ("rapl", "estimate")}

KNOWN_CHOICES = ("auto", "none", *(f"{name}:FILE" if name == _READS_A_FILE else name for name in METERS))


def open_meters(
    choice: str, *, gpus: Sequence[str] | None = None, cpu_meters: Sequence[str] = _AUTO["cpu"]
) -> tuple[Meter, ...]:
    """The meters of ``choice``: at most one of the GPUs and one of the CPU side.

    A meter's name opens exactly that one, ``none`` opens none, and ``auto`` the best there is of each side, with an
    estimate for the CPU at worst; ``auto`` says in the log what it took and why not another. Where the work happens in
    another process, ``gpus`` are its GPUs (none, if they are not known) and ``cpu_meters`` those that can see its CPU.

    Raises:
        UsageError: the choice is not known.
        MeterError: the named meter cannot be used here; ``auto`` never raises it.
    """

    def opened(name: str, *arguments: Path | str) -> Meter:
        if name in _AUTO["cpu"] and name not in cpu_meters:
            raise MeterError(f"meter {name}: it sees this process alone, and the work is done in another")
        if name in _AUTO["gpu"] and gpus is not None:
            if not gpus:
                raise MeterError(f"meter {name}: the server's GPUs are not known; name them with --meter-gpu")
            arguments = (*arguments, ",".join(gpus))
        return _open(name, *arguments)

    name, colon, file = choice.partition(":")
    if choice == "none":
        return ()
    if choice == "auto":
        return tuple(
            meter for side, names in _AUTO.items() if (meter := _first_usable(side, names, opened)) is not None
        )
    if name not in METERS or bool(colon) != (name == _READS_A_FILE):
        raise UsageError(f"meter: {choice!r} is not one of {', '.join(KNOWN_CHOICES)}")
    return (opened(name, *([Path(file)] if colon else [])),)


def _first_usable(side: str, names: tuple[str, ...], opened: Callable[[str], Meter]) -> Meter | None:
    for name in names:
        try:
            meter = opened(name)
        except MeterError as error:
            log.info("meter passed over domain=%s meter=%s reason=%r", side, name, str(error))
        else:
            log.info("meter picked domain=%s meter=%s source=%s", side, name, meter.source.value)
            return meter
    log.info("no meter domain=%s", side)
    return None


def _open(name: str, *arguments: Path | str) -> Meter:
    module, _, function = METERS[name].partition(":")
    opener: Callable[..., Meter] = getattr(import_module(module), function)
    return opener(*arguments)
