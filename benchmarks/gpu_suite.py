"""One command for a machine with a real NVIDIA GPU: is its energy measured well, and does it agree with what is known?

    python -m benchmarks.gpu_suite --part 1 --out part1.json      # the meter: about 8 minutes
    python -m benchmarks.gpu_suite --part 2 --out part2.json      # the models: about 9 minutes
    python -m benchmarks.gpu_suite --page page.md part1.json part2.json

Needs torch with CUDA, transformers, pydantic, nvidia-ml-py and this repository; no network, no container engine.
``--simulated`` runs a reduced form on the simulated NVML (gcc, torch for the CPU): its numbers say nothing of a GPU.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the parts asked for; 1 if a check raised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path, help="JSON files to make a page of")
    parser.add_argument("--part", type=int, choices=(1, 2), action="append", help="default: both")
    parser.add_argument("--only", action="append", metavar="CHECK", help="these checks alone")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--page", type=Path, help="write a readable page of the results")
    parser.add_argument("--simulated", action="store_true", help="the reduced form on the simulated NVML")
    arguments = parser.parse_args()
    if arguments.results:
        results = merge([json.loads(path.read_text(encoding="utf-8")) for path in arguments.results])
    else:
        if arguments.simulated and "NVML_SIMULATOR_CONTROL" not in os.environ:
            return run_on_the_simulator()
        results = run(arguments.part or [1, 2], arguments.only, simulated=arguments.simulated)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if arguments.page:
        from benchmarks.gpu_page import page  # noqa: PLC0415

        arguments.page.write_text(page(results), encoding="utf-8")
    return 1 if any("error" in check for check in results["checks"].values()) else 0


def run(parts: list[int], only: list[str] | None, *, simulated: bool) -> dict[str, Any]:
    """The results of all checks of ``parts``, each with how long it took; a check that raises leaves its error."""
    from benchmarks.gpu_bench import Bench  # noqa: PLC0415 - loads torch
    from benchmarks.gpu_checks import PARTS  # noqa: PLC0415
    from energy_score.shared.gpu.nvml_library import nvidia_driver_version  # noqa: PLC0415

    checks: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder=Path(folder), simulated=simulated)
        for check in (check for part in parts for check in PARTS[part]):
            if only and check.__name__ not in only:
                continue
            start_s = time.monotonic()
            try:
                figures = check(bench)
            except Exception as error:  # noqa: BLE001 - the other checks are worth having
                figures = {"error": f"{type(error).__name__}: {error}"}
            checks[check.__name__] = {
                "title": " ".join((check.__doc__ or "").split()), "took_s": time.monotonic() - start_s, **figures,
            }  # fmt: skip
            print(f"{check.__name__}: {json.dumps(checks[check.__name__])[:400]}", file=sys.stderr, flush=True)
        gpus = [gpu.model_dump() for gpu in bench.meter.gpus]
        bench.meter.close()
    return {
        "simulated": simulated or bench.meter.devices.simulated,
        "date": datetime.now(UTC).date().isoformat(),
        "gpus": gpus,
        "driver": nvidia_driver_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "nvidia-ml-py")}
        | {"python": platform.python_version()},
        "command": " ".join(["python -m benchmarks.gpu_suite", *sys.argv[1:]]),
        "checks": checks,
    }


def merge(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Several results of one machine as one."""
    merged = dict(results[0])
    merged["checks"] = {name: check for result in results for name, check in result["checks"].items()}
    merged["command"] = "; ".join(str(result["command"]) for result in results)
    return merged


def run_on_the_simulator() -> int:
    """This program again, in a child that finds the simulated NVML; its exit code."""
    import subprocess  # noqa: PLC0415

    sys.path.insert(0, str(ROOT))
    from tests.nvml_simulator.simulator import HOPPER_SENSORS, NvmlSimulator  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        simulator = NvmlSimulator(Path(folder))
        simulator.build()
        control = Path(folder) / "control"
        control.touch()
        environment = simulator.environment(
            PYTHONPATH=ROOT, control=control, watts=60, OMP_NUM_THREADS=1, **HOPPER_SENSORS
        )
        command = [sys.executable, "-m", "benchmarks.gpu_suite", *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
