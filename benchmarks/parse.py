"""Time to parse a sheet of 10,000 rows, beside csv.DictReader and pandas reading the same file.

Run: python -m benchmarks.parse [--rows 10000]
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from model_config_parser import ModelConfigParser

LIMIT_S = 0.3
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


def main() -> int:
    """Print the table; 1 if the limit is broken."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=10_000)
    rows = arguments.parse_args().rows
    readers: dict[str, Callable[[Path], int]] = {
        "ModelConfigParser": lambda path: len(ModelConfigParser(path).parse()),
        "peer: csv.DictReader": _dict_reader,
        "peer: pandas.read_csv": lambda path: len(pd.read_csv(path)),
    }
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "models.csv"
        write_sheet(sheet, rows)
        times: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(7):
            for name, read in readers.items():
                start_s = time.perf_counter()
                if read(sheet) != rows:
                    raise SystemExit(f"{name} did not read {rows} rows")
                times[name].append(time.perf_counter() - start_s)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median_s in medians.items():
        ratio = median_s / medians["peer: csv.DictReader"]
        print(f"{name:22} {median_s:6.3f} s for {rows} rows  {ratio:5.1f} x DictReader")
    ok = medians["ModelConfigParser"] <= LIMIT_S
    print(f"limit {LIMIT_S} s: {'ok' if ok else 'BROKEN'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
