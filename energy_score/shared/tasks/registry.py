"""The tasks of the method by name; a new one is one new file and one line here."""

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


def task_of(name: str) -> Task:
    """The task called ``name``: the sheet's name or an alias, in any case; or one that another package adds.

    Raises:
        RowRefusedError: no task has that name; the message names the known ones.
        UsageError: another package has one, and it cannot be loaded.
    """
    wanted = name.strip().lower()
    task = _BY_ANY_NAME.get(wanted)
    return task if task is not None else _added_task(wanted, written=name)


def _added_task(name: str, *, written: str) -> Task:
    added = load_extension(extensions.TASKS, name)
    if added is None:
        known = ", ".join((*TASKS, *extension_names(extensions.TASKS)))
        raise RowRefusedError(f"{written!r} is not one of {known}")
    if not isinstance(added, Task) or added.name != name:
        raise UsageError(f"entry point {name!r} of {extensions.TASKS}: {added!r} is no Task of that name")
    return added
