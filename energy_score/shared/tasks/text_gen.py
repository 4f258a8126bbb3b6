"""Text generation: continue or answer a text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="text_gen",
    title="Text Generation",
    aliases=("text_generation", "text-generation"),
    dataset=DatasetRef(name="AIEnergyScore/text_generation", columns=("text",)),
    phases=("prefill", "decode"),
    dtype="bfloat16",
    input_unit="token",
    output_unit="token",
    # Source: METHOD.md, "Protocol".
    new_tokens=(10, 10),
    new_tokens_thinking=(1, 8192),
    truncates=False,
    has_reasoning=True,
    has_classes=True,
)
