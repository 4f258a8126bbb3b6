"""Captions generated token by token: BLIP and similar, and generic vision encoder-decoders (ViT-GPT2)."""

from typing import Any

import torch
from transformers import AutoImageProcessor, AutoModelForImageTextToText, VisionEncoderDecoderConfig
from transformers import VisionEncoderDecoderModel as EncoderDecoder
from typing_extensions import override

from energy_score.contract.errors import ModelLoadError
from energy_score.engine.backends.pytorch.generation import Generator
from energy_score.engine.backends.pytorch.image_forward import prepare_image
from energy_score.engine.backends.pytorch.loading import ModelSource, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase


class ImageCaptioner(TaskModel):
    """Describe an image, using only the image."""

    work_phase: WorkPhase = "full"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        self._tokenizer = source.tokenizer()
        if getattr(self._tokenizer, "chat_template", None):
            raise ModelLoadError(
                f"{source.spec.model_id}: conversational models (with a chat template) are not supported. Use a model "
                "that needs only an image, such as BLIP or ViT-GPT2."
            )
        self._processor = source.processor(AutoImageProcessor)
        is_generic = isinstance(source.config, VisionEncoderDecoderConfig)
        self._model = source.model(EncoderDecoder if is_generic else AutoModelForImageTextToText)
        self._generator = Generator(self._model, source)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        return prepare_image(row["image"], self._processor)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        inputs = on_device(query.inputs, self._model)
        return self._generator.generate(inputs, limits, clock, prompt_tokens=None)

    @override
    def decode(self, value: Any) -> str:
        return str(self._tokenizer.decode(value, skip_special_tokens=True))
