"""Run in a child on the simulated NVML: three repeats beside the real watch, then the verdict, as one JSON object."""

import json
import sys
import time

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Hardware, LoadedModel, QueryStatistics, TokenCounts
from energy_score.engine.gpu_watch import GpuWatch
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters import sampler
from energy_score.engine.meters.registry import open_meters
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.verdict import judge
from tests.nvml_simulator.own_time import OwnTime
from tests.support.record_factory import make_spec


def main() -> None:
    OwnTime().install(sampler)
    try:
        meters = open_meters(sys.argv[1])
    except MeterError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return
    with GpuWatch(meters, seed=1) as watch:
        measurement = Measurement(meters, synchronise=lambda: None, integral=watch.integral, surroundings=watch)
        for repeat in range(1, 4):
            for phase in ("prefill", "full"):
                measurement.measure(phase, lambda: time.sleep(0.4), repeat=repeat, counted=True, query_count=10)
        conditions = watch.conditions(measurement)
    verdict = judge(
        spec=make_spec(),
        windows=measurement.windows,
        queries=QueryStatistics(
            asked=10, succeeded=10, failed=0, retried=0, first_error=None, mean_latency_s=None,
            mean_time_to_first_token_s=None, inter_token_latency_p50_s=None, inter_token_latency_p95_s=None,
            inter_token_latency_p99_s=None,
        ),
        tokens=TokenCounts(prompt=10, completion=100, completion_min=10, completion_max=10),
        model=LoadedModel(
            commit=None, dtype="bfloat16", devices=("cuda:0",), parameter_count=1, attention=None,
            random_weights=False, offloaded=False, context_length=None,
        ),
        hardware=Hardware(gpus=meters[0].gpus, cpu="", cpu_count=1, memory_mib=1),
        conditions=conditions,
        repairs=measurement.repairs.all(),
    )  # fmt: skip
    energies_j = [energy_j for window in measurement.windows for energy_j in window.energy_j.values()]
    total = next((figure for figure in phase_statistics(measurement.windows) if figure.phase == "total"), None)
    sys.stdout.write(
        json.dumps(
            {
                "codes": {reason.code: reason.observed for reason in verdict.reasons},
                "rateable": verdict.rateable,
                "repaired": [repair.cause for repair in measurement.repairs.all()],
                "smallest_j": min(energies_j, default=None),
                "total_j": total.mean_energy_j if total else None,
                "source": measurement.windows[0].source,
            }
        )
    )
    for meter in meters:
        meter.close()


if __name__ == "__main__":
    main()
