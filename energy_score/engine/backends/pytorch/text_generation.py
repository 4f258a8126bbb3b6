"""Text written by a causal model that reads a rendered prompt: text generation, and summarization by such models."""

from bisect import bisect_left
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
)
from typing_extensions import override

from energy_score.engine.backends.pytorch.chat_prompts import ChatPrompts
from energy_score.engine.backends.pytorch.generation import Generator
from energy_score.engine.backends.pytorch.loading import ModelSource, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.text_input import fit
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase
from energy_score.shared.chat_template.thought_marks import find_thoughts


class CausalText(TaskModel):
    """A causal language model and the prompt plan that its queries go through."""

    work_phase: WorkPhase = "full"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        self._spec = source.spec
        prompts = ChatPrompts.open(source)
        self._tokenizer, self._renderer, self.prompt_use = prompts.tokenizer, prompts.renderer, prompts.use
        self._model = source.model(_auto_class(source.config))
        self._generator = Generator(self._model, source, tokenizer=self._tokenizer)
        # Not the tokenizer's: of a causal model it is often the length that the tokenizer was trained with.
        self.context_length: int | None = getattr(source.config.get_text_config(), "max_position_embeddings", None)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        must_follow = self._spec.generation.min_new_tokens or 1
        fitted = fit(
            row["text"],
            render=self._renderer.render,
            tokenizer=self._tokenizer,
            most=None if self.context_length is None else self.context_length - must_follow,
            truncation=self._spec.truncation,
            too_long=f"and {must_follow} must follow, but the model's context holds {self.context_length}",
        )
        return PreparedQuery(fitted.rendered, torch.tensor([fitted.ids]), truncated=fitted.truncated)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        ids = query.inputs
        count = ids.shape[1]
        room = None if self.context_length is None else self.context_length - count
        inputs = on_device({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, self._model)
        return self._generator.generate(inputs, limits, clock, prompt_tokens=count, room=room)

    @override
    def decode(self, value: Any) -> str:
        """Return the text of the tokens, with special tokens, so that thinking blocks stay visible."""
        return str(self._tokenizer.decode(value, skip_special_tokens=False))

    def find_thoughts(self, value: Any) -> Thoughts:  # noqa: ANN401 - token ids
        """Return the tokens of thoughts and answer, told apart by where their text ends."""
        found = find_thoughts(self.decode(value), opened=bool(self.prompt_use.opens_thoughts))

        def tokens_until(position: int) -> int:
            """How many tokens make the text's first ``position`` characters."""
            return bisect_left(range(len(value)), position, key=lambda count: len(self.decode(value[:count])))

        thinking = sum(tokens_until(end) - tokens_until(start) for start, end in found.spans)
        return Thoughts(found.any, thinking_tokens=thinking, answer_tokens=len(value) - thinking)


def _auto_class(config: PreTrainedConfig) -> Any:  # noqa: ANN401 - the Auto classes are untyped
    """Return the class that loads the model; some that also read images (Mistral Small 3.1) are not causal by name."""
    reads_images_too = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and not config.is_encoder_decoder
    is_unknown = type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING
    return AutoModelForImageTextToText if is_unknown and reads_images_too else AutoModelForCausalLM
