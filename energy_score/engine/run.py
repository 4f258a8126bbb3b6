"""One run from its spec to its report."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import Stage
from energy_score.contract.run_report import LoadedModel, RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.engine.backends.backend import AsksPrompts, Backend, Served
from energy_score.engine.backends.registry import open_backend
from energy_score.engine.benchmark import Benchmark
from energy_score.engine.datasets import Queries, load_queries
from energy_score.engine.endpoint.server import Server
from energy_score.engine.environment import read_software, require_gpus
from energy_score.engine.events import EventStream
from energy_score.engine.gpu_watch import GpuWatch
from energy_score.engine.hub import go_offline_if_unreachable
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.meter import Meter
from energy_score.engine.meters.registry import open_meters
from energy_score.engine.optimum.order import open_optimum
from energy_score.engine.outputs import write_energy_files, write_queries, write_texts
from energy_score.engine.result import Measured, RunResult, make_report
from energy_score.engine.stalls import StallWatch
from energy_score.engine.stopping import StopRequest
from energy_score.shared.analysis.statistics import phase_statistics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """What a run works with, once its queries are read and its GPUs are watched."""

    started_at: datetime
    queries: Queries
    meters: Sequence[Meter]
    watch: GpuWatch
    stalls: StallWatch


@dataclass(frozen=True)
class _ServedBackend:
    """A backend whose model is in a server; ``model`` is None if the server is managed and has not loaded it yet."""

    backend: Backend
    server: Server
    model: LoadedModel | None


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
    _gpu_unmeasured: str | None = field(default=None, init=False)

    def execute(self) -> RunReport:
        """Return the report, after it and every file beside it are on the disk.

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
            served = self._connect(open_parts)
            meters = self._open_meters(served.server if served else None)
            for meter in meters:
                open_parts.callback(meter.close)
            own_process_ids = frozenset if served is None else served.server.process_ids
            watch = open_parts.enter_context(
                GpuWatch(meters, seed=self.spec.generation.seed, own_process_ids=own_process_ids)
            )
            stalls = open_parts.enter_context(StallWatch())
            opened = _Opened(started_at, queries, meters, watch, stalls)
            if self.spec.backend == "optimum":
                return self._measure_whole_job(opened)
            return self._measure(opened, served)

    def _connect(self, open_parts: contextlib.ExitStack) -> "_ServedBackend | None":
        """Return the backend of a run whose model is in a server, connected; None if the run loads it itself.

        A running server has loaded its model before, outside the windows of this run, and is known to hold its GPUs
        once it has answered.
        """
        if self.spec.endpoint is None and self.spec.server_command is None:
            return None
        self._enter("load")
        backend = open_backend(self.spec)
        if not isinstance(backend, Served):
            return None
        server = open_parts.enter_context(backend.server)
        open_parts.callback(backend.close)
        return _ServedBackend(backend, server, model=None if server.managed else backend.load())

    def _open_meters(self, server: Server | None) -> Sequence[Meter]:
        """Return the meters of whatever does the work: this process, a server, or optimum-benchmark's own."""
        reasons: list[str] = []

        def note(side: str, reason: str) -> None:
            if side == "gpu":
                reasons.append(reason)

        if self.spec.backend == "optimum":
            # The run's own GPUs; of the CPU side what sees another process than this one.
            meters = open_meters(self.spec.meter, cpu_meters=("rapl",), on_skipped=note)
        elif server is None:
            meters = open_meters(self.spec.meter, on_skipped=note)
        else:
            meters = open_meters(self.spec.meter, gpus=server.gpus(), cpu_meters=server.cpu_meters, on_skipped=note)
        if not any(meter.domain == "gpu" for meter in meters):
            self._gpu_unmeasured = "; ".join(dict.fromkeys(reasons)) or f"the meter {self.spec.meter!r} reads no GPU"
        return meters

    def _open_measurement(self, opened: "_Opened", *, synchronise: Callable[[], None]) -> Measurement:
        return Measurement(
            opened.meters,
            synchronise=synchronise,
            integral=opened.watch.integral,
            surroundings=opened.watch,
            stalls=opened.stalls,
            dither_s=self.spec.repeat_policy.dither_s,
            seed=self.spec.generation.seed,
        )

    def _measure(self, opened: "_Opened", served: "_ServedBackend | None") -> RunReport:
        if served is None:  # opened once its GPUs are watched: what is on them by then is another's
            self._enter("load")
        backend = open_backend(self.spec) if served is None else served.backend
        measurement = self._open_measurement(opened, synchronise=backend.synchronise)
        model = served.model if served else None
        if model is None:
            loaded: list[LoadedModel] = []
            measurement.measure("load", lambda: loaded.append(backend.load()))
            model = loaded[0]
        log.info("loaded: dtype=%s devices=%s attention=%s", model.dtype, model.devices, model.attention)

        benchmark = Benchmark(
            spec=self.spec,
            backend=backend,
            rows=opened.queries.rows,
            measurement=measurement,
            events=self.events,
            stop=self.stop,
            power_w=opened.watch.power_w,
            calibrate_under_load=opened.watch.calibrate_under_load,
        )
        self._enter("warmup")
        benchmark.warm_up()
        self._enter("measure")
        if isinstance(backend, Served):
            backend.begin_counting()
        benchmark.measure()
        server_use = backend.server_use() if isinstance(backend, Served) else None
        software = read_software(server_use)
        prompt = backend.prompt_use if isinstance(backend, AsksPrompts) else None
        return self._report(
            opened, benchmark, model, measurement, software=software, server_use=server_use, prompt=prompt
        )

    def _measure_whole_job(self, opened: "_Opened") -> RunReport:
        """Measure a run that optimum-benchmark carries out, its phases read by the same meters."""
        self._enter("start")
        measurement = self._open_measurement(opened, synchronise=lambda: None)
        benchmark = open_optimum(
            self.spec,
            opened.queries.rows,
            directory=self.directory,
            measurement=measurement,
            events=self.events,
            enter=self._enter,
        )
        benchmark.measure()
        software = read_software(packages=()) | benchmark.versions
        optimum = benchmark.use(phase_statistics(measurement.windows))
        return self._report(
            opened,
            benchmark,
            benchmark.model,
            measurement,
            software=software,
            optimum=optimum,
            prompt=benchmark.prompt_use,
        )

    def _report(
        self,
        opened: "_Opened",
        benchmark: Measured,
        model: LoadedModel,
        measurement: Measurement,
        *,
        software: dict[str, str],
        server_use: ServerUse | None = None,
        optimum: OptimumUse | None = None,
        prompt: PromptUse | None = None,
    ) -> RunReport:
        """Write every file of the run, the report last, and return that."""
        self._enter("report")
        result = RunResult(
            started_at=opened.started_at,
            queries=opened.queries,
            meters=opened.meters,
            benchmark=benchmark,
            model=model,
            measurement=measurement,
            software=software,
            conditions=opened.watch.conditions(measurement),
            gpu_unmeasured=self._gpu_unmeasured,
            repairs=(*opened.watch.repairs(), *measurement.repairs.all()),
            server_use=server_use,
            optimum=optimum,
            prompt=prompt,
        )
        report = make_report(self.spec, result)
        write_queries(self.directory, benchmark.log.records)
        if self.spec.save_text:
            write_texts(self.directory, benchmark.answers())
        opened.watch.write_trace(self.directory.trace_file)
        write_energy_files(self.directory, report)
        report.write(self.directory.report_file)
        return report

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        log.info("stage=%s", stage)
        self.events.emit("stage", stage=stage)
