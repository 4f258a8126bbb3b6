"""The documented files beside the report, each written whole or not at all."""

import json
from collections.abc import Iterable

from energy_score.contract.csv_text import table_text
from energy_score.contract.record import write_atomically
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import RunReport
from energy_score.engine.benchmark import Answer
from energy_score.engine.query_log import QueryRecord
from energy_score.shared.analysis.energy_files import energy_files


def write_queries(directory: RunDirectory, records: Iterable[QueryRecord]) -> None:
    """``benchmark_results.csv``: one row per query; times in s are means over the counted passes."""
    header = (
        "query_index",
        "status",
        "prompt_tokens",
        "completion_tokens",
        "finish_reason",
        "latency_seconds",
        "time_to_first_token_seconds",
        "retried",
        "error_message",
        "truncated",
        "input_images",
        "input_audio_seconds",
        "output_images",
        "thinking_tokens",
        "answer_tokens",
    )
    rows = (
        (
            record.index,
            "success" if record.succeeded else "failed",
            record.prompt_tokens,
            record.completion_tokens,
            record.finish_reason,
            record.mean_latency_s,
            record.mean_first_token_s,
            str(record.retried).lower(),
            record.error,
            str(record.truncated).lower(),
            record.input_images,
            record.input_audio_s,
            record.output_images,
            record.thinking_tokens,
            record.answer_tokens,
        )
        for record in records
    )
    write_atomically(directory.queries_file, table_text(header, rows))


def write_texts(directory: RunDirectory, answers: Iterable[Answer]) -> None:
    """``texts.jsonl``: each rendered prompt and its answer."""
    lines = (
        json.dumps({"query_index": answer.index, "prompt": answer.rendered, "completion": answer.completion})
        for answer in answers
    )
    write_atomically(directory.texts_file, "".join(f"{line}\n" for line in lines))


def write_energy_files(directory: RunDirectory, report: RunReport) -> None:
    """``GPU_ENERGY_SUMMARY.json`` always; ``GPU_ENERGY_WH.txt`` and ``emissions/`` only where a GPU was measured."""
    for path, text in energy_files(report, directory).items():
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, text)
