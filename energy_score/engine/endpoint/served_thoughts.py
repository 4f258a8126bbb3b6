"""What of a server's answer was thought: its own field for thoughts, its usage, or the marks in its text."""

from energy_score.engine.endpoint.answer_stream import StreamedAnswer
from energy_score.engine.query import Thoughts
from energy_score.shared.chat_template.thought_marks import find_thoughts

# Control tokens (think tags, the end) write no piece of their own; with this many more tokens than pieces, pieces hold
# several tokens each and count nothing.
_TOKENS_WITHOUT_A_PIECE = 4


def count_thoughts(answer: StreamedAnswer, *, opened: bool, is_certain: bool) -> Thoughts:
    """Return the thoughts in ``answer``; ``opened`` says that its prompt ended inside a block of thoughts.

    The tokens of both parts are known where the server counts them, or sends one piece for each token. Where ``opened``
    is expected and not seen (``is_certain``), an answer that was cut before any mark may be either.
    """
    total = answer.completion_tokens
    thinks: bool | None
    if answer.thoughts:
        thinks = bool(answer.thoughts.strip())
        thinking = answer.reasoning_tokens
        if thinking is None and _pieces_are_tokens(answer):
            thinking = total - answer.piece_counts[1]
    else:
        found = find_thoughts(answer.answer, opened=opened and is_certain)
        thinks, thinking = found.any, answer.reasoning_tokens
        if not found.spans and opened and not is_certain and answer.finish_reason != "stop":
            return Thoughts(None, None, None)
        if not found.spans:
            thinking = 0
        elif sum(end - start for start, end in found.spans) == len(answer.answer):
            thinking = total
    known = thinking is not None and thinking <= total
    return Thoughts(thinks, thinking if known else None, total - (thinking or 0) if known else None)


def _pieces_are_tokens(answer: StreamedAnswer) -> bool:
    pieces = sum(answer.piece_counts)
    return 0 <= answer.completion_tokens - pieces <= _TOKENS_WITHOUT_A_PIECE
