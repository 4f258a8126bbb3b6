"""Extractive question answering: find the answer's span in a context."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="extractive_qa",
    title="Extractive Question Answering",
    aliases=("extractive-qa", "question_answering", "question-answering"),
    dataset=DatasetRef(name="AIEnergyScore/extractive_qa", columns=("question", "context")),
    phases=("forward",),
    dtype="float32",
    input_unit="token",
)
