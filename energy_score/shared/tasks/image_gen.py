"""Image generation: generate an image from a prompt."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="image_gen",
    title="Image Generation",
    aliases=("image_generation", "image-generation", "text_to_image", "text-to-image"),
    dataset=DatasetRef(name="AIEnergyScore/image_generation", columns=("prompt",)),
    phases=("call",),
    dtype="float32",
    input_unit="token",
    output_unit="image",
    index_file="model_index.json",
)
