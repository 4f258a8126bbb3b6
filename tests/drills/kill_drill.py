"""One drill: a batch, one of its processes killed at a random moment, and the same command again."""

import contextlib
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from tests.drills.toy_workplace import ROOT, ToyWorkplace
from tests.support.patience import PATIENCE_S

# Reads every table over and over until the file "stop" is there; a torn table ends it with 1 and says which.
READER = """
import csv, pathlib, sys, time
output, stop, columns = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3].split(",")
reads = 0
while not stop.exists():
    for table in (output / "master_results.csv", *output.glob("individual_runs/*/benchmark_results.csv")):
        try:
            text = table.read_text(encoding="utf-8")
        except OSError:
            continue
        rows = list(csv.reader(text.splitlines(), strict=True))
        assert text.endswith("\\n"), f"{table}: cut: {text[-80:]!r}"
        assert rows and all(len(row) == len(rows[0]) for row in rows), f"{table}: {[len(row) for row in rows]}"
        if table.name == "master_results.csv":
            assert rows[0] == columns, f"{table}: {rows[0]}"
            names = [row[0] for row in rows[1:]]
            assert len(names) == len(set(names)), f"{table}: a row twice: {names}"
        reads += 1
    time.sleep(0.002)
print(reads)
"""


class Engine(Protocol):
    """A container engine that may be killed and started again."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Drill:
    """The result of one drill; ``fault`` is None if everything is as expected."""

    victim: str
    after_s: float
    options: tuple[str, ...]
    done_before: int
    exit_codes: tuple[int, int]
    reads: int
    fault: str | None


def drill(
    workplace: ToyWorkplace,
    output: Path,
    *,
    rows: int,
    victim: str,
    chance: random.Random,
    length_s: float,
    executor: Sequence[str] = (),
    engine: Engine | None = None,
    **variables: str,
) -> Drill:
    """Kill ``victim`` (batch, engine or container-engine) up to ``length_s`` after the start, and run it again."""
    from energy_score.reports.results_table.csv_table import COLUMNS  # noqa: PLC0415 - the drill itself needs no program

    sheet = workplace.folder / "models.csv"
    options = (*executor, "--jobs", str(chance.choice((1, 2))), "--retry", str(chance.choice((0, 1))))
    output.mkdir(parents=True)
    stop = output.with_suffix(".stop")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(output), str(stop), ",".join(COLUMNS)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        after_s = chance.uniform(0, length_s)
        batch = workplace.start(sheet, output, *options, **variables)
        time.sleep(after_s)
        _kill(victim, batch, output, engine)
        batch.communicate(timeout=PATIENCE_S)
        first = {path: _digest(path) for path in output.glob("individual_runs/*/benchmark_report.json")}
        again = workplace.run(sheet, output, *options, **variables)
    finally:
        stop.touch()
        reads, torn = reader.communicate(timeout=PATIENCE_S)
    fault = _fault(output, rows, first, again) or (f"a torn table: {torn[-500:]}" if reader.returncode else None)
    return Drill(
        victim, after_s, options, len(first), (batch.returncode, again.returncode), int(reads or 0), fault
    )  # fmt: skip


def _fault(output: Path, rows: int, first: dict[Path, str], again: "subprocess.CompletedProcess[str]") -> str | None:
    """Return what is wrong after the second command, or None."""
    if again.returncode != 0:
        return f"the second run ended with {again.returncode}: {again.stdout[-500:]} {again.stderr[-800:]}"
    with (output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    if len(table) != rows or len({row["model_name"] for row in table}) != rows:
        return f"{len(table)} rows of {rows}: {[row['model_name'] for row in table]}"
    failed = [row["error_message"] for row in table if row["error_message"] or not row["successful_prompts"]]
    if failed:
        return f"rows without a result: {failed}"
    repeated = [str(path) for path, digest in first.items() if _digest(path) != digest]
    if repeated:
        return f"done before, and run again: {repeated}"
    status = json.loads((output / "batch_status.json").read_text(encoding="utf-8"))
    # A run that was about to end may write its report while its batch is being killed: it is done, and skipped too.
    skipped, done = (status["counts"].get(outcome, 0) for outcome in ("skipped", "done"))
    if status["finished_at"] is None or skipped < len(first) or skipped + done != rows:
        return f"its status says {status['counts']} of {len(first)} done before, finished {status['finished_at']}"
    left = [path.name for path in output.rglob("*.tmp") if "aside" not in path.parts]
    return f"half-written files: {left}" if [name for name in left if "master" not in name] else None


def _kill(victim: str, batch: "subprocess.Popen[str]", output: Path, engine: Engine | None) -> None:
    if victim == "batch":
        batch.kill()
    elif victim == "container-engine":
        assert engine is not None
        engine.kill()
        engine.start()
    else:
        _kill_engine_process(batch, output)


def _kill_engine_process(batch: "subprocess.Popen[str]", output: Path) -> None:
    """Kill an engine of the batch, in a container or not: the one that is there, or the next; none if there is none."""
    while batch.poll() is None:
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or [""]
            is_engine = "energy_score.engine" in command and any(str(output) in part for part in command)
            if is_engine and "python" in command[0]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
                    return
        time.sleep(0.02)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def series(
    workplace: ToyWorkplace,
    output: Path,
    *,
    kills: int,
    victims: Sequence[str],
    seed: int,
    tell: Callable[[str], object],
    executor: Sequence[str] = (),
    engine: Engine | None = None,
    **variables: str,
) -> list[Drill]:
    """Run ``count`` drills with the victims in turn; the moments cover the length of an undisturbed batch."""
    rows = 3
    workplace.sheet(rows)
    workplace.queries("sleep 0.05", "one word", "another")
    start_s = time.monotonic()
    undisturbed = workplace.run(workplace.folder / "models.csv", output / "undisturbed", *executor, **variables)
    length_s = time.monotonic() - start_s
    if undisturbed.returncode:
        raise RuntimeError(undisturbed.stderr[-2000:])
    tell(f"seed {seed}; an undisturbed batch of {rows} rows takes {length_s:.2f} s; source {ROOT.name}")
    chance = random.Random(seed)
    drills = []
    for number in range(kills):
        one = drill(
            workplace, output / f"{number:03d}", rows=rows, victim=victims[number % len(victims)], chance=chance,
            length_s=length_s, executor=executor, engine=engine, **variables,
        )  # fmt: skip
        drills.append(one)
        tell(f"{number + 1:3d} {one.victim:16} after {one.after_s:5.2f} s, {one.done_before} done before, exit codes "
             f"{one.exit_codes}, {one.reads} tables read: {one.fault or 'complete'}")  # fmt: skip
    return drills
