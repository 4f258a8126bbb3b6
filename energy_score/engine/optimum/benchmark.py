"""A whole job with optimum-benchmark: as many of its runs as the repeat policy asks for, measured by our meters."""

import json
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from energy_score.contract.errors import BenchmarkProcessError
from energy_score.contract.optimum_use import OptimumEnergy, OptimumUse
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import Stage
from energy_score.contract.run_report import LoadedModel, PhaseStatistics
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.benchmark import Answer
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.optimum import job
from energy_score.engine.optimum.process import OptimumProcess
from energy_score.engine.optimum.queries import PreparedModel
from energy_score.engine.optimum.report import differences, read_report
from energy_score.engine.query import Completion, Row
from energy_score.engine.query_log import QueryLog
from energy_score.shared.analysis.statistics import should_stop

log = logging.getLogger(__name__)

# Its names for what it tracks, and ours. Loading the dataset is not work of the model, and is not measured.
_PHASES = {
    "preprocess_dataset": "preprocess",
    "load_model": "load",
    "prefill": "prefill",
    "generate": "full",
    "forward": "forward",
}
_WORK = ("generate", "forward")


class OptimumBenchmark:
    """Run all queries of a spec with optimum-benchmark; the counterpart of ``Benchmark``, which uses a backend.

    One of its runs makes one pass over the dataset, so each repeat is a separate run, with loading and warm-up.
    """

    def __init__(
        self,
        *,
        spec: RunSpec,
        rows: Sequence[Row],
        prepared: PreparedModel,
        python: Path,
        environment: dict[str, Any],
        directory: RunDirectory,
        measurement: Measurement,
        events: EventStream,
        enter: Callable[[Stage], None],
    ) -> None:
        self._spec = spec
        self._prepared = prepared
        self._python = python
        self._environment = environment
        self._directory = directory
        self._measurement = measurement
        self._events = events
        self._enter = enter
        self._row_count = len(rows)
        self._settings: dict[str, Any] = {}
        self._energies: list[OptimumEnergy] = []
        self._reports: list[str] = []
        self._notes: tuple[str, ...] = ()
        self._model: LoadedModel | None = None
        self._started_s = 0.0
        self.log = QueryLog.of(len(rows))
        for index, error in prepared.queries.errors.items():
            self.log.records[index].error = error

    def measure(self) -> None:
        """Measure all repeats, and the idle baseline in the first and last one while the model is on its devices.

        Raises:
            BenchmarkProcessError: a run gave no result, or read other tokens than it was given.
        """
        policy = self._spec.repeat_policy
        for repeat in count(1):
            self._run(repeat, counted=repeat > policy.discarded_repeats)
            if should_stop(self._measurement.windows, policy):
                break

    @property
    def model(self) -> LoadedModel:
        """Return the settings read back from the model in the last run."""
        if self._model is None:
            raise BenchmarkProcessError("optimum-benchmark loaded no model")
        return self._model

    @property
    def versions(self) -> dict[str, str]:
        """Return the versions that affect the figures, in its own environment, by name."""
        versions: dict[str, str] = self._environment["versions"]
        return versions

    @property
    def prompt_use(self) -> PromptUse | None:
        """Return how the queries were asked; None if they are not prompts."""
        return self._prepared.prompt_use

    def first_prompt(self) -> str:
        """Return the first query, as rendered."""
        return next(iter(self._prepared.queries.prepared.values())).rendered

    def answers(self) -> list[Answer]:
        """Return none: optimum-benchmark discards answers, and a row that wants them was refused."""
        return []

    def use(self, statistics: Sequence[PhaseStatistics]) -> OptimumUse:
        """Return what optimum-benchmark reports for its runs, and the differences from ``statistics``."""
        use = OptimumUse(
            versions=self.versions,
            settings=json.dumps(self._settings, sort_keys=True),
            reports=tuple(self._reports),
            energies=tuple(self._energies),
        )
        return use.model_copy(update={"differences": differences(use, statistics)})

    def _run(self, repeat: int, *, counted: bool) -> None:
        with tempfile.TemporaryDirectory(prefix="optimum-") as name:
            folder = Path(name)
            gpu_indices = job.get_gpu_indices(self._spec)
            self._write_job(folder, device_ids=gpu_indices if self._environment["cuda"] else None)
            process = OptimumProcess(
                self._python,
                folder=folder,
                configuration=job.CONFIGURATION,
                variables=job.make_variables(folder, gpu_indices=gpu_indices),
            )
            if repeat == 1:
                self._enter("load")
            self._started_s = time.monotonic()
            try:
                with process:
                    self._follow(process, repeat, counted=counted)
            finally:
                kept = self._directory.optimum_folder
                job.keep(folder, "benchmark.log", kept / f"run_{repeat:02}_benchmark.log")
                job.keep(folder, "benchmark_config.json", kept / f"run_{repeat:02}_benchmark_config.json")
            self._read(folder, repeat, counted=counted)

    def _write_job(self, folder: Path, *, device_ids: str | None) -> None:
        processor, note = job.processor_for_4(self._spec, self._prepared, folder / job.PROCESSOR)
        self._notes = (note,) if note else ()
        self._prepared.queries.write(folder / job.QUERIES)
        self._settings = job.write_job(
            self._spec,
            folder,
            commit=self._prepared.commit,
            model_type=self._prepared.model_type,
            processor=processor,
            query_count=len(self._prepared.queries.prepared),
            device_ids=device_ids,
        )

    def _follow(self, process: OptimumProcess, repeat: int, *, counted: bool) -> None:
        """Measure the marked phases until the process is done."""
        while (mark := process.next_mark())["mark"] != "done":
            if mark["mark"] == "inputs":
                self._compare(mark["input_ids"])
            elif mark["mark"] == "begin" and mark["phase"] in _PHASES:
                self._measure_phase(process, mark["phase"], repeat, counted=counted)
            process.go_on()
        process.go_on()

    def _measure_phase(self, process: OptimumProcess, name: str, repeat: int, *, counted: bool) -> None:
        """Measure one window from its start to its end mark, which still needs a reply."""
        phase = _PHASES[name]
        log.info("phase=%s repeat=%d counted=%s", phase, repeat, counted)
        ends: list[dict[str, Any]] = []

        def run_pass() -> None:
            process.go_on()
            ends.append(process.next_mark())

        if name == "load_model":
            if repeat == 1:  # a load is an overhead of the run, told once
                self._measurement.measure(phase, run_pass)
            else:
                run_pass()
            self._note_model(ends[0]["model"])
            # Each repeat is a separate process, whose id is unknown outside of a container.
            self._measurement.arrivals_s.append((self._started_s, time.monotonic()))
            if repeat == 1:
                self._measure_idle()
                self._enter("measure")
            return
        # Its process goes on to what follows: a window that is spoilt cannot be had again.
        self._measurement.measure(
            phase, run_pass, repeat=repeat, counted=counted, query_count=self._row_count, repeatable=False
        )
        if name in _WORK:
            self._note_calls(ends[0]["calls"], counted=counted)
            if should_stop(self._measurement.windows, self._spec.repeat_policy):
                self._measure_idle()
        self._tell(phase, repeat)

    def _compare(self, input_ids: list[list[int]]) -> None:
        """Return if its tokenizer gave the same tokens as ours for every text."""
        expected = self._prepared.queries.expected_ids
        if input_ids == expected:
            return
        pairs = zip(self._prepared.queries.prepared, expected, input_ids, strict=False)
        index, ours, theirs = next((p for p in pairs if p[1] != p[2]), (0, expected, input_ids))
        raise BenchmarkProcessError(
            f"optimum-benchmark reads query {index} as {len(theirs)} tokens, and our tokenizer as {len(ours)}, or as "
            f"others: transformers {self.versions['transformers']} tokenizes this model differently. Use --backend "
            "pytorch."
        )

    def _note_model(self, facts: dict[str, Any]) -> None:
        self._model = LoadedModel.model_validate(
            facts | {"random_weights": False, "notes": self._notes, "commit": self._prepared.commit or facts["commit"]}
        )
        log.info(
            "loaded: dtype=%s devices=%s attention=%s", self._model.dtype, self._model.devices, self._model.attention
        )

    def _note_calls(self, calls: list[list[Any]], *, counted: bool) -> None:
        """Record the counts and times of the pass over all queries, call by call."""
        queries = self._prepared.queries.prepared
        if len(calls) != len(queries):
            raise BenchmarkProcessError(f"optimum-benchmark made {len(calls)} calls for {len(queries)} queries")
        if not counted:
            return
        for (index, query), (prompt_tokens, completion_tokens, latency_s) in zip(queries.items(), calls, strict=True):
            completion = Completion(
                latency_s=latency_s, output=None, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
            )
            self.log.note_measured(index, query, completion)

    def _read(self, folder: Path, repeat: int, *, counted: bool) -> None:
        """Save its report unchanged, and read it."""
        kept = self._directory.optimum_folder / f"run_{repeat:02}_benchmark_report.json"
        job.keep(folder, "benchmark_report.json", kept)
        self._energies += read_report(kept, repeat=repeat, counted=counted)
        self._reports.append(f"{kept.parent.name}/{kept.name}")

    def _measure_idle(self) -> None:
        idle_s = self._spec.repeat_policy.idle_baseline_s
        if idle_s > 0:
            self._measurement.measure("idle", lambda: time.sleep(idle_s))

    def _tell(self, phase: str, repeat: int) -> None:
        policy = self._spec.repeat_policy
        self._events.emit(
            "progress",
            phase=phase,
            queries_done=self._row_count * repeat if phase in ("full", "forward") else self._row_count * (repeat - 1),
            queries_planned=self._row_count * (policy.discarded_repeats + policy.repeats),
            gpu_energy_j=self._measurement.energy_j("gpu"),
            cpu_energy_j=self._measurement.energy_j("cpu"),
        )
