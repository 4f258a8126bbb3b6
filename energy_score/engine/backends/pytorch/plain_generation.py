"""One greedy answer, a token at a time: what of a model's own generation config is set aside, and what is told."""

from typing import Any

# Settings that make another kind of generation, or another cache: set to what the method's greedy decoding has.
# Source: METHOD.md, "The work that edition 2025-02 measured": greedy, one beam, KV cache on; transformers 5,
# GenerationConfig. Clocks and assistants are among them: they change how many tokens are computed, or where.
PLAIN: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "max_length": None,
    "early_stopping": False,
    "length_penalty": None,
    "cache_implementation": None,
    "disable_compile": True,
    "num_return_sequences": 1,
    "return_dict_in_generate": False,
    "max_time": None,
    "prompt_lookup_num_tokens": None,
    "use_cache": True,
    "penalty_alpha": None,
    "guidance_scale": None,
    "dola_layers": None,
    "low_memory": None,
    "num_beam_groups": None,
    "diversity_penalty": None,
    "constraints": None,
    "force_words_ids": None,
    "watermarking_config": None,
    "use_mtp": None,
    "speculation_type": None,
    "assistant_early_exit": None,
}
# Those of them whose absence changes the work so much that a reader must know; sampling is every model's default.
_TOLD = (
    "num_beams",
    "cache_implementation",
    "num_return_sequences",
    "max_time",
    "prompt_lookup_num_tokens",
    "use_cache",
    "penalty_alpha",
    "guidance_scale",
    "dola_layers",
    "low_memory",
    "num_beam_groups",
    "constraints",
    "force_words_ids",
    "watermarking_config",
    "use_mtp",
    "speculation_type",
    "assistant_early_exit",
)
# Settings that choose other tokens and cost next to nothing: they stay, and are told, with the value that is neutral.
_KEPT: dict[str, Any] = {
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "exponential_decay_length_penalty": None,
    "sequence_bias": None,
    "bad_words_ids": None,
}
_NEUTRAL = {"guidance_scale": (1, 1.0), "low_memory": (False,), "use_mtp": (False,), "num_beam_groups": (1,)}


def notes_on_generation(own: Any) -> list[str]:  # noqa: ANN401 - transformers' GenerationConfig, or a model's own
    """Return what a reader must know of the model's generation config ``own``: what is set aside, and what stays."""
    notes = []
    for name in _TOLD:
        value = getattr(own, name, None)
        if value is not None and value != PLAIN[name] and value not in _NEUTRAL.get(name, ()):
            notes.append(
                f"the model's generation config asks for {name}={value}: not used, every model runs greedy, one token "
                "at a time, with the dynamic cache"
            )
    for name, neutral in _KEPT.items():
        value = getattr(own, name, None)
        if value is not None and value != neutral:
            notes.append(f"the model's generation config has {name}={value}, which is in effect")
    return notes


def make_plain(own: Any) -> None:  # noqa: ANN401 - as above
    """Set everything that makes another kind of generation to the method's, in ``own`` itself.

    On the model's own config, because generate puts its values where the given one has None.
    """
    own.update(**{name: value for name, value in PLAIN.items() if hasattr(own, name)})
