"""The size of the keys and values of an answer, from a model's config."""

from collections.abc import Mapping
from typing import Any

# The names of a quantity in different types of configs. Source: transformers, the attribute_map of each config;
# for encoder-decoder models the decoder's, which writes the answer.
_LAYERS = ("num_decoder_layers", "decoder_layers", "num_hidden_layers", "n_layer", "num_layers")
_HEADS = ("decoder_attention_heads", "num_attention_heads", "n_head", "num_heads")
_KEY_HEADS = ("num_key_value_heads", "num_kv_heads", *_HEADS)
_WIDTH = ("hidden_size", "n_embd", "d_model")
_HEAD_SIZE = ("head_dim", "d_kv")
# Larger than any size in a model.
_MAX = 2**31


def estimate_cache_bytes(config: Mapping[str, Any], *, tokens: int, bytes_each: int) -> int | None:
    """Return the size of keys and values of ``tokens`` tokens in all layers, or None if the config does not say.

    The prompt needs more on top, and layers without a cache, or with a short one, are counted like the others.
    """
    layers, numbers = _number(config, _LAYERS), _count_numbers_per_token(config)
    if layers is None or numbers is None:
        return None
    most = _number(config, ("max_position_embeddings", "n_positions", "n_ctx"))
    return layers * numbers * min(tokens, most or tokens) * bytes_each


def _count_numbers_per_token(config: Mapping[str, Any]) -> int | None:
    """Return how many numbers a layer stores per token: keys and values by heads, or their latent form."""
    latent, rope = _number(config, ("kv_lora_rank",)), _number(config, ("qk_rope_head_dim",))
    if latent is not None and rope is not None:
        return latent + rope
    heads, key_heads = _number(config, _HEADS), _number(config, _KEY_HEADS)
    size, width = _number(config, _HEAD_SIZE), _number(config, _WIDTH)
    if size is None and width is not None and heads is not None:
        size = width // heads
    return None if size is None or key_heads is None else 2 * key_heads * size


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the first of ``names`` that is a valid size: a config can contain anything."""
    found = (config.get(name) for name in names)
    return next((number for number in found if type(number) is int and 0 < number < _MAX), None)
