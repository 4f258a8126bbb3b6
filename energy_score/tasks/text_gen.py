"""Text generation: continue or answer a text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.tasks.task import Task

TASK = Task(
    name="text_gen",
    aliases=("text_generation", "text-generation"),
    dataset=DatasetRef(name="AIEnergyScore/text_generation", columns=("text",)),
    phases=("prefill", "decode"),
    dtype="bfloat16",
    has_classes=True,
)
