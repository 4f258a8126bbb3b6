"""One run from its spec to its report."""

import contextlib
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import Stage
from energy_score.contract.run_report import Gpu, GpuConditions, LoadedModel, RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.engine.backends.backend import Backend, Served
from energy_score.engine.backends.registry import open_backend
from energy_score.engine.benchmark import Answer, Benchmark
from energy_score.engine.datasets import Queries, load_queries
from energy_score.engine.environment import read_hardware, read_software, require_gpus, warn_of_other_hardware
from energy_score.engine.events import EventStream
from energy_score.engine.gpu_watch import GpuWatch
from energy_score.engine.hub import go_offline_if_unreachable
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.meter import Meter
from energy_score.engine.meters.registry import open_meters
from energy_score.engine.optimum.order import open_optimum
from energy_score.engine.outputs import write_energy_files, write_queries, write_texts
from energy_score.engine.query_log import QueryLog
from energy_score.engine.stopping import StopRequest
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.verdict import judge

log = logging.getLogger(__name__)


class Measured(Protocol):
    """What is left of a benchmark once it has measured: ours, which asks a backend, or another's whole job."""

    log: QueryLog

    def first_prompt(self) -> str:
        """The first query that was asked, as rendered."""

    def answers(self) -> list[Answer]:
        """Prompts and answers as text, where the spec asks to keep them."""


@dataclass
class Run:
    """One spec being carried out; ``stage`` says how far it came, for the record of a failure.

    ``gpu_uuids`` are the GPUs that its executor gave it: a container engine may have ignored the request.
    """

    spec: RunSpec
    directory: RunDirectory
    gpu_uuids: tuple[str, ...] = ()
    events: EventStream = field(default_factory=EventStream)
    stop: StopRequest = field(default_factory=StopRequest)
    stage: Stage = "start"

    def execute(self) -> RunReport:
        """The report, after it and every file beside it are on the disk.

        Raises:
            EnergyScoreError: the run cannot give a result; ``stage`` says where it stopped.
        """
        started_at = datetime.now(UTC)
        require_gpus(self.gpu_uuids)
        loads_from_hub = self.spec.model_path is None and self.spec.endpoint is None
        if loads_from_hub or self.spec.dataset.path is None:
            go_offline_if_unreachable()
        self._enter("data")
        queries = load_queries(self.spec.dataset, query_count=self.spec.query_count)
        with contextlib.ExitStack() as open_parts:
            backend: Backend | None = None
            server, model = None, None
            if self.spec.endpoint is not None or self.spec.server_command is not None:
                self._enter("load")
                backend = open_backend(self.spec)
                if isinstance(backend, Served):
                    server = open_parts.enter_context(backend.server)
                    open_parts.callback(backend.close)
                    # A running one has loaded its model before, which is no window of this run's, and is known to hold
                    # its GPUs once it has answered.
                    model = None if server.managed else backend.load()
            if self.spec.backend == "optimum":
                # The run's own GPUs; of the CPU side what sees another process than this one.
                meters = open_meters(self.spec.meter, cpu_meters=("rapl",))
            elif server is None:
                meters = open_meters(self.spec.meter)
            else:
                meters = open_meters(self.spec.meter, gpus=server.gpus(), cpu_meters=server.cpu_meters)
            for meter in meters:
                open_parts.callback(meter.close)
            own_process_ids = frozenset if server is None else server.process_ids
            watch = open_parts.enter_context(
                GpuWatch(meters, seed=self.spec.generation.seed, own_process_ids=own_process_ids)
            )
            if self.spec.backend == "optimum":
                return self._measure_whole_job(queries, meters=meters, watch=watch, started_at=started_at)
            if backend is None:  # opened once its GPUs are watched: what is on them by then is another's
                self._enter("load")
                backend = open_backend(self.spec)
            return self._measure(
                queries, backend=backend, model=model, meters=meters, watch=watch, started_at=started_at
            )

    def _measure(
        self,
        queries: Queries,
        *,
        backend: Backend,
        model: LoadedModel | None,
        meters: Sequence[Meter],
        watch: GpuWatch,
        started_at: datetime,
    ) -> RunReport:
        measurement = Measurement(meters, synchronise=backend.synchronise, integral=watch.integral)
        if model is None:
            loaded: list[LoadedModel] = []
            measurement.measure("load", lambda: loaded.append(backend.load()))
            model = loaded[0]
        log.info("loaded: dtype=%s devices=%s attention=%s", model.dtype, model.devices, model.attention)

        benchmark = Benchmark(
            spec=self.spec, backend=backend, rows=queries.rows, measurement=measurement, events=self.events,
            stop=self.stop, power_w=watch.power_w,
        )  # fmt: skip
        self._enter("warmup")
        benchmark.warm_up()
        self._enter("measure")
        if isinstance(backend, Served):
            backend.begin_counting()
        benchmark.measure()
        server_use = backend.server_use() if isinstance(backend, Served) else None

        return self._report(
            benchmark=benchmark, model=model, queries=queries, measurement=measurement, meters=meters, watch=watch,
            software=read_software(server_use), server_use=server_use, started_at=started_at,
        )  # fmt: skip

    def _measure_whole_job(
        self, queries: Queries, *, meters: Sequence[Meter], watch: GpuWatch, started_at: datetime
    ) -> RunReport:
        """The run carried out by optimum-benchmark, its phases read by the same meters."""
        self._enter("start")
        measurement = Measurement(meters, synchronise=lambda: None, integral=watch.integral)
        benchmark = open_optimum(
            self.spec, queries.rows, directory=self.directory, measurement=measurement, events=self.events,
            enter=self._enter,
        )  # fmt: skip
        benchmark.measure()
        return self._report(
            benchmark=benchmark, model=benchmark.model, queries=queries, measurement=measurement, meters=meters,
            watch=watch, software=read_software(packages=()) | benchmark.versions,
            optimum=benchmark.use(phase_statistics(measurement.windows)), started_at=started_at,
        )  # fmt: skip

    def _report(
        self,
        *,
        benchmark: Measured,
        model: LoadedModel,
        queries: Queries,
        measurement: Measurement,
        meters: Sequence[Meter],
        watch: GpuWatch,
        software: dict[str, str],
        started_at: datetime,
        server_use: ServerUse | None = None,
        optimum: OptimumUse | None = None,
    ) -> RunReport:
        """The report, written last of all files."""
        self._enter("report")
        report = self._made_report(
            benchmark=benchmark, model=model, queries=queries, measurement=measurement, meters=meters,
            conditions=watch.conditions(measurement), software=software, server_use=server_use, optimum=optimum,
            started_at=started_at,
        )  # fmt: skip
        write_queries(self.directory, benchmark.log.records)
        if self.spec.save_text:
            write_texts(self.directory, benchmark.answers())
        watch.write_trace(self.directory.trace_file)
        write_energy_files(self.directory, report)
        report.write(self.directory.report_file)
        return report

    def _made_report(
        self,
        *,
        benchmark: Measured,
        model: LoadedModel,
        queries: Queries,
        measurement: Measurement,
        meters: Sequence[Meter],
        conditions: tuple[GpuConditions, ...],
        software: dict[str, str],
        server_use: ServerUse | None,
        optimum: OptimumUse | None,
        started_at: datetime,
    ) -> RunReport:
        gpus: list[Gpu] = [gpu for meter in meters for gpu in meter.gpus]
        hardware = read_hardware(gpus)
        warn_of_other_hardware(hardware)
        query_statistics, tokens = benchmark.log.statistics(), benchmark.log.tokens()
        return RunReport(
            run_id=self.spec.run_id,
            spec_identity=self.spec.identity(),
            spec=self.spec,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            model=model,
            dataset_revision=queries.revision,
            phases=tuple(measurement.windows),
            statistics=phase_statistics(measurement.windows),
            queries=query_statistics,
            tokens=tokens,
            media=benchmark.log.media(),
            first_prompt_sha256=hashlib.sha256(benchmark.first_prompt().encode()).hexdigest(),
            hardware=hardware,
            software=software,
            meters=tuple(meter.description for meter in meters),
            conditions=conditions,
            server=server_use,
            optimum=optimum,
            verdict=judge(
                spec=self.spec,
                windows=measurement.windows,
                queries=query_statistics,
                tokens=tokens,
                model=model,
                hardware=hardware,
                conditions=conditions,
                server=server_use,
            ),
        )

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        log.info("stage=%s", stage)
        self.events.emit("stage", stage=stage)
