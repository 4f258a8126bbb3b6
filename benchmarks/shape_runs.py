"""Runs of size-true random-weight models from the shapes shipped here, by the product's own executor and engine."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from energy_score.contract.choices import Dtype
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RepeatPolicy, RunSpec
from energy_score.host.executors.local import LocalExecutor

SHAPES = Path(__file__).resolve().parent / "shapes"
# Tokens of a prompt of AIEnergyScore/text_generation on average, as the method's authors count them.
PROMPT_TOKENS = 369
# Published for the H100, Wh of GPU energy per 1,000 queries (February 2025, docs: METHOD "Stars").
PUBLISHED_WH = {"gpt2": 2.146, "distilgpt2": 1.313}


@dataclass(frozen=True)
class ShapeRun:
    """One model to be run: its shape, how many prompts, and for how long each phase at least."""

    shape: str
    prompt_count: int
    dtype: Dtype
    repeats: int = 1
    min_phase_s: float = 10.0
    idle_baseline_s: float = 0.0
    new_tokens: int = 10


def run_shape(order: ShapeRun, folder: Path, *, meter: str, timeout_s: float = 540) -> RunReport:
    """The report of a run in a fresh process, as a batch would start it.

    Raises:
        RuntimeError: the run gave no report; the message holds the end of its log.
    """
    directory = RunDirectory(folder / f"run-{len(list(folder.glob('run-*')))}-{order.shape}")
    directory.path.mkdir(parents=True)
    spec = shape_spec(order, folder, meter=meter, run_id=directory.path.name)
    spec.write(directory.spec_file)
    lines: list[str] = []
    LocalExecutor(timeout_s=timeout_s).execute(directory, spec=spec, on_event=lambda _: None, on_log_line=lines.append)
    if not directory.report_file.exists():
        raise RuntimeError(f"{order.shape}: no report; its log ends: {' | '.join(lines[-5:])}")
    return directory.report()


def shape_spec(order: ShapeRun, folder: Path, *, meter: str, run_id: str) -> RunSpec:
    """The spec of ``order``; its model folder and prompts file are made under ``folder``."""
    model = _model_folder(order.shape, folder)
    prompts = folder / f"prompts-{order.prompt_count}.jsonl"
    _write_prompts(prompts, order.prompt_count)
    return RunSpec(
        run_id=run_id,
        model_id=f"./{order.shape}",
        model_path=str(model),
        model_class="A",
        revision=None,
        no_weights=True,
        task="text_gen",
        reasoning_state="Off",
        reasoning=ReasoningMode.OFF,
        prompt_plan=PromptPlan(),
        generation=GenerationSettings(
            min_new_tokens=order.new_tokens, max_new_tokens=order.new_tokens, dtype=order.dtype, seed=42
        ),
        backend="pytorch",
        meter=meter,
        dataset=DatasetRef(path=str(prompts), columns=("text",)),
        repeat_policy=RepeatPolicy(
            protocol="official",
            repeats=order.repeats,
            discarded_repeats=1 if order.repeats > 3 else 0,
            min_phase_s=order.min_phase_s,
            idle_baseline_s=order.idle_baseline_s,
        ),
        warmup_query_count=10,
        gpu_requirement=GpuRequirement(count=1),
        region="world",
    )


def _model_folder(shape: str, folder: Path) -> Path:
    """A folder with the shape's config and a tokenizer, without weights."""
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415 - loads torch

    from examples.tiny_models import make_base  # noqa: PLC0415

    model = folder / shape
    if not model.exists():
        disable_progress_bar()  # type: ignore[no-untyped-call]
        make_base(model)
        os.unlink(model / "model.safetensors")  # noqa: PTH108
        shutil.copy(SHAPES / f"{shape}.json", model / "config.json")
        (model / "generation_config.json").unlink(missing_ok=True)
    return model


def _write_prompts(path: Path, count: int) -> None:
    """Prompts whose lengths are spread evenly from half to one and a half times the average of the real dataset.

    With the byte-level tokenizer of the tiny models a letter that was not merged is one token.
    """
    if path.exists():
        return
    spread = (PROMPT_TOKENS // 2, PROMPT_TOKENS + PROMPT_TOKENS // 2)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            length = spread[0] + (spread[1] - spread[0]) * number // max(1, count - 1)
            stream.write(json.dumps({"text": "ZQ"[number % 2] * length}) + "\n")
