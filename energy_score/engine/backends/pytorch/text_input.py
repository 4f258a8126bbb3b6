"""A text made into token ids that fit the model: as it is, or cut where the spec allows it."""

from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from energy_score.contract.errors import QueryError

# Cutting a text moves the borders of its tokens, so that it may have to be cut again by one or two.
_MAX_CUTS = 8


@dataclass(frozen=True)
class FittedText:
    """A prompt as it is sent, its token ids, and whether the user's text was cut for it."""

    rendered: str
    ids: list[int]
    truncated: bool = False


def fit(
    text: str,
    *,
    render: Callable[[str], tuple[str, list[int]]],
    tokenizer: PreTrainedTokenizerBase,
    most: int | None,
    truncation: bool,
    too_long: str,
) -> FittedText:
    """``text`` as ``render`` sends it, in at most ``most`` tokens (None: any number).

    With ``truncation`` the user's text loses its end, and never what the template puts behind it.

    Raises:
        QueryError: The text is empty or too long; the message has the number of tokens and ``too_long``.
    """
    rendered, ids = render(text)
    if not ids:
        raise QueryError("the prompt is empty")
    if most is None or len(ids) <= most:
        return FittedText(rendered, ids)
    if not truncation:
        raise QueryError(f"the prompt has {len(ids)} tokens {too_long}")
    own_ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    keep = len(own_ids)
    for _ in range(_MAX_CUTS):
        keep -= len(ids) - most
        if keep <= 0:
            break
        rendered, ids = render(_beginning(text, own_ids, keep, tokenizer))
        if len(ids) <= most:
            return FittedText(rendered, ids, truncated=True)
    raise QueryError(f"what the template adds to the prompt leaves no room for it {too_long}")


def _beginning(text: str, ids: list[int], keep: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """The part of ``text`` that its first ``keep`` tokens make."""
    if tokenizer.is_fast:
        offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return text[: offsets[keep - 1][1]]
    return str(tokenizer.decode(ids[:keep], skip_special_tokens=True))
