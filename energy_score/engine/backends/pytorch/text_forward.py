"""Text read in one forward pass: classification, and the span of an answer in a context."""

from typing import Any

import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification
from typing_extensions import override

from energy_score.contract.errors import QueryError
from energy_score.engine.backends.pytorch.loading import ModelSource, get_context_length, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase


class TextForward(TaskModel):
    """What both tasks share: texts to one sequence of tokens, one forward pass, its logits."""

    work_phase: WorkPhase = "forward"
    context_length: int | None = None
    auto_class: Any
    columns: tuple[str, ...]
    # Which of several texts loses its end where the sequence is too long.
    cut: str = "longest_first"

    def __init__(self, source: ModelSource) -> None:
        self._truncation = source.spec.truncation
        self._tokenizer = source.tokenizer()
        self._model = source.model(self.auto_class)
        self.context_length = get_context_length(source.config, self._tokenizer)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        texts = [row[column] for column in self.columns]
        inputs, truncated = encode(
            self._tokenizer, texts, most=self.context_length, cut=self.cut if self._truncation else None
        )
        return PreparedQuery("\n".join(texts), inputs, truncated=truncated)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        del limits, clock  # nothing is generated
        output = self._model(**on_device(query.inputs, self._model))
        return Output(value=(query, output), prompt_tokens=query.inputs["input_ids"].shape[1])

    @override
    def decode(self, value: Any) -> str:
        raise NotImplementedError


class TextClassifier(TextForward):
    """Gives a text its most likely label."""

    auto_class = AutoModelForSequenceClassification
    columns = ("text",)

    def decode(self, value: Any) -> str:  # noqa: ANN401 - query and output
        """The label."""
        _, output = value
        return str(self._model.config.id2label[int(output.logits[0].argmax())])


class ExtractiveQa(TextForward):
    """Marks the span of the context that answers the question."""

    auto_class = AutoModelForQuestionAnswering
    columns = ("question", "context")
    cut = "only_second"

    def decode(self, value: Any) -> str:  # noqa: ANN401 - query and output
        """The tokens between the most likely start and the most likely end."""
        query, output = value
        start, end = int(output.start_logits[0].argmax()), int(output.end_logits[0].argmax())
        return str(self._tokenizer.decode(query.inputs["input_ids"][0, start : end + 1]))


def encode(tokenizer: Any, texts: list[str], *, most: int | None, cut: str | None) -> tuple[dict[str, Any], bool]:  # noqa: ANN401 - untyped
    """The tensors of one sequence of at most ``most`` tokens that holds ``texts``, and whether it was cut for that.

    Raises:
        QueryError: it is too long, and ``cut`` names no text that may lose its end (None), or not one long enough.
    """
    inputs = tokenizer(*texts, return_tensors="pt")
    count = inputs["input_ids"].shape[1]
    if most is None or count <= most:
        return dict(inputs), False
    too_long = f"the input has {count} tokens, but the model's context holds {most}"
    if cut is None:
        raise QueryError(too_long)
    if cut == "only_second" and count - len(tokenizer(texts[1], add_special_tokens=False)["input_ids"]) >= most:
        raise QueryError(f"{too_long}, and the first of its texts alone fills that")
    return dict(tokenizer(*texts, return_tensors="pt", truncation=cut, max_length=most)), True
