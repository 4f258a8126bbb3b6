"""The values that benchmark and backend exchange: a row, a prepared query, its token limits, its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FinishReason = Literal["stop", "length", "context"]
# The pass that makes a query's whole work: an answer is generated token by token ("full", and then "prefill" is the
# same with one new token), one forward pass is made, or one pipeline is called.
WorkPhase = Literal["full", "forward", "call"]
# One query of a dataset: the task's columns by name. A cell is a text, a pillow image, or an ``Audio``.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class TokenLimits:
    """The minimum and maximum number of an answer's new tokens; an exact number if they are equal."""

    min_new_tokens: int
    max_new_tokens: int


@dataclass(frozen=True)
class PreparedQuery:
    """One query, ready for the model: as text, and as the backend's own input.

    ``rendered`` is the prompt as it is sent; of images and audio it is their size. ``truncated`` says that the input
    was cut to fit the model's context. ``images`` and ``audio_s`` are what the input holds of them; None if the task
    has none.
    """

    rendered: str
    inputs: Any
    truncated: bool = False
    images: int | None = None
    audio_s: float | None = None


@dataclass(frozen=True)
class Thoughts:
    """The thoughts of one answer: whether it has any, and the tokens of both parts; None if not known."""

    thinks: bool | None
    thinking_tokens: int | None
    answer_tokens: int | None


@dataclass(frozen=True)
class Completion:
    """One answer. Counts that the task does not have, or that are unknown, are None and never 0.

    ``prompt_tokens`` stands here and not in the query, because an endpoint counts them and tells with its answer.
    ``token_times_s`` are seconds after the call began, one for each step that gave a token. ``images`` are those that
    the answer holds. ``output`` is whatever ``decode`` needs.
    """

    latency_s: float
    output: Any
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    token_times_s: tuple[float, ...] = ()
    finish_reason: FinishReason | None = None
    images: int | None = None
