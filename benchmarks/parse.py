"""CPU time to parse a sheet of 10,000 rows, beside csv.DictReader and pandas reading the same file.

Run: python -m benchmarks.parse [--rows 10000] [--rounds 15]
"""

import argparse
import csv
import functools
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.side_by_side import Ratio, is_kept, samples_in_turn
from model_config_parser import ModelConfigParser

OURS, PEER = "ModelConfigParser", "csv.DictReader"
LIMIT = 7.0  # of csv.DictReader's CPU time; measured on 28 November 2026: 4.7 and 4.9 (load 11), before 4.6 and 5.2
CELLS = {
    "On": "enable_thinking=True",
    "Off": "enable_thinking=False",
    "On (High)": '"  reasoning: True\r\n  reasoning_params:\r\n    reasoning_effort: high"',
    "Off (N/A)": "N/A (default)",
}


def write_sheet(path: Path, rows: int) -> None:
    """A sheet of ``rows`` rows in the shape of the real one."""
    lines = [",Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"]
    for number in range(rows):
        state = list(CELLS)[number % len(CELLS)]
        url = f"https://huggingface.co/Qwen/Qwen3-{number // len(CELLS)}B"
        lines.append(f",{url},{1 + number % 3},{'ABC'[number % 3]},text_gen,{state},{CELLS[state]}")
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig", newline="")


def _dict_reader(path: Path) -> int:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return len(list(csv.DictReader(stream)))


def cpu_time_s(read: Callable[[Path], int], sheet: Path, rows: int) -> float:
    """CPU seconds of one reading of ``sheet``."""
    gc.collect()  # what the reading before left behind is not this one's work
    start_s = time.process_time()
    if read(sheet) != rows:
        raise SystemExit(f"{read} did not read {rows} rows")
    return time.process_time() - start_s


def main() -> int:
    """Print the medians and the verdict; 1 if the limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    readers: dict[str, Callable[[Path], int]] = {
        OURS: lambda path: len(ModelConfigParser(path).parse()),
        PEER: _dict_reader,
        "pandas.read_csv": lambda path: len(pd.read_csv(path)),
    }
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "models.csv"
        write_sheet(sheet, arguments.rows)
        measures = {name: functools.partial(cpu_time_s, read, sheet, arguments.rows) for name, read in readers.items()}
        samples_in_turn(measures, 1)  # the first reading of each also fills caches
        samples = samples_in_turn(measures, arguments.rounds)
    for name, values_s in samples.items():
        ratio = Ratio.of(values_s, samples[PEER])
        print(f"{name:17} {statistics.median(values_s):6.3f} s CPU, {ratio.median:4.1f} x {PEER}")
    return 0 if is_kept(OURS, Ratio.of(samples[OURS], samples[PEER]), peer=PEER, limit=LIMIT) else 1


if __name__ == "__main__":
    sys.exit(main())
