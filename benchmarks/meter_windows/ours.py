"""Windows as the engine measures them: ``Measurement`` with the NVML meter."""

from benchmarks.meter_windows.plan import Load, Plan, serve
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.nvml import open_nvml_meter


class Faulty(Exception):  # noqa: N818 - the name is shown with the fault
    """The window has no figure; the text is the meter's own reason."""


class Ours:
    """One meter for all windows, as in a run."""

    def __init__(self, plan: Plan) -> None:
        self._by_power = plan.by_power
        self._measurement = Measurement([open_nvml_meter()], synchronise=lambda: None)

    def __call__(self, load: Load) -> float | None:
        """The window's energy in J."""
        self._measurement.measure("window", load)
        window = self._measurement.windows[-1]
        if window.faults:
            raise Faulty(", ".join(window.faults.values()))
        if self._by_power and window.integral_j:
            return sum(window.integral_j.values())
        return window.total_j


if __name__ == "__main__":
    serve(Ours, loggers=("energy_score",))
