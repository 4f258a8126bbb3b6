"""Maps tasks to modules; only the needed one is imported."""

from importlib import import_module
from typing import Any, cast

from energy_score.contract.errors import ModelLoadError
from energy_score.engine.backends.pytorch.task_model import LoadTaskModel
from energy_score.shared.tasks.registry import find_task

_PACKAGE = "energy_score.engine.backends.pytorch"

TASK_MODELS = {
    "text_gen": "text_generation:CausalText",
    "summarization": "summarization:load",
    "extractive_qa": "text_forward:ExtractiveQa",
    "text_classification": "text_forward:TextClassifier",
    "sentence_similarity": "sentence_similarity:load",
    "image_classification": "image_forward:ImageClassifier",
    "object_detection": "image_forward:ObjectDetector",
    "asr": "asr:load",
    "image_gen": "image_gen:ImageGenerator",
    "image_captioning": "image_captioning:ImageCaptioner",
}


def get_base_task(task: str) -> str:
    """Return the built-in task that ``task`` runs as: itself, or the one that it names.

    Raises:
        ModelLoadError: This backend cannot run it.
    """
    way = task if task in TASK_MODELS else find_task(task).runs_as
    if way not in TASK_MODELS:
        raise ModelLoadError(
            f"task {task}: not supported by the pytorch backend. A custom task must set runs_as to one of: "
            f"{', '.join(TASK_MODELS)}"
        )
    return way


def load_function(way: str) -> LoadTaskModel:
    """Return the function that loads a model for ``way``, one of ``TASK_MODELS``."""
    module, _, name = TASK_MODELS[way].partition(":")
    loaded: Any = getattr(import_module(f"{_PACKAGE}.{module}"), name)
    return cast("LoadTaskModel", loaded)
