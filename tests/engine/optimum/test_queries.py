"""The prompts as optimum-benchmark is given them: texts that its tokenizer reads exactly as ours reads the prompt."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from energy_score.contract.errors import PromptRenderError, QueryError
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.optimum.job import processor_for_4
from energy_score.engine.optimum.queries import OptimumQueries, find_equivalent_text, prepare
from energy_score.engine.prompts import PromptRenderer

MakeSpec = Callable[..., RunSpec]


def beginning_with(token: str, folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer that puts ``token`` before every text, as Llama's does."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    number = tokenizer.convert_tokens_to_ids(token)
    tokenizer.bos_token = token
    core = tokenizer.backend_tokenizer
    core.post_processor = TemplateProcessing(single=f"{token} $A", special_tokens=[(token, number)])
    return tokenizer


def test_a_template_that_writes_the_first_token_gets_it_once(tiny_models: Path) -> None:
    tokenizer = beginning_with("<|endoftext|>", tiny_models / "Qwen3-tiny")
    tokenizer.chat_template = "<|endoftext|>{{ messages[0].content }}"
    rendered, ids = PromptRenderer(tokenizer=tokenizer, plan=PromptPlan()).render("What is energy?")
    assert tokenizer(rendered)["input_ids"] == [ids[0], *ids]
    text = find_equivalent_text(rendered, ids, tokenizer)
    assert tokenizer(text)["input_ids"] == ids


def test_a_prompt_that_no_text_gives_is_refused_with_what_is_valid(tiny_models: Path) -> None:
    tokenizer = beginning_with("<|endoftext|>", tiny_models / "Qwen3-tiny")
    rendered, ids = PromptRenderer(tokenizer=tokenizer, plan=PromptPlan()).render("What is energy?")
    with pytest.raises(PromptRenderError, match=r"this model's prompt\. Use --backend pytorch"):
        find_equivalent_text(rendered, ids, tokenizer)


def test_a_query_that_is_too_long_fails_alone_and_the_others_are_asked(make_spec: MakeSpec, tiny_models: Path) -> None:
    spec = make_spec(backend="optimum", model_path=str(tiny_models / "base-tiny"), revision=None)
    rows = [{"text": "What is energy?"}, {"text": "word " * 3000}, {"text": "Why?"}]
    queries = prepare(spec, rows).queries
    assert list(queries.prepared) == [0, 2]
    assert "the model's context holds 2048" in queries.errors[1]
    assert len(queries.expected_ids) == len(queries.columns["text"]) == 2
    with pytest.raises(QueryError, match="no query can be prepared"):
        prepare(spec, rows[1:2])


def test_no_text_is_changed_on_its_way_into_the_data_set(tmp_path: Path) -> None:
    texts = ["NA", "null", "007", "2026-11-24", 'a "quoted",\r\nline', " spaces ", "ü→"]
    OptimumQueries(columns={"text": texts}).write(tmp_path / "queries")
    assert pq.read_table(tmp_path / "queries" / "train.parquet")["text"].to_pylist() == texts


def test_a_tokenizer_saved_by_transformers_5_is_written_once_more_for_version_4(
    make_spec: MakeSpec, tiny_models: Path, tmp_path: Path
) -> None:
    spec = make_spec(backend="optimum", model_path=str(tiny_models / "base-tiny"), revision=None)
    given, note = processor_for_4(spec, prepare(spec, [{"text": "Why?"}]), tmp_path / "processor")
    assert given == str(tmp_path / "processor")
    assert note is not None
    assert '"PreTrainedTokenizerFast"' in (tmp_path / "processor" / "tokenizer_config.json").read_text()
    # One that names what both know is left where it is.
    known = spec.model_copy(update={"processor": given})
    assert processor_for_4(known, prepare(known, [{"text": "Why?"}]), tmp_path / "again") == (given, None)
