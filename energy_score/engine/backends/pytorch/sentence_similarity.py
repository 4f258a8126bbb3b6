"""Sentence similarity: embed both sentences, with one forward pass each, and compare them."""

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from transformers import AutoModel
from typing_extensions import override

from energy_score.contract.errors import ModelLoadError
from energy_score.engine.backends.pytorch.loading import ModelSource, get_context_length, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.text_forward import encode
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase

_COLUMNS = ("sentence1", "sentence2")
# The list of a sentence-transformers model's own steps (pooling, projection, normalization).
_LAYOUT = "modules.json"


def load(source: ModelSource) -> TaskModel:
    """Load the model of ``source``: with the steps of its sentence-transformers layout, or else with mean pooling."""
    has_layout = _has_layout(source)
    if has_layout and not source.spec.no_weights:
        return SentenceTransformerEncoder(source)
    if has_layout:
        source.notes.append("only the encoder has random weights; its states are averaged")
    return MeanPooledEncoder(source)


class MeanPooledEncoder(TaskModel):
    """An encoder whose last states, averaged over the tokens, are the embedding."""

    work_phase: WorkPhase = "forward"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        self._truncation = source.spec.truncation
        self._tokenizer = source.tokenizer()
        self._model = source.model(AutoModel)
        self.context_length = get_context_length(source.config, self._tokenizer)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        encoded = [self._encode(row[column]) for column in _COLUMNS]
        return PreparedQuery(
            "\n".join(row[column] for column in _COLUMNS),
            [inputs for inputs, _ in encoded],
            truncated=any(truncated for _, truncated in encoded),
        )

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        del limits, clock  # nothing is generated
        first, second = (self._embed(inputs) for inputs in query.inputs)
        similarity = torch.nn.functional.cosine_similarity(first, second)
        return Output(value=similarity, prompt_tokens=sum(inputs["input_ids"].shape[1] for inputs in query.inputs))

    def decode(self, value: Any) -> str:  # noqa: ANN401 - a similarity
        """Return the cosine similarity of both embeddings."""
        return f"{float(value[0]):.4f}"

    def _encode(self, sentence: str) -> tuple[dict[str, Any], bool]:
        cut = "longest_first" if self._truncation else None
        return encode(self._tokenizer, [sentence], most=self.context_length, cut=cut)

    def _embed(self, inputs: dict[str, Any]) -> torch.Tensor:
        states: torch.Tensor = self._model(**on_device(inputs, self._model)).last_hidden_state
        return states.mean(dim=1)  # one sentence per pass, so without padding


class SentenceTransformerEncoder(MeanPooledEncoder):
    """A model whose layout defines how states become an embedding."""

    def __init__(self, source: ModelSource) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - 10 s, and only its layout needs it

        source.refuse_spreading("a model of sentence-transformers")
        self._truncation = source.spec.truncation
        self._model = SentenceTransformer(
            source.location,
            device=str(source.device),
            revision=source.commit,
            trust_remote_code=source.spec.trust_remote_code,
            model_kwargs={"dtype": source.dtype},
        ).eval()
        if source.spec.processor is not None:
            raise ModelLoadError(f"{source.spec.model_id}: its layout defines the tokenizer. Leave out the processor.")
        self._tokenizer = self._model.tokenizer
        if not callable(self._tokenizer):
            raise ModelLoadError(
                f"{source.spec.model_id}: its first module does not use a transformers tokenizer, which is not "
                "supported. Use a model with a transformer encoder."
            )
        prompt_name = self._model.default_prompt_name
        self._prompt: str = self._model.prompts.get(prompt_name, "") if prompt_name else ""
        self.context_length = self._model.get_max_seq_length()

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Return the modules, the transformer first because it knows its data type and its attention."""
        inner = getattr(self._model[0], "auto_model", None)
        return (self._model,) if inner is None else (inner, *list(self._model.children())[1:])

    def _encode(self, sentence: str) -> tuple[dict[str, Any], bool]:
        prompted = f"{self._prompt}{sentence}"
        _, truncated = super()._encode(prompted)
        return dict(self._model.preprocess([prompted])), truncated

    def _embed(self, inputs: dict[str, Any]) -> torch.Tensor:
        embedding: torch.Tensor = self._model(on_device(inputs, self._model))["sentence_embedding"]
        return embedding


def _has_layout(source: ModelSource) -> bool:
    if source.spec.model_path is not None:
        file = Path(source.spec.model_path) / _LAYOUT
    else:
        try:
            file = Path(hf_hub_download(source.spec.model_id, _LAYOUT, revision=source.commit))
        except (EntryNotFoundError, LocalEntryNotFoundError):
            return False
    return file.is_file() and bool(json.loads(file.read_text(encoding="utf-8")))
