"""Greedy generation within limits, otherwise with the model's own generation config."""

import copy
from typing import Any

import torch
from transformers import GenerationConfig

from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.task_model import Output
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import FinishReason, TokenLimits

# One greedy answer, token by token, until its limits and not a time limit: otherwise tokens would be miscounted.
_PLAIN: dict[str, Any] = {
    "do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None, "max_length": None,
    "early_stopping": False, "length_penalty": None, "cache_implementation": None, "disable_compile": True,
    "num_return_sequences": 1, "return_dict_in_generate": False, "max_time": None, "prompt_lookup_num_tokens": None,
}  # fmt: skip


class Generator:
    """Generate with one model. ``room`` is the maximum number of new tokens in its decoder; None: no limit."""

    def __init__(self, model: Any, source: ModelSource, *, room: int | None = None) -> None:  # noqa: ANN401 - untyped
        self._model = model
        self._room = room
        self._configs: dict[tuple[int, int], GenerationConfig] = {}
        cache = getattr(model.generation_config, "cache_implementation", None)
        if cache is not None:
            source.notes.append(
                f"the model's generation config requests the {cache} cache; the dynamic one is used instead"
            )
        # On the model itself, because generate uses its own config's values if the given one has None.
        model.generation_config.update(**_PLAIN)

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
        output = self._model.generate(**inputs, generation_config=config, streamer=clock)
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
            if config.pad_token_id is None:
                config.pad_token_id = (_end_tokens(config) or [0])[0]
            self._configs[key] = config
        return self._configs[key]


def _finish_reason(
    new_ids: torch.Tensor, count: int, *, most: int, asked: int, config: GenerationConfig
) -> FinishReason:
    # Fewer tokens than possible mean that it stopped by itself, whether or not the output shows the end token.
    if count < most or (len(new_ids) and int(new_ids[-1]) in _end_tokens(config)):
        return "stop"
    return "context" if most < asked else "length"


def _end_tokens(config: GenerationConfig) -> list[int]:
    end = config.eos_token_id
    return [] if end is None else [end] if isinstance(end, int) else list(end)
