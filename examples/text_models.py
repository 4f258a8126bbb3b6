"""Tiny models that read text: two that summarize, and BERTs that answer, classify and embed."""

from pathlib import Path
from typing import Any

from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    T5Config,
    T5ForConditionalGeneration,
)

from examples.saving import save
from examples.tiny_models import tiny_tokenizer

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!'-()"
BERT_POSITIONS = 64
BART_POSITIONS = 128


def make_bart_like(folder: Path) -> None:
    """A BART of 128 positions, which ends a summary of full length with its end token."""
    tokenizer = tiny_tokenizer(["<pad>", "<s>", "</s>"], end="</s>", template=None)
    config = BartConfig(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=BART_POSITIONS,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    save(folder, BartForConditionalGeneration(config), tokenizer)


def make_t5_like(folder: Path) -> None:
    """A T5 whose config says that a text to summarize wants a prefix, as that of t5-small does."""
    tokenizer = tiny_tokenizer(["<pad>", "</s>"], end="</s>", template=None)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, pad_token_id=0,
        eos_token_id=1, decoder_start_token_id=0, task_specific_params={"summarization": {"prefix": "summarize: "}},
    )  # fmt: skip
    save(folder, T5ForConditionalGeneration(config), tokenizer)


def make_bert_qa(folder: Path) -> None:
    """A BERT that marks the span of an answer."""
    save(folder, BertForQuestionAnswering(_bert_config()), _bert_tokenizer())


def make_bert_classifier(folder: Path) -> None:
    """A BERT with two labels."""
    labels = {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}}
    save(folder, BertForSequenceClassification(_bert_config(**labels)), _bert_tokenizer())


def make_bert_encoder(folder: Path) -> None:
    """A BERT whose states are embeddings, in the plain layout of transformers."""
    save(folder, BertModel(_bert_config()), _bert_tokenizer())


def make_sentence_transformer(folder: Path) -> None:
    """A BERT in the layout of sentence-transformers, with another pooling than the mean: the first token's state."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - 10 s, and one model needs it
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: PLC0415 - as above

    make_bert_encoder(folder / "encoder")
    body = Transformer(str(folder / "encoder"))
    pooling = Pooling(body.get_embedding_dimension(), pooling_mode="cls")
    SentenceTransformer(modules=[body, pooling], device="cpu").save(str(folder))


def _bert_config(**labels: Any) -> BertConfig:  # noqa: ANN401 - what the config takes
    return BertConfig(
        vocab_size=len(_bert_tokenizer()), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=BERT_POSITIONS, **labels,
    )  # fmt: skip


def _bert_tokenizer() -> BertTokenizer:
    """One entry a letter, so that the tokens of a text are its letters and marks."""
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    return BertTokenizer(vocabulary, model_max_length=BERT_POSITIONS)
