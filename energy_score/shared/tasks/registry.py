"""The built-in tasks by name; a new one needs one new file and one line here."""

from energy_score.contract import extensions
from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.shared.tasks import (
    asr,
    extractive_qa,
    image_captioning,
    image_classification,
    image_gen,
    object_detection,
    sentence_similarity,
    summarization,
    text_classification,
    text_gen,
)
from energy_score.shared.tasks.task import Task

TASKS: dict[str, Task] = {
    "text_gen": text_gen.TASK,
    "summarization": summarization.TASK,
    "extractive_qa": extractive_qa.TASK,
    "text_classification": text_classification.TASK,
    "sentence_similarity": sentence_similarity.TASK,
    "image_classification": image_classification.TASK,
    "object_detection": object_detection.TASK,
    "asr": asr.TASK,
    "image_gen": image_gen.TASK,
    "image_captioning": image_captioning.TASK,
}

_BY_ANY_NAME = {name: task for task in TASKS.values() for name in (task.name, *task.aliases)}


def find_task(name: str) -> Task:
    """Return the task ``name``: the sheet's name or an alias, in any case, or a task from another package.

    Raises:
        RowRefusedError: The task is unknown; the message lists the known ones.
        UsageError: It comes from another package, and cannot be loaded.
    """
    wanted = name.strip().lower()
    task = _BY_ANY_NAME.get(wanted)
    return task if task is not None else _find_added_task(wanted, written=name)


def _find_added_task(name: str, *, written: str) -> Task:
    added = load_extension(extensions.TASKS, name)
    if added is None:
        known = ", ".join((*TASKS, *extension_names(extensions.TASKS)))
        raise RowRefusedError(f"unknown task {written!r} (expected one of: {known})")
    if not isinstance(added, Task) or added.name != name:
        raise UsageError(f"entry point {name!r} of {extensions.TASKS}: {added!r} is not a Task with that name")
    return added
