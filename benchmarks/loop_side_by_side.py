"""Our pytorch loop beside a bare ``generate`` loop and beside optimum-benchmark's, on the same models and prompts.

Interleaved: bare and ours in turn, then optimum-benchmark, then ours and bare, round after round. optimum-benchmark
runs by its own command line in its own environment; its pass over the dataset is its tracked phase ``generate``, and
its process waits while the others run. Judged by the fastest passes' CPU time: other work on the machine only ever
adds to a pass. Beside it stand the paired ratios, which show that. Run: python -m benchmarks.loop_side_by_side
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, Qwen2Config
from transformers.utils.logging import disable_progress_bar

from benchmarks.harness_overhead import make_spec
from benchmarks.loops import Loops
from energy_score.contract.optimum_environment import optimum_python
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.meters.registry import open_meters
from energy_score.engine.optimum import job
from energy_score.engine.optimum.process import OptimumProcess
from energy_score.engine.optimum.queries import PreparedModel, prepare
from examples.tiny_models import make_qwen3_like

LIMIT_BARE, LIMIT_OPTIMUM = 1.01, 1.0
NEW_TOKENS = 10


class Pass(NamedTuple):
    """The measurements of one pass over the dataset."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Case:
    """One model, and over how many queries a pass goes: for a second or more, as its clock has ticks of 10 ms.

    ``pairs`` of passes of bare and ours are run before and after each of optimum-benchmark's, in ``rounds``.
    """

    name: str
    query_count: int
    pairs: int
    rounds: int
    make: Callable[[Path], None]


def make_half_billion(folder: Path) -> None:
    """Random weights in the shape of Qwen2.5-0.5B, 494 M parameters; its 151,936 tokens of which 378 occur."""
    make_qwen3_like(folder)
    config: PreTrainedConfig = Qwen2Config(
        vocab_size=151_936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=2048, tie_word_embeddings=True,
        eos_token_id=AutoTokenizer.from_pretrained(folder).eos_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).eval().save_pretrained(folder)  # type: ignore[no-untyped-call]


CASES = (
    Case("tiny, 0.1 M parameters", 100, 3, 6, make_qwen3_like),
    Case("random weights, 0.5 B parameters", 3, 1, 4, make_half_billion),
)


class Optimum:
    """optimum-benchmark on the same queries, a process for each round."""

    def __init__(self, spec: RunSpec, model: PreparedModel, python: Path) -> None:
        self._spec, self._model, self._python = spec, model, python

    def one_pass(self, around: Callable[[], None]) -> Pass:
        """Its pass ``generate``; ``around`` is called before and after it, while its process waits."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            processor, _ = job.processor_for_4(self._spec, self._model, folder / job.PROCESSOR)
            self._model.queries.write(folder / job.QUERIES)
            job.write_job(
                self._spec, folder, commit=None, model_type=self._model.model_type, processor=processor,
                query_count=len(self._model.queries.prepared), device_ids=None,
            )  # fmt: skip
            variables = job.make_variables(folder, gpu_indices=None)
            process = OptimumProcess(self._python, folder=folder, configuration=job.CONFIGURATION, variables=variables)
            with process:
                while process.next_mark().get("phase") != "generate":
                    process.go_on()
                around()
                before = self._now(process)
                process.go_on()
                process.next_mark()
                after = self._now(process)
                around()
                return Pass(after.wall_s - before.wall_s, after.cpu_s - before.cpu_s)

    @staticmethod
    def _now(process: OptimumProcess) -> Pass:
        times = psutil.Process(process._process.pid).cpu_times()  # noqa: SLF001 - the peer's own clock
        return Pass(time.perf_counter(), times.user + times.system)


def run_case(case: Case, *, python: Path) -> dict[str, list[list[Pass]]]:
    """The passes of each loop, round by round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        spec = make_spec(folder).model_copy(update={"no_weights": False, "backend": "optimum"})
        case.make(folder)
        rows = [{"text": f"Question {number}: how much energy is one answer?"} for number in range(case.query_count)]
        loops = Loops(spec, rows, open_meters("auto"))
        optimum = Optimum(spec, prepare(spec, rows), python)

        def ours() -> None:
            loops.measurement.measure("full", loops.harness, query_count=len(rows))

        passes: dict[str, list[list[Pass]]] = {"bare": [], "ours": [], "optimum": []}

        def both() -> None:
            for number in range(case.pairs):
                order = [("bare", loops.bare), ("ours", ours)][:: 1 if number % 2 else -1]
                for loop_name, loop in order:
                    passes[loop_name][-1].append(_timed(loop))

        loops.bare()
        ours()
        for _ in range(case.rounds):
            for of_round in passes.values():
                of_round.append([])
            passes["optimum"][-1].append(optimum.one_pass(both))
        return passes


def fastest(passes: Sequence[Sequence[Pass]]) -> Pass:
    """The least of each clock over all passes."""
    return Pass(*(min(column) for column in zip(*(each for of_round in passes for each in of_round), strict=True)))


def paired_ratios(ours: Sequence[Sequence[Pass]], peer: Sequence[Sequence[Pass]]) -> str:
    """CPU time of each round's passes, ours over the peer's: the median of the rounds, the least and the greatest."""
    each = [
        statistics.fmean(one.cpu_s for one in own) / statistics.fmean(one.cpu_s for one in other)
        for own, other in zip(ours, peer, strict=True)
    ]
    return f"{statistics.median(each):.3f} ({min(each):.3f} to {max(each):.3f})"


def main() -> int:
    """Print the table; 1 if a target is missed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    python = optimum_python(os.environ)
    if not python.exists():
        print(f"{python} is not there: make optimum-env")
        return 3
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    disable_progress_bar()  # type: ignore[no-untyped-call]
    print("| model | queries | loop | ms, wall | ms, CPU | ours / it | ours / it, round by round | target |")
    print("|---|---|---|---|---|---|---|---|")
    missed = False
    for case in CASES:
        passes = run_case(case, python=python)
        ours = fastest(passes["ours"])
        for name, limit in (("ours", None), ("bare", LIMIT_BARE), ("optimum", LIMIT_OPTIMUM)):
            best = fastest(passes[name])
            wall, cpu = (f"{1000 * seconds / case.query_count:.2f}" for seconds in best)
            cells = ["", "", ""]
            if limit is not None:
                ratio = ours.cpu_s / best.cpu_s
                told = f"<= {limit:g}: {'met' if ratio <= limit else 'missed'}"
                cells = [f"{ratio:.3f}", paired_ratios(passes["ours"], passes[name]), told]
                missed = missed or ratio > limit
            print(f"| {case.name} | {case.query_count} | {name} | {wall} | {cpu} | {' | '.join(cells)} |", flush=True)
    return 1 if missed else 0


def _timed(run: Callable[[], None]) -> Pass:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    run()
    return Pass(time.perf_counter() - wall_s, time.process_time() - cpu_s)


if __name__ == "__main__":
    sys.exit(main())
