"""Check ``benchmark_results.csv``: compare its rows with the query figures in the report."""

import csv
import io
from collections.abc import Iterator, Sequence

from energy_score.contract.run_report import WORK_PHASES, RunReport
from energy_score.reports.submission.findings import Finding, differences, finding

# A row has a hundred bytes, and a dataset a thousand rows.
_MAX_BYTES = 64 * 2**20

# Latencies are means over the passes, and the two clocks are read at slightly different times.
_ROUNDING = 1e-3

_Row = dict[str, str]


def check_query_table(file: str, content: bytes, report_file: str, report: RunReport) -> Iterator[Finding]:
    """Yield a finding for each query figure of ``report`` that does not match the table's rows."""
    if len(content) > _MAX_BYTES:
        yield finding(file, f"{len(content)} bytes, more than the limit of {_MAX_BYTES} for a query table")
        return
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        derived = _derive_figures(rows)
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError, OverflowError) as error:
        yield finding(file, f"not a query table: {type(error).__name__}: {error}")
        return
    stated = {
        **report.queries.model_dump(
            include={"asked", "succeeded", "failed", "retried", "truncated", "mean_latency_s"}
            | {"mean_time_to_first_token_s"}
        ),
        "prompt_tokens": report.tokens.prompt,
        "completion_tokens": report.tokens.completion,
        **report.media.model_dump(),
    }
    yield from differences(report_file, stated, derived, source=f"the rows of {file}", field="queries")
    yield from _check_limits(file, rows, report)
    yield from _check_times(file, rows, report)


def _derive_figures(rows: Sequence[_Row]) -> dict[str, int | float | None]:
    if [int(row["query_index"]) for row in rows] != list(range(len(rows))):
        raise ValueError("query_index does not count up from 0")
    successes = [row for row in rows if row["status"] == "success"]
    return {
        "asked": len(rows),
        "succeeded": len(successes),
        "failed": len(rows) - len(successes),
        "retried": sum(row["retried"] == "true" for row in rows),
        "truncated": sum(row["truncated"] == "true" for row in successes),
        "mean_latency_s": _mean(_numbers(successes, "latency_seconds")),
        "mean_time_to_first_token_s": _mean(_numbers(successes, "time_to_first_token_seconds")),
        "prompt_tokens": _sum(_numbers(successes, "prompt_tokens")),
        "completion_tokens": _sum(_numbers(successes, "completion_tokens")),
        "input_images": _sum(_numbers(successes, "input_images")),
        "input_audio_s": _sum(_numbers(successes, "input_audio_seconds")),
        "output_images": _sum(_numbers(successes, "output_images")),
    }


def _check_limits(file: str, rows: Sequence[_Row], report: RunReport) -> Iterator[Finding]:
    """Check the report's shortest and longest completion: they cover all passes, the table one number per query."""
    low, high = report.tokens.completion_min, report.tokens.completion_max
    counts = [
        count
        for count in _numbers([row for row in rows if row["status"] == "success"], "completion_tokens")
        if count is not None
    ]
    if counts and not (low is not None and high is not None and low <= min(counts) <= max(counts) <= high):
        message = f"found {min(counts):g} to {max(counts):g} tokens, but the report says {low} to {high}"
        yield finding(file, message, field="completion_tokens")


def _check_times(file: str, rows: Sequence[_Row], report: RunReport) -> Iterator[Finding]:
    """Check that the answers of a pass took no longer than the pass, with the run spec's number of parallel queries.

    A query that failed in some pass has no time for it, so retried queries are left out.
    """
    first = next((window for window in report.phases if window.counted), None)
    work = [
        window
        for window in report.phases
        if first is not None
        and window.counted
        and window.phase in WORK_PHASES
        and (window.domain, window.source) == (first.domain, first.source)
    ]
    if not work:
        return
    answered = [row for row in rows if row["status"] == "success" and row["retried"] == "false"]
    answers_s = sum(latency_s or 0.0 for latency_s in _numbers(answered, "latency_seconds"))
    pass_s = sum(window.duration_s for window in work) / sum(window.passes for window in work)
    if answers_s > (1 + _ROUNDING) * pass_s * report.spec.concurrency:
        message = (
            f"the answers took {answers_s:.2f} s, {report.spec.concurrency} at a time, but by the report's windows, a "
            f"pass over all queries took {pass_s:.2f} s"
        )
        yield finding(file, message, field="latency_seconds")


def _numbers(rows: Sequence[_Row], column: str) -> list[float | None]:
    return [float(row[column]) if row[column] else None for row in rows]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _sum(values: Sequence[float | None]) -> float | None:
    """Return the sum as the engine computes it: None if a count is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
