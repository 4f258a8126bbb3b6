"""Object detection: find the objects in an image."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="object_detection",
    title="Object Detection",
    aliases=("object-detection",),
    dataset=DatasetRef(name="AIEnergyScore/object_detection", columns=("image",)),
    phases=("forward",),
    dtype="float32",
    input_unit="image",
)
