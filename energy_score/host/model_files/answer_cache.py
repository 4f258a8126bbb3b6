"""How many bytes the keys and values of an answer take, told from a model's config."""

from collections.abc import Mapping
from typing import Any

# One quantity as the configs of different types call it. Source: transformers, the attribute_map of each config;
# of an encoder and a decoder the latter's, which writes the answer.
_LAYERS = ("num_decoder_layers", "decoder_layers", "num_hidden_layers", "n_layer", "num_layers")
_HEADS = ("decoder_attention_heads", "num_attention_heads", "n_head", "num_heads")
_KEY_HEADS = ("num_key_value_heads", "num_kv_heads", *_HEADS)
_WIDTH = ("hidden_size", "n_embd", "d_model")
_HEAD_SIZE = ("head_dim", "d_kv")
# More is no size of any model.
_MAX = 2**31


def cache_bytes_of(config: Mapping[str, Any], *, tokens: int, bytes_each: int) -> int | None:
    """Keys and values of ``tokens`` tokens in every layer; None where the config does not say how large they are.

    The prompt's come on top, and layers without a cache, or with a short one, are counted like the others.
    """
    layers, numbers = _number(config, _LAYERS), _numbers_of_a_token(config)
    if layers is None or numbers is None:
        return None
    most = _number(config, ("max_position_embeddings", "n_positions", "n_ctx"))
    return layers * numbers * min(tokens, most or tokens) * bytes_each


def _numbers_of_a_token(config: Mapping[str, Any]) -> int | None:
    """How many numbers a layer keeps of one token: keys and values by heads, or what latent attention makes them of."""
    latent, rope = _number(config, ("kv_lora_rank",)), _number(config, ("qk_rope_head_dim",))
    if latent is not None and rope is not None:
        return latent + rope
    heads, key_heads = _number(config, _HEADS), _number(config, _KEY_HEADS)
    size, width = _number(config, _HEAD_SIZE), _number(config, _WIDTH)
    if size is None and width is not None and heads is not None:
        size = width // heads
    return None if size is None or key_heads is None else 2 * key_heads * size


def _number(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of ``names`` that is a size: a config may hold anything."""
    found = (config.get(name) for name in names)
    return next((number for number in found if type(number) is int and 0 < number < _MAX), None)
