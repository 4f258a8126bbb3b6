"""Summarization: shorten a text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.tasks.task import Task

TASK = Task(
    name="summarization",
    aliases=(),
    dataset=DatasetRef(name="AIEnergyScore/summarization", columns=("text",)),
    phases=("prefill", "decode"),
    dtype="float32",
)
