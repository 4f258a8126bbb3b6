"""Image classification: label an image."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="image_classification",
    title="Image Classification",
    aliases=("image-classification",),
    dataset=DatasetRef(name="AIEnergyScore/image_classification", columns=("image",)),
    phases=("forward",),
    dtype="float32",
    input_unit="image",
)
