"""CPU time that the harness adds to a bare greedy ``generate`` loop over the same prompts, as a share of that loop.

The harness side is the real full pass: window, meter readings, streamer, per-query records, progress events. What it
adds goes with queries and tokens, not with the model's size. So pairs of passes of a tiny model, in one process with
the same token ids, show what is added; the share is of the same pass by a model of 90 M parameters, timed between the
pairs. Pairs are run until the interval is narrow enough. Run: python -m benchmarks.harness_overhead [--pairs 100]
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import Qwen3Config
from transformers.utils.logging import disable_progress_bar

from benchmarks.loops import Loops
from benchmarks.side_by_side import Ratio, is_kept
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RepeatPolicy, RunSpec
from energy_score.engine.meters.registry import open_meters
from examples.tiny_models import make_qwen3_like

LIMIT = 0.01  # of the bare loop, asked for
NARROW = 0.003  # width of the interval at which no more pairs are run: a third of the limit
PAIRS_AT_A_TIME = 10  # between two looks at the interval
NEW_TOKENS = 10  # as an official run without reasoning answers
LARGE_PROMPTS = 2  # a pass of all prompts by the large model takes 3 to 5 s; it is scaled up from these
PROMPTS = tuple(f"Question {number}: how much energy does one answer of {number} words take?" for number in range(8))


def make_spec(folder: Path) -> RunSpec:
    """A spec for a random-weight Qwen3 of about 90 M parameters."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    make_qwen3_like(folder)
    small = Qwen3Config.from_pretrained(folder)
    Qwen3Config(
        vocab_size=small.vocab_size, hidden_size=768, intermediate_size=3072, num_hidden_layers=10,
        num_attention_heads=12, num_key_value_heads=4, head_dim=64, max_position_embeddings=2048,
        eos_token_id=small.eos_token_id,
    ).save_pretrained(folder)  # fmt: skip
    return RunSpec(
        run_id="overhead", model_id="./overhead", model_path=str(folder), model_class="A", revision=None,
        no_weights=True, task="text_gen", reasoning_state="Off", reasoning=ReasoningMode.OFF, prompt_plan=PromptPlan(),
        generation=GenerationSettings(
            max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, dtype="float32", seed=42
        ),
        backend="pytorch", meter="auto", dataset=DatasetRef(path="prompts", columns=("text",)),
        repeat_policy=RepeatPolicy(
            protocol="quick", repeats=1, discarded_repeats=0, min_phase_s=0, idle_baseline_s=0
        ),
        warmup_query_count=4, gpu_requirement=GpuRequirement(count=1), region="world",
    )  # fmt: skip


def tiny_spec(spec: RunSpec, folder: Path) -> RunSpec:
    """The same spec for a model of 0.1 M parameters."""
    make_qwen3_like(folder)
    return spec.model_copy(update={"model_path": str(folder)})


def main() -> int:
    """Print what is added and the verdict; 1 if the harness adds more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100, help="at most so many pairs of passes")
    most_pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    rows = [{"text": prompt} for prompt in PROMPTS]
    with tempfile.TemporaryDirectory() as folder:
        spec, meters = make_spec(Path(folder) / "large"), open_meters("auto")
        large = Loops(spec, rows[:LARGE_PROMPTS], meters)
        tiny = Loops(tiny_spec(spec, Path(folder) / "tiny"), rows, meters)

        def harness() -> None:
            tiny.measurement.measure("full", tiny.harness, query_count=len(rows))

        for run_once in (large.bare, tiny.bare, harness):
            run_once()
        large_s: list[float] = []
        bare_s: list[float] = []
        harness_s: list[float] = []
        width = math.inf
        while len(bare_s) < most_pairs and width > NARROW:
            large_s.append(_cpu_s(large.bare) * len(rows) / LARGE_PROMPTS)
            for number in range(PAIRS_AT_A_TIME):
                both: list[tuple[list[float], Callable[[], None]]] = [(bare_s, tiny.bare), (harness_s, harness)]
                for samples_s, run in both[:: 1 if number % 2 else -1]:
                    samples_s.append(_cpu_s(run))
            large_s.append(_cpu_s(large.bare) * len(rows) / LARGE_PROMPTS)
            added = _share_added(harness_s, bare_s, large_s)
            width = added.high - added.low
    print(f"{len(rows)} prompts, {NEW_TOKENS} new tokens, median CPU time of a pass:")
    print(f"  {_size(large)}, bare: {statistics.median(large_s):.3f} s ({min(large_s):.3f} to {max(large_s):.3f} s)")
    print(f"  {_size(tiny)}, bare: {statistics.median(bare_s):.4f} s")
    print(f"  {_size(tiny)}, with the harness: {statistics.median(harness_s):.4f} s")
    kept = is_kept("CPU time added by the harness", added, peer=f"a bare loop of {_size(large)}", limit=LIMIT)
    return 0 if kept else 1


def _share_added(harness_s: Sequence[float], bare_s: Sequence[float], large_s: Sequence[float]) -> Ratio:
    """What each pair's pass with the harness takes more, over a pass of the large model."""
    added_s = [ours - peer for ours, peer in zip(harness_s, bare_s, strict=True)]
    return Ratio.of(added_s, [statistics.median(large_s)] * len(added_s))


def _size(loops: Loops) -> str:
    return f"{(loops.model.parameter_count or 0) / 1e6:.1f} M parameters"


def _cpu_s(run: Callable[[], None]) -> float:
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


if __name__ == "__main__":
    sys.exit(main())
