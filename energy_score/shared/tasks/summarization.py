"""Summarization: shorten a text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="summarization",
    title="Summarization",
    aliases=(),
    dataset=DatasetRef(name="AIEnergyScore/summarization", columns=("text",)),
    phases=("prefill", "decode"),
    dtype="float32",
    input_unit="token",
    output_unit="token",
    # Decision 8, length of answers.
    new_tokens=(10, 10),
    instruction="Summarize the following text.\n\n",
)
