"""Facts about the cache of an answer, by the configs of real models."""

from typing import Any

import pytest

from energy_score.host.model_files.answer_cache import estimate_cache_bytes

GPT2 = {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
T5 = {"model_type": "t5", "num_layers": 24, "num_decoder_layers": 6, "num_heads": 8, "d_kv": 64, "d_model": 512}
WHISPER = {
    "num_hidden_layers": 32, "decoder_layers": 4, "encoder_attention_heads": 8, "decoder_attention_heads": 20,
    "d_model": 1280,
}  # fmt: skip
QWEN3 = {
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 2560, "head_dim": 128,
}  # fmt: skip
DEEPSEEK_V3 = {
    "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128, "hidden_size": 7168,
    "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "numbers"),
    [
        (GPT2, 12 * 2 * 12 * 64),
        (T5, 6 * 2 * 8 * 64),
        (WHISPER, 4 * 2 * 20 * 64),
        (QWEN3, 36 * 2 * 8 * 128),
        (QWEN3 | {"num_key_value_heads": None}, 36 * 2 * 32 * 128),
        (DEEPSEEK_V3, 61 * (512 + 64)),
        ({"num_hidden_layers": 64, "state_size": 16, "hidden_size": 2560}, None),  # Mamba
        ({"num_hidden_layers": True, "num_attention_heads": 0, "hidden_size": 10**400}, None),
        ({}, None),
    ],
)
def test_a_layer_keeps_of_each_token_what_its_kind_of_attention_needs(
    config: dict[str, Any], numbers: int | None
) -> None:
    expected = None if numbers is None else numbers * 10 * 2
    assert estimate_cache_bytes(config, tokens=10, bytes_each=2) == expected


def test_an_answer_is_no_longer_than_the_context() -> None:
    assert estimate_cache_bytes(GPT2, tokens=8192, bytes_each=2) == estimate_cache_bytes(
        GPT2, tokens=1024, bytes_each=2
    )
