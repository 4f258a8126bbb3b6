"""What the harness adds to a bare greedy ``generate`` loop over the same prompts, interleaved in one process.

The same loaded model answers the same token ids in both; the harness side is the real full pass: window, meter
readings, streamer, per-query records, progress events. Run: python -m benchmarks.harness_overhead [--pairs 25]
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import Qwen3Config
from transformers.utils.logging import disable_progress_bar

from benchmarks.loops import Loops
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import (
    DatasetRef,
    GenerationSettings,
    GpuRequirement,
    PromptPlan,
    RepeatPolicy,
    RunSpec,
)
from energy_score.engine.meters.registry import open_meters
from examples.tiny_models import make_qwen3_like

LIMIT = 0.01
NEW_TOKENS = 10
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


def main() -> int:
    """Print the medians and their ratio; 1 if the harness adds more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        spec = make_spec(Path(folder))
        loops = Loops(spec, [{"text": prompt} for prompt in PROMPTS], open_meters("auto"))

        def harness() -> None:
            loops.measurement.measure("full", loops.harness, query_count=len(PROMPTS))

        times_s: dict[str, list[tuple[float, float]]] = {"bare": [], "harness": []}
        loops.bare()
        harness()
        for number in range(pairs):
            both = [("bare", loops.bare), ("harness", harness)]
            for name, run in both[:: 1 if number % 2 else -1]:
                times_s[name].append(_timed(run))
    size = f"{(loops.model.parameter_count or 0) / 1e6:.0f} M parameters"
    print(f"{size}, {len(PROMPTS)} prompts, {NEW_TOKENS} new tokens, {pairs} pairs of passes")
    added: dict[str, float] = {}
    for clock, label in enumerate(("wall", "CPU")):
        bare_s, harness_s = ([sample[clock] for sample in times_s[name]] for name in ("bare", "harness"))
        added[label] = statistics.median(ours / peer for ours, peer in zip(harness_s, bare_s, strict=True)) - 1
        print(f"{label:4} time: median of the paired ratios {added[label]:+.2%}; fastest pass "
              f"{min(harness_s):.4f} s with the harness, {min(bare_s):.4f} s bare")  # fmt: skip
    print(f"limit {LIMIT:.0%}: {'ok' if added['CPU'] <= LIMIT else 'BROKEN'}")
    return 0 if added["CPU"] <= LIMIT else 1


def _timed(run: Callable[[], None]) -> tuple[float, float]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


if __name__ == "__main__":
    sys.exit(main())
