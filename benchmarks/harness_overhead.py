"""What the harness adds to a bare greedy ``generate`` loop over the same prompts, interleaved in one process.

The same loaded model answers the same token ids in both; the harness side is the real full pass: window, meter
readings, streamer, per-query records, progress events. Run: python benchmarks/harness_overhead.py [--pairs 15]
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import Qwen3Config

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import (
    DatasetRef,
    GenerationSettings,
    GpuRequirement,
    PromptPlan,
    RepeatPolicy,
    RunSpec,
)
from energy_score.engine.backends.pytorch import PyTorchBackend
from energy_score.engine.benchmark import Benchmark
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.registry import open_meters
from examples.tiny_models import make_qwen3_like

LIMIT = 0.01
NEW_TOKENS = 10
PROMPTS = tuple(f"Question {number}: how much energy does one answer of {number} words take?" for number in range(8))


def make_spec(folder: Path) -> RunSpec:
    """A spec for a random-weight Qwen3 of about 90 M parameters."""
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
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        spec = make_spec(Path(folder))
        backend = PyTorchBackend(spec)
        model = backend.load()
        meters = open_meters("auto")
        measurement = Measurement(meters, synchronise=backend.synchronise)
        benchmark = Benchmark(
            spec=spec, backend=backend, texts=PROMPTS, measurement=measurement, events=EventStream(io.StringIO())
        )
        benchmark.warm_up()
        bare_model, inputs = backend._model, [backend.prepare(text).inputs for text in PROMPTS]  # noqa: SLF001

        def bare() -> None:
            with torch.inference_mode():
                for ids in inputs:
                    bare_model.generate(
                        input_ids=ids.to(bare_model.device), attention_mask=torch.ones_like(ids), do_sample=False,
                        min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS,
                    )  # fmt: skip

        def harness() -> None:
            measurement.measure("full", benchmark._full_pass, query_count=len(PROMPTS))  # noqa: SLF001

        ratios: dict[str, list[float]] = {"wall": [], "cpu": []}
        bare()
        harness()
        for number in range(pairs):
            order = (bare, harness) if number % 2 else (harness, bare)
            times = {run: _timed(run) for run in order}
            for index, clock in enumerate(("wall", "cpu")):
                ratios[clock].append(times[harness][index] / times[bare][index])
    size = f"{model.parameter_count / 1e6:.0f} M parameters"
    print(f"{size}, {len(PROMPTS)} prompts, {NEW_TOKENS} new tokens, {pairs} pairs")
    for clock, values in ratios.items():
        spread = statistics.quantiles(values, n=4)
        print(f"harness / bare, {clock:4} time: median {statistics.median(values):.4f}"
              f"  quartiles {spread[0]:.4f} to {spread[2]:.4f}")  # fmt: skip
    added = statistics.median(ratios["cpu"]) - 1
    print(f"added: {added:+.2%} of CPU time; limit {LIMIT:.0%}: {'ok' if added <= LIMIT else 'BROKEN'}")
    return 0 if added <= LIMIT else 1


def _timed(run: Callable[[], None]) -> tuple[float, float]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


if __name__ == "__main__":
    sys.exit(main())
