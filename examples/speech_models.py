"""Tiny models that hear: a Whisper that writes token by token, and a Wav2Vec2 that labels every frame in one pass."""

import json
from pathlib import Path

from transformers import (
    GenerationConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

from examples.saving import save
from examples.tiny_models import tiny_tokenizer

# Whisper's own, in its order: transformers knows some by their place, and <|notimestamps|> must be the last.
_WHISPER_SPECIAL = (
    "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>",
    "<|nocaptions|>", "<|notimestamps|>",
)  # fmt: skip
_WHISPER_POSITIONS = 64


def make_whisper_like(folder: Path) -> None:
    """A Whisper of 64 positions that knows two languages."""
    model = json.loads(tiny_tokenizer(["<|endoftext|>"], end="<|endoftext|>", template=None).backend_tokenizer.to_str())
    merges = [tuple(merge) for merge in model["model"]["merges"]]
    tokenizer = WhisperTokenizer(model["model"]["vocab"], merges, language="english", task="transcribe")
    tokenizer.add_special_tokens({"additional_special_tokens": list(_WHISPER_SPECIAL)})
    ids = {token: tokenizer.get_vocab()[token] for token in _WHISPER_SPECIAL}
    end, start = tokenizer.eos_token_id, ids["<|startoftranscript|>"]
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_target_positions=_WHISPER_POSITIONS, pad_token_id=end, bos_token_id=end, eos_token_id=end,
        decoder_start_token_id=start,
    )  # fmt: skip
    whisper = WhisperForConditionalGeneration(config)
    whisper.generation_config = GenerationConfig(
        max_length=_WHISPER_POSITIONS, pad_token_id=end, bos_token_id=end, eos_token_id=end, is_multilingual=True,
        decoder_start_token_id=start, no_timestamps_token_id=ids["<|notimestamps|>"],
        lang_to_id={"<|en|>": ids["<|en|>"], "<|de|>": ids["<|de|>"]},
        task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]},
    )  # fmt: skip
    save(folder, whisper, WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer))


def make_wav2vec2_like(folder: Path) -> None:
    """A Wav2Vec2 with a CTC head over small letters."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: number for number, letter in enumerate(letters)}), encoding="utf-8")
    config = Wav2Vec2Config(
        vocab_size=len(letters), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        conv_dim=(32, 32, 32), conv_kernel=(10, 8, 4), conv_stride=(10, 8, 4), num_feat_extract_layers=3,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, pad_token_id=0,
    )  # fmt: skip
    processor = Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), Wav2Vec2CTCTokenizer(str(vocabulary)))
    save(folder, Wav2Vec2ForCTC(config), processor)
