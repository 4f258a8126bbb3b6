"""The windows around what optimum-benchmark marks, with a process that marks by rule."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.optimum.benchmark import OptimumBenchmark
from energy_score.engine.optimum.process import OptimumProcess
from energy_score.engine.optimum.queries import OptimumQueries, PreparedModel

MODEL = {
    "commit": None, "dtype": "float32", "devices": ["cuda:0"], "parameter_count": 1, "attention": None,
    "offloaded": False, "context_length": None, "quantization": None,
}  # fmt: skip


class LoadingProcess:
    """Begins to load the model, and has loaded it."""

    def __init__(self) -> None:
        self._marks: list[dict[str, Any]] = [
            {"mark": "begin", "phase": "load_model"},
            {"mark": "end", "phase": "load_model", "model": MODEL},
            {"mark": "done"},
        ]

    def next_mark(self) -> dict[str, Any]:
        return self._marks.pop(0)

    def go_on(self) -> None:
        """Nobody waits for it."""


def test_it_is_kept_when_the_process_of_each_repeat_came_to_the_gpus(
    make_spec: Callable[..., RunSpec], tmp_path: Path
) -> None:
    """In a container its id is unknown, and it would look like a foreign process within the windows."""
    measurement = Measurement([], synchronise=lambda: None)
    benchmark = OptimumBenchmark(
        spec=make_spec(), rows=[], measurement=measurement, events=EventStream(io.StringIO()),
        prepared=PreparedModel(None, "gpt2", None, None, OptimumQueries()), python=tmp_path, enter=lambda stage: None,
        environment={"cuda": True, "versions": {}}, directory=RunDirectory(tmp_path),
    )  # fmt: skip
    start_s = benchmark._started_s = time.monotonic()
    benchmark._follow(cast("OptimumProcess", LoadingProcess()), 2, counted=True)
    ((from_s, until_s),) = measurement.arrivals_s
    assert start_s == from_s < until_s < time.monotonic()
