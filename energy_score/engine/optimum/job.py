"""The configuration for one run of optimum-benchmark: all of our settings, in its terms."""

import json
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from energy_score.contract.errors import MeterError
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.optimum.queries import PreparedModel
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
from energy_score.shared.tasks.registry import find_task

log = logging.getLogger(__name__)

CONFIGURATION = "energy_score_job"
QUERIES = "queries"
PROCESSOR = "processor"
# Its names for the tasks that it does like the method. Others are refused when the row is resolved.
TASK_NAMES = {
    "text_gen": "text-generation",
    "text_classification": "text-classification",
    "extractive_qa": "question-answering",
}
# transformers 5 saves its own class name, which transformers 4 does not know; both can read the files with this one.
_CLASS_OF_4_AND_5 = "PreTrainedTokenizerFast"
_CLASS_OF_5 = "TokenizersBackend"


def write_job(
    spec: RunSpec,
    folder: Path,
    *,
    commit: str | None,
    model_type: str,
    processor: str | None,
    query_count: int,
    device_ids: str | None,
) -> dict[str, Any]:
    """Write its configuration into ``folder``, which also contains ``QUERIES``, and return it.

    ``processor`` is the folder or Hub id of the tokenizer, None for the model's own; ``device_ids`` are the GPUs by
    NVML index, None for a run without a GPU.
    """
    trust = {"trust_remote_code": spec.trust_remote_code}
    generation = spec.generation
    settings: dict[str, Any] = {
        "defaults": [
            "benchmark",
            {"backend": "pytorch"},
            {"scenario": "energy_star"},
            {"launcher": "inline"},
            "_self_",
        ],
        "name": "energy_score",
        "hydra": {"run": {"dir": "."}, "output_subdir": None},
        "backend": {
            "model": spec.model_path or spec.model_id,
            "processor": processor,
            "model_kwargs": trust if commit is None else {**trust, "revision": commit},
            # Empty values would be replaced by the model's, whose commit does not apply to another processor.
            "processor_kwargs": trust if commit is None or processor is not None else {**trust, "revision": commit},
            # Set explicitly, because otherwise it asks the Hub.
            "library": "transformers",
            "model_type": model_type,
            "task": TASK_NAMES[find_task(spec.task).runs_as or spec.task],
            "torch_dtype": generation.dtype,
            "device": "cpu" if device_ids is None else "cuda",
            "device_ids": device_ids,
            "device_map": spec.gpu_requirement.device_map,
            "seed": generation.seed,
        },
        "scenario": {
            "dataset_name": QUERIES,
            "num_samples": query_count,
            "input_shapes": {"batch_size": 1},
            # Prompts were already cut if needed: the end of a template must stay.
            "truncation": spec.truncation and spec.generation.max_new_tokens is None,
            "warmup_runs": spec.warmup_query_count,
            "generate_kwargs": {},
        },
    }
    if generation.max_new_tokens is not None:
        settings["scenario"]["generate_kwargs"] = {
            "max_new_tokens": generation.max_new_tokens,
            "min_new_tokens": generation.min_new_tokens,
            "do_sample": generation.do_sample,
        }
    # JSON is valid YAML; a dollar sign before a brace would be read as a reference to another value.
    text = json.dumps(settings, indent=1).replace("${", "\\\\${")
    (folder / f"{CONFIGURATION}.yaml").write_text(text, encoding="utf-8")
    return settings


def processor_for_4(spec: RunSpec, model: PreparedModel, folder: Path) -> tuple[str | None, str | None]:
    """Return where its transformers loads the tokenizer from (None: the model itself), and a note if there is one.

    A tokenizer saved by transformers 5 is saved again with a class that version 4 also knows.
    """
    if model.tokenizer_class != _CLASS_OF_5:
        return spec.processor, None
    folder.mkdir()
    model.tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | {"tokenizer_class": _CLASS_OF_4_AND_5}, indent=1), encoding="utf-8")
    return str(folder), f"tokenizer saved by transformers 5, read by version 4 as {_CLASS_OF_4_AND_5}"


def get_gpu_indices(spec: RunSpec) -> str | None:
    """Return the run's GPUs by NVML index, as used by optimum-benchmark and codecarbon; None if it has none.

    codecarbon 3.3.2 cannot find GPUs by UUID, which executors use: it cuts the G off.
    """
    if spec.gpu_requirement.count == 0:
        return None
    try:
        with open_nvml_devices(count=spec.gpu_requirement.count) as shown, open_nvml_devices(all_gpus=True) as every:
            return ",".join(str(every.uuids.index(uuid)) for uuid in shown.uuids)
    except MeterError as error:
        log.info("optimum-benchmark gets no GPU: %s", error)
        return None


def make_variables(folder: Path, *, gpu_indices: str | None) -> dict[str, str]:
    """Return the variables for its process, in addition to this one's.

    It gets its own cache: otherwise datasets tokenized by an earlier run would be read from there, without measured
    work.
    """
    variables = {
        "HF_DATASETS_CACHE": str(folder / "datasets_cache"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HYDRA_FULL_ERROR": "1",
        "PYTHONUNBUFFERED": "1",
        # It would set both itself for a model on a GPU.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": gpu_indices or "",
    }
    return variables | {name: "1" for name in ("HF_HUB_OFFLINE",) if os.environ.get(name)}


def keep(folder: Path, name: str, target: Path) -> None:
    """Copy one of its files to the run directory, if it was written."""
    file = folder / name
    if file.exists():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target)
