"""Text classification: label a text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="text_classification",
    title="Text Classification",
    aliases=("text-classification",),
    dataset=DatasetRef(name="AIEnergyScore/text_classification", columns=("text",)),
    phases=("forward",),
    dtype="float32",
    input_unit="token",
)
