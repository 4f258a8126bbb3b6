"""What users see of a running batch on standard error: a live view on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from energy_score.contract.log_line import safe_line
from energy_score.contract.plain_text import format_json
from energy_score.contract.units import watt_hours
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.reports.results_table.result_row import ResultRow

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(Protocol):
    """Receives the events of a batch; ``engine_event`` is called from other threads, for several runs in any order."""

    def batch_started(self, *, run_count: int, headline: str) -> None:
        """Report the start of a batch with ``run_count`` runs."""

    def note(self, message: str) -> None:
        """Report something worth a line."""

    def run_started(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> None:
        """Report that a run was handed to the executor with its leased GPUs; ``number`` is the attempt."""

    def engine_event(self, planned: ResolvedRun, event: Mapping[str, Any]) -> None:
        """Report progress of a run's engine."""

    def run_finished(self, planned: PlannedRun, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        """Report that a run ended, or was skipped or refused."""

    def batch_finished(self, summary: str) -> None:
        """Report the end of the batch; there are no more events."""


class PlainProgress:
    """Print one line per event, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._run_count = 0
        self._finished_count = 0

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._run_count = run_count
        self._write(headline)

    def note(self, message: str) -> None:
        self._write(f"note: {message}")

    def run_started(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> None:
        del gpu_uuids  # in the run's log
        again = f" (attempt {number})" if number > 1 else ""
        self._write(f"[{self._finished_count + 1}/{self._run_count}] {planned.label}: started{again}")

    def engine_event(self, planned: ResolvedRun, event: Mapping[str, Any]) -> None:
        """Ignore it: a pipe needs no constant updates."""

    def run_finished(self, planned: PlannedRun, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        self._finished_count += 1
        energy = f", {energy_text(row)}" if row is not None and outcome == "done" else ""
        self._write(
            f"[{self._finished_count}/{self._run_count}] {planned.label}: {outcome}{energy}"
            f"{': ' + detail if detail else ''}"
        )

    def batch_finished(self, summary: str) -> None:
        self._write(summary)

    def _write(self, line: str) -> None:
        with suppress(OSError):  # the reader is gone or its disk is full: the batch continues
            self._stream.write(f"{safe_line(line)}\n")
            self._stream.flush()


class JsonProgress:
    """Write one JSON object per line to stdout: ``event``, ``timestamp`` (UTC, ISO 8601) and the event's fields.

    The events of a batch include its counts: ``run_count``, ``ended_count``, and ``counts`` by outcome.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._run_count: int | None = None  # until a batch begins: its counts are then not known
        self._counts: Counter[str] = Counter()

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._run_count = run_count
        self._emit("batch_started", headline=headline, **self._so_far())

    def note(self, message: str) -> None:
        self._emit("note", message=message)

    def run_started(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> None:
        self._emit("run_started", run=planned.label, name=planned.name, gpus=gpu_uuids, attempt=number)

    def engine_event(self, planned: ResolvedRun, event: Mapping[str, Any]) -> None:
        told = {("kind" if key == "event" else key): value for key, value in event.items()}
        self._emit("engine", **(told | {"run": planned.label, "name": planned.name}))

    def run_finished(self, planned: PlannedRun, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        self._counts[outcome] += 1
        result = row.model_dump(mode="json") if row is not None else None
        self._emit(
            "run_finished",
            run=planned.label,
            name=planned.name,
            outcome=outcome,
            detail=detail,
            result=result,
            **self._so_far(),
        )

    def batch_finished(self, summary: str) -> None:
        self._emit("batch_finished", summary=summary, **self._so_far())

    def _so_far(self) -> dict[str, object]:
        if self._run_count is None:
            return {}
        return {
            "run_count": self._run_count,
            "ended_count": self._counts.total(),
            "counts": dict(self._counts),
        }

    def _emit(self, event: str, **fields: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = format_json({"event": event, "timestamp": now, **fields}) + "\n"
        with self._lock, suppress(OSError):  # as PlainProgress
            self._stream.write(line)
            self._stream.flush()


class RichProgress:
    """Show a progress bar and a line for each current run, with finished runs scrolling by above."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as RichBars  # noqa: PLC0415

        self._console = Console(stderr=True, highlight=False)
        self._bars = RichBars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._runs: dict[str, tuple[TaskID, float]] = {}

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._print(headline)
        self._batch_bar = self._bars.add_task("batch", total=run_count, detail="")
        self._bars.start()

    def note(self, message: str) -> None:
        self._print(f"note: {message}")

    def run_started(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> None:
        del gpu_uuids  # in the run's log
        detail = f"attempt {number}" if number > 1 else "starting"
        bar = self._bars.add_task(safe_line(planned.label), total=None, detail=detail)
        self._runs[planned.name] = (bar, time.monotonic())

    def engine_event(self, planned: ResolvedRun, event: Mapping[str, Any]) -> None:
        if planned.name not in self._runs:
            return  # a late event after its end
        bar, start_s = self._runs[planned.name]
        if event["event"] == "stage":
            self._bars.update(bar, detail=safe_line(str(event.get("stage"))))
        elif event["event"] == "progress":
            done, total = int(event["queries_done"]), int(event["queries_planned"])
            elapsed_s = time.monotonic() - start_s
            left_s = elapsed_s * max(0, total - done) / max(1, done)
            detail = safe_line(f"{event['phase']}  {_energy_so_far(event)}  about {left_s:.0f} s left")
            self._bars.update(bar, completed=min(done, total), total=total, detail=detail)

    def run_finished(self, planned: PlannedRun, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        if planned.name in self._runs:
            self._bars.remove_task(self._runs.pop(planned.name)[0])
        self._bars.advance(self._batch_bar)
        energy = f"  {energy_text(row)}" if row is not None and outcome == "done" else ""
        self._print(f"{outcome:>8}  {planned.label}{energy}{'  ' + detail if detail else ''}")

    def batch_finished(self, summary: str) -> None:
        self._bars.stop()
        self._print(summary)

    def _print(self, line: str) -> None:
        with suppress(OSError):  # the terminal is gone: the batch continues
            self._console.print(safe_line(line), markup=False, soft_wrap=True)


def open_progress(*, as_json: bool) -> Progress:
    """Return the progress view that suits the output."""
    if as_json:
        return JsonProgress()
    return RichProgress() if sys.stderr.isatty() else PlainProgress()


def energy_text(row: ResultRow) -> str:
    """Return the row's energy as text with its source, or that it was not measured, or why it is not rateable."""
    if row.wh_per_1000_queries is not None:
        reasons = f": {row.verdict_reasons}" if row.verdict_reasons else ""
        rated = "" if row.rateable else f", not rateable{reasons}"
        return f"{row.wh_per_1000_queries:.4g} Wh GPU per 1,000 queries ({row.energy_source}{rated})"
    unmeasured = "GPU energy not measured" + (f": {row.gpu_unmeasured}" if row.gpu_unmeasured else "")
    if row.cpu_energy_wh is not None and row.successful_prompts:
        per_1000_wh = 1000 * row.cpu_energy_wh / row.successful_prompts
        return f"{unmeasured}; CPU {per_1000_wh:.4g} Wh per 1,000 queries ({row.cpu_energy_source})"
    return unmeasured


def _energy_so_far(event: Mapping[str, Any]) -> str:
    for domain in ("gpu", "cpu"):
        energy_j = event.get(f"{domain}_energy_j")
        if energy_j is not None:
            return f"{watt_hours(float(energy_j)):.4g} Wh {domain.upper()} so far"
    return "energy not measured"
