"""A streamed answer, read as it arrives: server-sent events with a JSON object each, in both dialects.

vLLM: pieces, then an event without choices that has the usage, then ``[DONE]``. ``transformers serve``: pieces, the
last one with the usage, and the end of the stream. An answer is whole where a finish reason and the usage came.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from energy_score.contract.foreign_json import parse_json
from energy_score.contract.plain_text import shorten
from energy_score.engine.query import FinishReason

_DONE = b"[DONE]"
# Far more than one piece of an answer, or a whole one.
_EVENT_MAX_BYTES = 2**24
_FINISHED: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
# Of what a server tells, so much goes into a message.
LONGEST_DETAIL = 300


class StreamError(Exception):
    """The stream is not a whole answer; the message has the reason."""


@dataclass(frozen=True)
class StreamedAnswer:
    """One whole answer. ``token_times_s`` are when its pieces arrived, by the clock that was given.

    A piece is one token or more; a token that writes no text of its own comes with a later one. ``text`` is all of it;
    ``thoughts`` is what the server sent apart from the ``answer``, empty where it tells no difference.
    ``piece_counts`` are those of both; ``reasoning_tokens`` is what its usage says of thoughts.
    """

    text: str
    thoughts: str
    answer: str
    piece_counts: tuple[int, int]
    reasoning_tokens: int | None
    token_times_s: tuple[float, ...]
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason
    model: str | None


@dataclass
class _Gathered:
    """What the events so far have told."""

    thoughts: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    reasoning_tokens: int | None = None
    times_s: list[float] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    finish_reason: FinishReason | None = None
    model: str | None = None


def read_answer(parts: Iterable[bytes], *, elapsed_s: Callable[[], float], patience_s: float) -> StreamedAnswer:
    """The answer in ``parts``, which are timed by ``elapsed_s`` as they come.

    Raises:
        StreamError: an event is no JSON object or tells an error, the stream ended before the answer did, or it held no
            event for longer than ``patience_s`` (a server may keep a connection open by comments for ever).
    """
    seen = _Gathered()
    for data in _events(parts, elapsed_s=elapsed_s, patience_s=patience_s):
        if data == _DONE:
            break
        _note(seen, _parsed(data), elapsed_s())
    if seen.finish_reason is None or seen.usage is None:
        missing = "usage" if seen.finish_reason is not None else "finish reason"
        raise StreamError(f"the answer was cut short: the stream ended after {len(seen.times_s)} pieces, no {missing}")
    prompt_tokens, completion_tokens = seen.usage
    return StreamedAnswer(
        text="".join(seen.texts),
        thoughts="".join(seen.thoughts),
        answer="".join(seen.answers),
        piece_counts=(len(seen.thoughts), len(seen.answers)),
        reasoning_tokens=seen.reasoning_tokens,
        # A server may first send what its template opened (a think block): more pieces than tokens begin with those.
        token_times_s=tuple(seen.times_s[max(0, len(seen.times_s) - completion_tokens) :]),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        finish_reason=seen.finish_reason,
        model=seen.model,
    )


def _events(parts: Iterable[bytes], *, elapsed_s: Callable[[], float], patience_s: float) -> Iterator[bytes]:
    """The data of each event. Split at line feeds alone: JSON may hold other characters that end lines elsewhere."""
    rest, last_s = b"", elapsed_s()
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _EVENT_MAX_BYTES:
            raise StreamError(f"an event of more than {_EVENT_MAX_BYTES} bytes")
        events = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
        if events:
            last_s = elapsed_s()
        elif elapsed_s() - last_s > patience_s:
            raise StreamError(f"the stream held no part of an answer for {patience_s:g} s")
        yield from events
    if rest.startswith(b"data:"):
        yield rest.removeprefix(b"data:").strip()


def _parsed(data: bytes) -> dict[str, object]:
    try:
        event = parse_json(data)
    except ValueError as error:
        raise StreamError(f"an event of {len(data)} bytes is not JSON") from error  # no word of it: it may be an answer
    if not isinstance(event, dict):
        raise StreamError(f"an event of {len(data)} bytes is no JSON object")
    if event.get("error") is not None or event.get("object") == "error":
        told = event.get("error", event)
        if isinstance(told, dict):
            told = told.get("message", told)
        raise StreamError(f"the server failed: {shorten(str(told), LONGEST_DETAIL)}")
    return event


def _note(seen: _Gathered, event: dict[str, object], time_s: float) -> None:
    model, usage, choices = event.get("model"), event.get("usage"), event.get("choices")
    if isinstance(model, str):
        seen.model = model
    if isinstance(usage, dict):
        seen.usage = _counts(usage)
        details = usage.get("completion_tokens_details")
        told = details.get("reasoning_tokens") if isinstance(details, dict) else None
        seen.reasoning_tokens = told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            raise StreamError(f"a choice is no JSON object but {type(choice).__name__}")
        thoughts, answer = _texts_of(choice)
        seen.thoughts.extend(filter(None, [thoughts]))
        seen.answers.extend(filter(None, [answer]))
        if thoughts or answer:
            seen.texts.append(thoughts + answer)
            seen.times_s.append(time_s)
        reason = choice.get("finish_reason")
        if reason is not None:
            if not isinstance(reason, str) or reason not in _FINISHED:
                told = shorten(repr(reason), LONGEST_DETAIL)
                raise StreamError(f"the answer ended with {told} (expected {' or '.join(_FINISHED)})")
            seen.finish_reason = _FINISHED[reason]


def _texts_of(choice: dict[str, object]) -> tuple[str, str]:
    """The thoughts and the answer in one piece, under the names that servers use; a completion's text is an answer."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        text = choice.get("text")
        return "", text if isinstance(text, str) else ""
    thoughts, answer = delta.get("reasoning_content") or delta.get("reasoning"), delta.get("content")
    return (thoughts if isinstance(thoughts, str) else "", answer if isinstance(answer, str) else "")


def _counts(usage: dict[str, object]) -> tuple[int, int]:
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    prompt, completion = counts
    if not isinstance(prompt, int) or not isinstance(completion, int) or min(prompt, completion) < 0:
        raise StreamError(f"the usage holds no token counts: {shorten(str(usage), LONGEST_DETAIL)}")
    return prompt, completion
