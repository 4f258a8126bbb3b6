"""Windows as CodeCarbon measures them: the GPU energy of a task of an ``OfflineEmissionsTracker``.

Run in an environment with CodeCarbon; a program named nvidia-smi must be on the path, or it looks for no GPU. It
integrates power if the GPU has no counter.
"""

from codecarbon import OfflineEmissionsTracker

from benchmarks.meter_windows.plan import Load, Plan, serve

J_PER_KWH = 3.6e6


class CodeCarbon:
    """One tracker for all windows; its first, expensive task lies before them."""

    def __init__(self, _plan: Plan) -> None:
        # CPU and memory by constants: only the GPU's energy is compared, and nothing is looked up over a network.
        self._tracker = OfflineEmissionsTracker(
            country_iso_code="USA", output_methods=[], log_level="warning", force_cpu_power=10, force_ram_power=5,
            allow_multiple_runs=True,
        )  # fmt: skip
        self._count = 0
        self(lambda: None)

    def __call__(self, load: Load) -> float | None:
        """The task's GPU energy in J."""
        self._count += 1
        name = f"window {self._count}"
        self._tracker.start_task(name)
        load()
        emissions = self._tracker.stop_task(name)
        return None if emissions is None else float(emissions.gpu_energy) * J_PER_KWH


if __name__ == "__main__":
    serve(CodeCarbon, loggers=("codecarbon",))
