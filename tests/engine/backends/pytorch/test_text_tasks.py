"""Tasks that read text. The tiny BERTs have one token a letter, so their counts are counted by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import Mistral3Config, Mistral3ForConditionalGeneration, MistralConfig, PixtralVisionConfig

from energy_score.contract.errors import QueryError
from energy_score.engine.query import TokenLimits
from tests.engine.backends.pytorch.conftest import Load

TEN = TokenLimits(10, 10)
TEXT = "A meter counts joules."
LONG = "joules " * 100


def test_an_encoder_decoder_counts_neither_its_start_token_nor_its_prompt(load_task: Load) -> None:
    loaded = load_task("summarization", "bart-tiny")
    query, completion = loaded.ask(TEN, text=TEXT)
    whole = loaded.inside._model.generate(
        query.inputs, do_sample=False, num_beams=1, min_new_tokens=10, max_new_tokens=10
    )
    assert completion.completion_tokens == whole.shape[1] - 1 == 10
    assert completion.output.tolist() == whole[0, 1:].tolist()
    assert len(completion.token_times_s) == 10
    assert completion.prompt_tokens == query.inputs.shape[1]
    assert loaded.backend.work_phase == "full"


def test_the_first_of_one_token_is_the_prefill_of_an_encoder_decoder(load_task: Load) -> None:
    _, completion = load_task("summarization", "bart-tiny").ask(TokenLimits(1, 1), text=TEXT)
    assert completion.completion_tokens == 1


def test_a_t5_gets_the_prefix_that_its_config_names(load_task: Load) -> None:
    loaded = load_task("summarization", "t5-tiny")
    query, completion = loaded.ask(TEN, text=TEXT)
    assert query.rendered == f"summarize: {TEXT}"
    tokenizer = Tokenizer.from_file(f"{loaded.inside._tokenizer.name_or_path}/tokenizer.json")
    assert completion.prompt_tokens == len(tokenizer.encode(query.rendered).ids)
    assert completion.completion_tokens == 10


def test_a_causal_model_summarizes_what_its_prompt_plan_renders(load_task: Load) -> None:
    query, completion = load_task("summarization", "Qwen3-tiny").ask(TEN, text=TEXT)
    assert query.rendered.startswith("<|im_start|>user\n")
    assert completion.completion_tokens == 10


def test_a_model_that_reads_images_as_well_writes_text_from_text(
    load_task: Load, all_tasks: Path, tmp_path: Path
) -> None:
    """Mistral Small 3.1 is such a one: its kind stands among no causal models of transformers."""
    for file in (all_tasks / "models" / "Qwen3-tiny").glob("*token*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = MistralConfig(
        vocab_size=1024, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=256,
    )  # fmt: skip
    vision = PixtralVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16
    )
    Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=vision)).save_pretrained(tmp_path)
    loaded = load_task("text_gen", "Mistral-Small-tiny", model_path=str(tmp_path))
    _, completion = loaded.ask(TEN, text=TEXT)
    assert (completion.completion_tokens, loaded.facts.context_length) == (10, 256)


def test_a_text_gets_a_label_in_one_pass(load_task: Load) -> None:
    loaded = load_task("text_classification", "bert-classifier-tiny")
    _, completion = loaded.ask(text=TEXT)
    assert loaded.backend.work_phase == "forward"
    assert completion.prompt_tokens == 1 + 5 + 6 + 6 + 1 + 2  # letters and mark, [CLS] and [SEP]
    assert (completion.completion_tokens, completion.token_times_s, completion.finish_reason) == (None, (), None)
    assert loaded.backend.decode(completion) in ("NEGATIVE", "POSITIVE")


def test_an_answer_is_marked_in_the_context(load_task: Load) -> None:
    loaded = load_task("extractive_qa", "bert-qa-tiny")
    query, completion = loaded.ask(question="who?", context="it is i.")
    assert completion.prompt_tokens == 4 + 6 + 3
    loaded.inside._model.qa_outputs.bias.data[:] = 0
    start, end = torch.zeros(1, 13), torch.zeros(1, 13)
    start[0, 6], end[0, 7] = 1, 1  # the second word: [CLS] w h o ? [SEP] i t ...
    output = type("Output", (), {"start_logits": start, "end_logits": end})
    assert loaded.inside.decode((query, output)) == "it"


def test_only_the_context_is_cut_when_a_question_and_its_context_are_too_long(load_task: Load) -> None:
    row: dict[str, Any] = {"question": "who counts?", "context": LONG}
    query, completion = load_task("extractive_qa", "bert-qa-tiny", truncation=True).ask(**row)
    assert query.truncated
    assert completion.prompt_tokens == 64
    with pytest.raises(QueryError, match=r"the input has 6\d\d tokens, but the model's context holds 64"):
        load_task("extractive_qa", "bert-qa-tiny").ask(**row)
    with pytest.raises(QueryError, match="the first of its texts alone fills that"):
        load_task("extractive_qa", "bert-qa-tiny", truncation=True).ask(question=LONG, context="it")


def test_sentences_are_embedded_by_the_mean_of_their_states(load_task: Load) -> None:
    loaded = load_task("sentence_similarity", "bert-encoder-tiny")
    query, completion = loaded.ask(sentence1="it is hot.", sentence2="so it is.")
    assert completion.prompt_tokens == (8 + 2) + (7 + 2)
    with torch.inference_mode():
        first, second = (loaded.inside._model(**inputs).last_hidden_state.mean(1) for inputs in query.inputs)
    assert float(completion.output) == pytest.approx(float(torch.nn.functional.cosine_similarity(first, second)))
    same = loaded.ask(sentence1="it is.", sentence2="it is.")[1]
    assert loaded.backend.decode(same) == "1.0000"


def test_a_sentence_transformers_layout_says_how_states_become_an_embedding(load_task: Load) -> None:
    """The tiny model pools the first token, which is not the default."""
    loaded = load_task("sentence_similarity", "sentence-transformer-tiny")
    query, completion = loaded.ask(sentence1="it is hot.", sentence2="so it is.")
    assert completion.prompt_tokens == 19
    encoder = loaded.inside.modules[0]
    with torch.inference_mode():
        first, second = (
            encoder(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state[:, 0]
            for inputs in query.inputs
        )
    assert float(completion.output) == pytest.approx(float(torch.nn.functional.cosine_similarity(first, second)))
    assert (loaded.facts.dtype, loaded.facts.attention, loaded.facts.context_length) == ("float32", "sdpa", 64)


def test_random_weights_for_a_sentence_transformers_layout_say_what_they_leave_out(load_task: Load) -> None:
    loaded = load_task("sentence_similarity", "sentence-transformer-tiny", no_weights=True)
    assert loaded.facts.random_weights
    assert loaded.facts.notes == ("only the encoder has random weights; its states are averaged",)


def test_a_prompt_that_the_layout_names_is_put_before_each_sentence(load_task: Load) -> None:
    loaded = load_task("sentence_similarity", "sentence-transformer-tiny")
    loaded.inside._prompt = "so: "
    _, completion = loaded.ask(sentence1="it", sentence2="is")
    assert completion.prompt_tokens == 2 * (3 + 2 + 2)


@pytest.mark.parametrize("name", ["bert-encoder-tiny", "sentence-transformer-tiny"])
def test_a_sentence_past_the_context_is_cut_or_fails(load_task: Load, name: str) -> None:
    query, completion = load_task("sentence_similarity", name, truncation=True).ask(sentence1=LONG, sentence2="a")
    assert query.truncated
    assert completion.prompt_tokens == 64 + 3
    with pytest.raises(QueryError, match="context holds 64"):
        load_task("sentence_similarity", name).ask(sentence1=LONG, sentence2="a")


def test_a_prompt_past_the_context_loses_the_users_text_and_never_the_templates_end(load_task: Load) -> None:
    row: dict[str, Any] = {"text": "".join(f"energy {number} " for number in range(1000))}
    loaded = load_task("text_gen", "Qwen3-tiny", truncation=True)
    query, completion = loaded.ask(TokenLimits(1, 1), **row)
    assert query.truncated
    assert query.rendered.startswith("<|im_start|>user\nenergy 0 energy 1 ")
    assert query.rendered.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert 2048 - 8 <= (completion.prompt_tokens or 0) <= 2048 - 1
    with pytest.raises(QueryError, match=r"the prompt has \d+ tokens and 1 must follow"):
        load_task("text_gen", "Qwen3-tiny").ask(TokenLimits(1, 1), **row)


def test_a_summary_of_a_text_past_the_context_reads_its_beginning(load_task: Load) -> None:
    query, completion = load_task("summarization", "bart-tiny", truncation=True).ask(TEN, text=2 * LONG)
    assert query.truncated
    assert (2 * LONG).startswith(query.rendered)
    assert (completion.prompt_tokens, completion.completion_tokens) == (128, 10)
