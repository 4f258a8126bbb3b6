"""Greedy generation within limits, otherwise with the model's own generation config."""

import copy
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.plain_generation import make_plain, notes_on_generation
from energy_score.engine.backends.pytorch.task_model import Output
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import FinishReason, TokenLimits


class Generator:
    """Generates with one model. ``room`` is how many new tokens its decoder can hold at most; None: any number.

    ``tokenizer`` is needed where the model ends its answers at a text (``stop_strings``).
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - untyped
        source: ModelSource,
        *,
        room: int | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
    ) -> None:
        self._model = model
        self._room = room
        self._configs: dict[tuple[int, int], GenerationConfig] = {}
        own = model.generation_config
        source.notes.extend(notes_on_generation(own))
        self._stop_strings = getattr(own, "stop_strings", None) or None
        self._tokenizer = tokenizer
        generation = source.spec.generation
        if self._stop_strings is not None and generation.min_new_tokens == generation.max_new_tokens:
            source.notes.append("the model's stop_strings are off: every answer has the same number of tokens")
        elif self._stop_strings is not None and tokenizer is None:
            source.notes.append("the model's stop_strings are off: its task has no tokenizer to read answers with")
        elif self._stop_strings is not None:
            source.notes.append("answers end at the model's stop_strings too")
        make_plain(own)
        own.stop_strings = None

    def generate(
        self,
        inputs: dict[str, Any],
        limits: TokenLimits | None,
        clock: TokenClock,
        *,
        prompt_tokens: int | None,
        room: int | None = None,
    ) -> Output:
        """Return the answer to ``inputs``, which are on the device; its value is the new tokens' ids.

        ``room`` is how many new tokens fit after this prompt, if less than the model's own limit.
        """
        assert limits is not None  # noqa: S101 - the work phase is full
        rooms = [room for room in (self._room, room, limits.max_new_tokens) if room is not None]
        config = self._config(TokenLimits(limits.min_new_tokens, min(rooms)))
        reading = {} if config.stop_strings is None else {"tokenizer": self._tokenizer}
        output = self._model.generate(**inputs, generation_config=config, streamer=clock, **reading)
        count = len(clock.step_times_s)
        new_ids = output[0, max(0, output.shape[1] - count) :]
        return Output(
            value=new_ids,
            prompt_tokens=prompt_tokens,
            completion_tokens=count,
            finish_reason=_finish_reason(new_ids, count, most=min(rooms), asked=limits.max_new_tokens, config=config),
        )

    def _config(self, limits: TokenLimits) -> GenerationConfig:
        """Return the model's own defaults (most importantly its end tokens), made greedy, uncompiled and limited."""
        key = (limits.max_new_tokens, limits.min_new_tokens)
        if key not in self._configs:
            config = copy.deepcopy(self._model.generation_config)
            config.update(max_new_tokens=limits.max_new_tokens, min_new_tokens=limits.min_new_tokens)
            if self._tokenizer is not None and limits.min_new_tokens < limits.max_new_tokens:
                config.stop_strings = self._stop_strings
            if config.pad_token_id is None:
                config.pad_token_id = (_end_tokens(config) or [0])[0]
            self._configs[key] = config
        return self._configs[key]


def _finish_reason(
    new_ids: torch.Tensor, count: int, *, most: int, asked: int, config: GenerationConfig
) -> FinishReason:
    # Fewer tokens than possible mean that the model stopped, whether or not the output shows the end token.
    if count < most or (len(new_ids) and int(new_ids[-1]) in _end_tokens(config)):
        return "stop"
    return "context" if most < asked else "length"


def _end_tokens(config: GenerationConfig) -> list[int]:
    end = config.eos_token_id
    return [] if end is None else [end] if isinstance(end, int) else list(end)
