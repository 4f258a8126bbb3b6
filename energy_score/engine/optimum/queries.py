"""The queries for optimum-benchmark: texts in a dataset, for which its tokenizer must give the same tokens as ours."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_score.contract.errors import PromptRenderError, QueryError
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.query import PreparedQuery, Row

if TYPE_CHECKING:
    from energy_score.engine.backends.pytorch.chat_prompts import ChatPrompts


@dataclass
class OptimumQueries:
    """The rows that can be queried: ``columns`` of the dataset, by name; ``expected_ids`` are their tokens.

    ``prepared`` are all of them by the row's number, ``errors`` say why the other rows cannot.
    """

    columns: dict[str, list[str]] = field(default_factory=dict)
    expected_ids: list[list[int]] = field(default_factory=list)
    prepared: dict[int, PreparedQuery] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write the dataset as optimum-benchmark loads it from ``folder``.

        Parquet keeps every text as it is: a CSV reader takes "NA" for nothing, and a column of numbers for numbers.
        """
        import pyarrow as pa  # noqa: PLC0415 - heavy
        import pyarrow.parquet as pq  # noqa: PLC0415 - as above

        folder.mkdir()
        pq.write_table(
            pa.table({name: pa.array(cells, pa.string()) for name, cells in self.columns.items()}),
            folder / "train.parquet",
        )


@dataclass(frozen=True)
class PreparedModel:
    """What is known about the model before it is loaded: its ``commit``, its architecture's name, its tokenizer.

    ``tokenizer_class`` is the class named in the tokenizer's files, or None.
    """

    commit: str | None
    model_type: str
    tokenizer: Any
    tokenizer_class: str | None
    queries: OptimumQueries
    prompt_use: PromptUse | None = None


def prepare(spec: RunSpec, rows: Sequence[Row]) -> PreparedModel:
    """Return the model's tokenizer, and all ``rows`` rendered and tokenized as in the pytorch backend.

    Raises:
        ModelLoadError: the tokenizer cannot be loaded.
        PromptRenderError: the plan cannot be carried by the template, or its prompts cannot be given as texts.
        QueryError: not one row can be asked.
    """
    from energy_score.engine.backends.pytorch.chat_prompts import ChatPrompts  # noqa: PLC0415 - imports torch
    from energy_score.engine.backends.pytorch.loading import ModelSource  # noqa: PLC0415 - imports torch
    from energy_score.engine.backends.pytorch.memory import raise_load_error  # noqa: PLC0415 - as above
    from energy_score.engine.backends.pytorch.registry import get_base_task  # noqa: PLC0415 - as above

    with raise_load_error(spec.model_id):
        source = ModelSource.of(spec)
        way = get_base_task(spec.task)
        prompts = ChatPrompts.open(source) if way == "text_gen" else None
        tokenizer = source.tokenizer() if prompts is None else prompts.tokenizer
        named_class = _named_class(spec.processor or source.location, None if spec.processor else source.commit)
        to_query = (
            _text_generation(spec, source.config, prompts)
            if prompts is not None
            else _forward(spec, way, source.config, tokenizer)
        )
    queries = OptimumQueries()
    for index, row in enumerate(rows):
        try:
            query, cells, ids = to_query(row)
        except QueryError as error:
            queries.errors[index] = str(error)
            continue
        queries.prepared[index] = query
        queries.expected_ids.append(ids)
        for name, cell in cells.items():
            queries.columns.setdefault(name, []).append(cell)
    if not queries.prepared:
        raise QueryError(f"no query can be prepared; the first says: {queries.errors[0]}")
    use = None if prompts is None else prompts.use
    return PreparedModel(source.commit, str(source.config.model_type), tokenizer, named_class, queries, use)


def _named_class(location: str, commit: str | None) -> str | None:
    from transformers.utils.hub import cached_file  # noqa: PLC0415 - heavy

    file = cached_file(location, "tokenizer_config.json", revision=commit, _raise_exceptions_for_missing_entries=False)
    named = None if file is None else json.loads(Path(file).read_text(encoding="utf-8")).get("tokenizer_class")
    return None if named is None else str(named)


_ToQuery = Callable[[Row], tuple[PreparedQuery, dict[str, str], list[int]]]


def _text_generation(spec: RunSpec, config: Any, prompts: "ChatPrompts") -> _ToQuery:  # noqa: ANN401 - untyped
    from energy_score.engine.backends.pytorch.text_input import fit  # noqa: PLC0415 - imports transformers

    renderer, tokenizer = prompts.renderer, prompts.tokenizer
    context_length = getattr(config.get_text_config(), "max_position_embeddings", None)
    must_follow = spec.generation.min_new_tokens or 1

    def to_query(row: Row) -> tuple[PreparedQuery, dict[str, str], list[int]]:
        fitted = fit(
            row["text"],
            render=renderer.render,
            tokenizer=tokenizer,
            most=None if context_length is None else context_length - must_follow,
            truncation=spec.truncation,
            too_long=f"and {must_follow} must follow, but the model's context holds {context_length}",
        )
        text = find_equivalent_text(fitted.rendered, fitted.ids, tokenizer)
        return PreparedQuery(fitted.rendered, None, truncated=fitted.truncated), {"text": text}, fitted.ids

    return to_query


def _forward(spec: RunSpec, way: str, config: Any, tokenizer: Any) -> _ToQuery:  # noqa: ANN401 - untyped
    from energy_score.engine.backends.pytorch.loading import get_context_length  # noqa: PLC0415 - imports torch
    from energy_score.engine.backends.pytorch.registry import load_function  # noqa: PLC0415 - as above
    from energy_score.engine.backends.pytorch.text_forward import encode  # noqa: PLC0415 - as above

    kind: Any = load_function(way)
    most = get_context_length(config, tokenizer)

    def to_query(row: Row) -> tuple[PreparedQuery, dict[str, str], list[int]]:
        texts = [row[column] for column in kind.columns]
        inputs, truncated = encode(tokenizer, texts, most=most, cut=kind.cut if spec.truncation else None)
        cells = dict(zip(kind.columns, texts, strict=True))
        return PreparedQuery("\n".join(texts), None, truncated=truncated), cells, inputs["input_ids"][0].tolist()

    return to_query


def find_equivalent_text(rendered: str, ids: list[int], tokenizer: Any) -> str:  # noqa: ANN401 - untyped
    """The text of which a tokenizer that puts its special tokens around every text makes exactly ``ids``.

    A chat template writes the first token itself, and optimum-benchmark lets the tokenizer write it once more.

    Raises:
        PromptRenderError: neither the prompt nor the prompt without its first token is such a text.
    """
    texts = [rendered]
    if tokenizer.bos_token and rendered.startswith(tokenizer.bos_token):
        texts.append(rendered.removeprefix(tokenizer.bos_token))
    for text in texts:
        if text and tokenizer(text)["input_ids"] == ids:
            return text
    raise PromptRenderError(
        "optimum-benchmark tokenizes every text with the tokenizer's own special tokens, so no text gives "
        "this model's prompt. Use --backend pytorch or vllm."
    )
