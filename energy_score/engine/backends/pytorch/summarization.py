"""Summarization, with an encoder-decoder (BART, T5, Pegasus) or with an instructed causal model."""

from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM
from typing_extensions import override

from energy_score.engine.backends.pytorch.generation import Generator
from energy_score.engine.backends.pytorch.loading import ModelSource, get_context_length, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.text_generation import CausalText
from energy_score.engine.backends.pytorch.text_input import fit
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase


def load(source: ModelSource) -> TaskModel:
    """Load the model of ``source`` by the type in its config."""
    return Seq2SeqSummary(source) if source.config.is_encoder_decoder else CausalText(source)


class Seq2SeqSummary(TaskModel):
    """An encoder-decoder trained to summarize: it reads only the text, without an instruction.

    Some (T5) need a prefix, which is in their config. The prompt plan is for causal models.
    """

    work_phase: WorkPhase = "full"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        self._truncation = source.spec.truncation
        self._tokenizer = source.tokenizer()
        self._model = source.model(AutoModelForSeq2SeqLM)
        positions = getattr(source.config, "max_position_embeddings", None)
        # One position of the decoder is used by the start token.
        self._generator = Generator(self._model, source, room=None if positions is None else positions - 1)
        self.context_length = get_context_length(source.config, self._tokenizer)
        parameters = getattr(source.config, "task_specific_params", None) or {}
        self._prefix: str = parameters.get("summarization", {}).get("prefix", "") or ""

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        fitted = fit(
            row["text"],
            render=self._render,
            tokenizer=self._tokenizer,
            most=self.context_length,
            truncation=self._truncation,
            too_long=f"but the model's context holds {self.context_length}",
        )
        return PreparedQuery(fitted.rendered, torch.tensor([fitted.ids]), truncated=fitted.truncated)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        ids = query.inputs
        inputs = on_device({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, self._model)
        return self._generator.generate(inputs, limits, clock, prompt_tokens=ids.shape[1])

    @override
    def decode(self, value: Any) -> str:
        return str(self._tokenizer.decode(value, skip_special_tokens=True))

    def _render(self, text: str) -> tuple[str, list[int]]:
        rendered = f"{self._prefix}{text}"
        return rendered, list(self._tokenizer(rendered)["input_ids"])
