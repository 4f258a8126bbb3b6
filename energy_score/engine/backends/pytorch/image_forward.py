"""One forward pass over an image: classification and object detection."""

from typing import Any

import torch
from transformers import AutoImageProcessor, AutoModelForImageClassification, AutoModelForObjectDetection
from typing_extensions import override

from energy_score.engine.backends.pytorch.loading import ModelSource, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase

# The default threshold of transformers' object detection.
_DETECTION_THRESHOLD = 0.5


class ImageForward(TaskModel):
    """The common part of both tasks: an image to pixels, and one forward pass."""

    work_phase: WorkPhase = "forward"
    context_length: int | None = None
    auto_class: Any

    def __init__(self, source: ModelSource) -> None:
        self._processor = source.processor(AutoImageProcessor)
        self._model = source.model(self.auto_class)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        return prepare_image(row["image"], self._processor)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        del limits, clock  # nothing is generated
        return Output(value=self._model(**on_device(query.inputs, self._model)))

    @override
    def decode(self, value: Any) -> str:
        raise NotImplementedError


class ImageClassifier(ImageForward):
    """Return the most likely label of an image."""

    auto_class = AutoModelForImageClassification

    def decode(self, value: Any) -> str:  # noqa: ANN401 - the output
        """Return the label."""
        return str(self._model.config.id2label[int(value.logits[0].argmax())])


class ObjectDetector(ImageForward):
    """Find objects in an image and name them."""

    auto_class = AutoModelForObjectDetection

    def decode(self, value: Any) -> str:  # noqa: ANN401 - the output
        """Return the labels found, each once."""
        (found,) = self._processor.post_process_object_detection(value, threshold=_DETECTION_THRESHOLD)
        return ", ".join(sorted({self._model.config.id2label[int(label)] for label in found["labels"]}))


def prepare_image(image: Any, processor: Any) -> PreparedQuery:  # noqa: ANN401 - pillow's and transformers' own
    """Return the image as pixels in the model's input size."""
    inputs = dict(processor(images=image, return_tensors="pt"))
    return PreparedQuery(f"image of {image.width} x {image.height} pixels", inputs, images=1)
