"""Builds the simulated NVML, runs Python with the real pynvml on top of it, and knows what was truly drawn.

Settings are those at the top of ``nvml_simulator.c``, in lower case and without the prefix: ``watts=300``.
"""

import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.patience import PATIENCE_S

SOURCE = Path(__file__).with_name("nvml_simulator.c")
REPOSITORY = SOURCE.parents[2]
UUIDS = tuple(f"GPU-{index:08x}-0000-4000-8000-000000000000" for index in range(16))

# Sensors as A100 and H100 have them: a 25 ms boxcar every 100 ms (arXiv 2312.02741).
HOPPER_SENSORS: Mapping[str, object] = {"period_s": 0.1, "power_period_s": 0.1, "boxcar_s": 0.025}

_FLAGS = ("-shared", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror", "-O1")


@dataclass(frozen=True)
class NvmlSimulator:
    """A built library, in a folder of its own for LD_LIBRARY_PATH."""

    folder: Path

    @property
    def compiler(self) -> str | None:
        return shutil.which("gcc")

    @property
    def library(self) -> Path:
        return self.folder / "libnvidia-ml.so.1"

    def build(self) -> None:
        subprocess.run(["gcc", *_FLAGS, "-o", str(self.library), str(SOURCE), "-lm"], check=True)

    def environment(self, **settings: object) -> dict[str, str]:
        """This process's environment with the simulator in it, for a child.

        ``settings`` are the simulator's, or whole variables in capitals; CUDA's variables are not inherited. The locks
        are this simulator's own: its GPUs have the names of every other one's, which may be in use beside it.
        """
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CUDA_", "NVML_SIMULATOR_")) and name != "LD_LIBRARY_PATH"
        }
        folders = [str(self.folder), os.environ.get("LD_LIBRARY_PATH", "")]
        given = {
            (name if name.isupper() else f"NVML_SIMULATOR_{name.upper()}"): _as_text(value)
            for name, value in settings.items()
        }
        own = {"LD_LIBRARY_PATH": ":".join(filter(None, folders)), "ENERGY_SCORE_LOCK_DIR": str(self.folder / "locks")}
        return {**inherited, **own, **given}

    def run(self, script: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run ``script`` in this repository; ``settings`` as for ``environment``."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=REPOSITORY,
            env=self.environment(PYTHONPATH=REPOSITORY, **settings),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


def append_power(control: Path, *, power_w: float, gpu: int = 0, time_s: float | None = None) -> float:
    """Let ``gpu`` draw ``power_w`` W from ``time_s`` on (default: now), and return that time.

    ``control`` is the file in the setting ``control``; lines must come in order of time. A child need not read it
    at once: what it reads later is what it would have been.
    """
    from_s = time.monotonic() if time_s is None else time_s
    with control.open("a", encoding="ascii") as file:
        file.write(f"{from_s:.9f} {gpu} {power_w}\n")
    return from_s


def write_noisy_profile(
    path: Path, power_w: float, *, blocks: int, block_s: float, deviation: float, correlation: float = 0.0,
    creep: float = 0.0, creep_s: float = 30.0, seed: int = 0,
) -> None:  # fmt: skip
    """Write a profile for ``file:PATH``: ``power_w`` with a noise of its own in each block, since the epoch.

    The noise of a block is AR(1) of ``correlation`` and of ``deviation``, as a part of the power. A ``creep`` lowers
    the power at first, and wears off with ``creep_s``. The truth stays that of ``true_energy_j``.
    """
    draw, noise, lines = random.Random(seed), 0.0, []
    for block in range(blocks):
        own = draw.gauss(0, deviation)
        noise = own if block == 0 else correlation * noise + math.sqrt(1 - correlation**2) * own
        warming = creep * math.exp(-block * block_s / creep_s)
        lines.append(f"{block * block_s:.9f} {power_w * (1 + noise - warming):.9f}\n")
    path.write_text("".join(lines), encoding="ascii")


def true_energy_j(first_s: float, last_s: float, settings: Mapping[str, object], *, gpu: int = 0) -> float:
    """Energy in J that ``gpu`` drew between two times of the monotonic clock, under the simulator's ``settings``.

    The exact sum over the stretches of constant power; settings about what NVML shows of them are passed over.
    ``epoch_s`` must be among them for any profile but a constant one: the child's own is not known here.
    """
    inside = [(time_s, power_w) for time_s, power_w in _powers_w(first_s, last_s, gpu, settings) if time_s < last_s]
    edges_s = [max(time_s, first_s) for time_s, _ in inside] + [last_s]
    return math.fsum(
        power_w * (until_s - from_s) for (from_s, until_s), (_, power_w) in zip(pairwise(edges_s), inside, strict=True)
    )


def _powers_w(first_s: float, last_s: float, gpu: int, settings: Mapping[str, object]) -> Iterator[tuple[float, float]]:
    """From when on which power is drawn, in order of time; the first one at or before ``first_s``."""
    controlled = _control_lines(settings.get("control"), gpu)
    controlled_from_s = controlled[0][0] if controlled else math.inf
    profile = _profile_powers_w(first_s, last_s, gpu, settings)
    yield from ((time_s, power_w) for time_s, power_w in profile if time_s < controlled_from_s)
    yield from controlled


def _profile_powers_w(
    first_s: float, last_s: float, gpu: int, settings: Mapping[str, object]
) -> Iterator[tuple[float, float]]:
    kind, _, description = _list_item(str(settings.get("profile", "constant")), ";", gpu).partition(":")
    if kind == "constant":
        yield -math.inf, float(_list_item(str(settings.get("watts", 300)), ",", gpu))
        return
    epoch_s = float(str(settings["epoch_s"]))
    if kind == "file":
        lines = [line.split() for line in Path(description).read_text(encoding="ascii").splitlines() if line.strip()]
        yield -math.inf, float(lines[0][1])
        yield from ((epoch_s + float(time_s), float(power_w)) for time_s, power_w in lines)
        return
    low_w, high_w, period_s, duty = (float(part) for part in description.split(","))
    for period in range(math.floor((first_s - epoch_s) / period_s), math.ceil((last_s - epoch_s) / period_s) + 1):
        yield epoch_s + period * period_s, high_w
        yield epoch_s + (period + duty) * period_s, low_w


def _control_lines(control: object, gpu: int) -> list[tuple[float, float]]:
    if control is None:
        return []
    lines = [line.split() for line in Path(str(control)).read_text(encoding="ascii").splitlines()]
    return [(float(time_s), float(power_w)) for time_s, index, power_w in lines if int(index) == gpu]


def _list_item(text: str, separator: str, index: int) -> str:
    items = text.split(separator)
    return items[min(index, len(items) - 1)]


def _as_text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
