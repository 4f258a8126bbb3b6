"""Prepare a run with optimum-benchmark: check its environment and prepare every query, without measuring anything."""

import os
from collections.abc import Callable, Sequence

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.optimum_environment import describe_optimum_setup, optimum_python
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import Stage
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.optimum.benchmark import OptimumBenchmark
from energy_score.engine.optimum.process import probe
from energy_score.engine.optimum.queries import prepare
from energy_score.engine.query import Row


def open_optimum(
    spec: RunSpec,
    rows: Sequence[Row],
    *,
    directory: RunDirectory,
    measurement: Measurement,
    events: EventStream,
    enter: Callable[[Stage], None],
) -> OptimumBenchmark:
    """Return the benchmark of ``spec``; ``enter`` is called with each stage.

    Raises:
        EnvironmentNotReadyError: optimum-benchmark's environment does not exist or lacks something.
        ModelLoadError, PromptRenderError, QueryError: The queries cannot be prepared.
    """
    python = optimum_python(os.environ)
    if not python.exists():
        raise EnvironmentNotReadyError(
            f"the optimum backend needs a separate environment for optimum-benchmark, and {python} does not exist: "
            f"{describe_optimum_setup(os.environ)}"
        )
    environment = probe(python)
    enter("render")
    return OptimumBenchmark(
        spec=spec,
        rows=rows,
        prepared=prepare(spec, rows),
        python=python,
        environment=environment,
        directory=directory,
        measurement=measurement,
        events=events,
        enter=enter,
    )
