"""Image captioning: describe an image in text."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="image_captioning",
    title="Image Captioning",
    aliases=("image-captioning", "image_to_text", "image-to-text"),
    dataset=DatasetRef(name="AIEnergyScore/image_captioning", columns=("image",)),
    phases=("prefill", "decode"),
    dtype="float32",
    input_unit="image",
    output_unit="token",
    # Decision 8, length of answers.
    new_tokens=(1, 100),
)
