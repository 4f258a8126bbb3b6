"""Which meters there are, and which of them a run's choice opens."""

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from energy_score.contract import extensions
from energy_score.contract.choices import METER_CHOICES, METER_WITH_FILE
from energy_score.contract.errors import MeterError, UsageError
from energy_score.contract.extensions import extension_names, load_extension
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
# Best first; the last of the CPU side works everywhere.
_AUTO: dict[str, tuple[str, ...]] = {"gpu": ("nvml", "nvml-power"), "cpu": ("rapl", "estimate")}


def known_choices() -> str:
    """Return every meter that may be asked for, those of other packages too, as text."""
    own = (f"{name}:FILE" if name == METER_WITH_FILE else name for name in METER_CHOICES)
    return ", ".join((*own, *extension_names(extensions.METERS)))


def open_meters(
    choice: str,
    *,
    gpus: Sequence[str] | None = None,
    cpu_meters: Sequence[str] = _AUTO["cpu"],
    on_skipped: Callable[[str, str], None] = lambda *_: None,
) -> tuple[Meter, ...]:
    """The meters of ``choice``: at most one of the GPUs and one of the CPU side.

    A meter's name opens exactly that one, ``none`` opens none, and ``auto`` the best there is of each side, with an
    estimate for the CPU at worst; ``auto`` says in the log what it took and why not another. Where the work happens in
    another process, ``gpus`` are its GPUs (none, if they are not known) and ``cpu_meters`` those that can see its CPU.
    ``on_skipped`` is told each meter that ``auto`` could not use, by its side (``gpu``, ``cpu``) and the reason.

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
            meter
            for side, names in _AUTO.items()
            if (meter := _first_usable(side, names, opened, on_skipped=on_skipped)) is not None
        )
    if name not in METERS:
        return (_open_added(choice, gpus=gpus),)
    if bool(colon) != (name == METER_WITH_FILE):
        raise UsageError(f"meter: {choice!r} is not one of {known_choices()}")
    return (opened(name, *([Path(file)] if colon else [])),)


def _open_added(name: str, *, gpus: Sequence[str] | None) -> Meter:
    """Return the meter that another package adds: it is opened without arguments, and sees this machine alone."""
    opener = load_extension(extensions.METERS, name)
    if opener is None:
        raise UsageError(f"meter: {name!r} is not one of {known_choices()}")
    if gpus is not None:
        raise MeterError(f"meter {name}: a meter of another package cannot be told the GPUs of a server")
    meter = opener() if callable(opener) else opener
    if not isinstance(meter, Meter):
        raise UsageError(f"entry point {name!r} of {extensions.METERS}: {meter!r} is not a meter")
    return meter


def _first_usable(
    side: str, names: tuple[str, ...], opened: Callable[[str], Meter], *, on_skipped: Callable[[str, str], None]
) -> Meter | None:
    for name in names:
        try:
            meter = opened(name)
        except MeterError as error:
            log.info("meter skipped domain=%s meter=%s reason=%r", side, name, str(error))
            on_skipped(side, str(error))
        else:
            log.info("meter picked domain=%s meter=%s source=%s", side, name, meter.source.value)
            return meter
    log.info("no meter domain=%s", side)
    return None


def _open(name: str, *arguments: Path | str) -> Meter:
    module, _, function = METERS[name].partition(":")
    opener: Callable[..., Meter] = getattr(import_module(module), function)
    return opener(*arguments)
