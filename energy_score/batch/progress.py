"""What a user sees of a running batch on standard error: a live view on a terminal, plain lines elsewhere."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from energy_score.contract.result_row import ResultRow
from energy_score.contract.units import watt_hours


class Progress(Protocol):
    """Is told what happens in a batch, in order; ``engine_event`` comes from another thread."""

    def batch_started(self, *, run_count: int, headline: str) -> None:
        """The plan stands: so many runs."""

    def note(self, message: str) -> None:
        """Something worth a line."""

    def run_started(self, label: str) -> None:
        """A run was handed to the executor."""

    def engine_event(self, event: Mapping[str, Any]) -> None:
        """The engine said how far it is."""

    def run_finished(self, label: str, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        """A run ended, or was skipped or refused."""

    def batch_finished(self, summary: str) -> None:
        """Nothing more will happen."""


class PlainProgress:
    """One line for each thing that happened, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._run_count = 0
        self._finished_count = 0

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._run_count = run_count
        self._write(headline)

    def note(self, message: str) -> None:
        self._write(f"note: {message}")

    def run_started(self, label: str) -> None:
        self._write(f"[{self._finished_count + 1}/{self._run_count}] {label}: started")

    def engine_event(self, event: Mapping[str, Any]) -> None:
        """A pipe wants no ticking."""

    def run_finished(self, label: str, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        self._finished_count += 1
        energy = f", {energy_text(row)}" if row is not None and outcome == "done" else ""
        self._write(
            f"[{self._finished_count}/{self._run_count}] {label}: {outcome}{energy}{': ' + detail if detail else ''}"
        )

    def batch_finished(self, summary: str) -> None:
        self._write(summary)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class JsonProgress:
    """One JSON object a line on standard output, for machines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._emit("batch_started", run_count=run_count, headline=headline)

    def note(self, message: str) -> None:
        self._emit("note", message=message)

    def run_started(self, label: str) -> None:
        self._emit("run_started", run=label)

    def engine_event(self, event: Mapping[str, Any]) -> None:
        self._emit("engine", **{("kind" if key == "event" else key): value for key, value in event.items()})

    def run_finished(self, label: str, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        result = row.model_dump(mode="json") if row is not None else None
        self._emit("run_finished", run=label, outcome=outcome, detail=detail, result=result)

    def batch_finished(self, summary: str) -> None:
        self._emit("batch_finished", summary=summary)

    def _emit(self, event: str, **fields: object) -> None:
        self._stream.write(json.dumps({"event": event, **fields}) + "\n")
        self._stream.flush()


class RichProgress:
    """A batch bar and a line for the current run, above which finished runs scroll by."""

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
        self._run_start_s = 0.0

    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._print(headline)
        self._batch_bar = self._bars.add_task("batch", total=run_count, detail="")
        self._run_bar = self._bars.add_task("", total=None, detail="", visible=False)
        self._bars.start()

    def note(self, message: str) -> None:
        self._print(f"note: {message}")

    def run_started(self, label: str) -> None:
        self._run_start_s = time.monotonic()
        self._bars.reset(self._run_bar, description=label, total=None, detail="starting", visible=True)

    def engine_event(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "stage":
            self._bars.update(self._run_bar, detail=str(event.get("stage")))
        elif event["event"] == "progress":
            done, planned = int(event["queries_done"]), int(event["queries_planned"])
            elapsed_s = time.monotonic() - self._run_start_s
            left_s = elapsed_s * max(0, planned - done) / max(1, done)
            detail = f"{event['phase']}  {_energy_so_far(event)}  about {left_s:.0f} s left"
            self._bars.update(self._run_bar, completed=min(done, planned), total=planned, detail=detail)

    def run_finished(self, label: str, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        self._bars.update(self._run_bar, visible=False)
        self._bars.advance(self._batch_bar)
        energy = f"  {energy_text(row)}" if row is not None and outcome == "done" else ""
        self._print(f"{outcome:>8}  {label}{energy}{'  ' + detail if detail else ''}")

    def batch_finished(self, summary: str) -> None:
        self._bars.stop()
        self._print(summary)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


def open_progress(*, as_json: bool) -> Progress:
    """The progress view that fits where the output goes."""
    if as_json:
        return JsonProgress()
    return RichProgress() if sys.stderr.isatty() else PlainProgress()


def energy_text(row: ResultRow) -> str:
    """The row's energy in words, with its source; says so where no GPU was measured, or why it is not rateable."""
    if row.wh_per_1000_queries is not None:
        reasons = f": {row.verdict_reasons}" if row.verdict_reasons else ""
        rated = "" if row.rateable else f", not rateable{reasons}"
        return f"{row.wh_per_1000_queries:.4g} Wh GPU per 1,000 queries ({row.energy_source}{rated})"
    if row.cpu_energy_wh is not None and row.successful_prompts:
        per_1000_wh = 1000 * row.cpu_energy_wh / row.successful_prompts
        return f"GPU energy unmeasured; CPU {per_1000_wh:.4g} Wh per 1,000 queries ({row.cpu_energy_source})"
    return "energy unmeasured"


def _energy_so_far(event: Mapping[str, Any]) -> str:
    for domain in ("gpu", "cpu"):
        energy_j = event.get(f"{domain}_energy_j")
        if energy_j is not None:
            return f"{watt_hours(float(energy_j)):.4g} Wh {domain.upper()} so far"
    return "energy unmeasured"
