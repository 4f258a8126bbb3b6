"""Three tiny models with random weights, made from configurations written here; each loads through transformers.

They answer nonsense, but through the same code, chat templates and token limits as the models they imitate.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM as CausalModel
from transformers import (
    GPT2Config,
    GptOssConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
)
from transformers.utils.logging import disable_progress_bar

_TRAINING_TEXT = (
    "What is energy? Energy is the capacity to do work, and it is measured in joules or watt-hours.",
    "A model answers a query in two phases: prefill reads the prompt, decode writes the answer.",
    "Low effort, medium effort, high effort: the more a model reasons, the more tokens it writes.",
)

# The same switch as Qwen3's: enable_thinking=False puts an empty think block before the answer.
QWEN3_LIKE_TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

# The same switch as gpt-oss': reasoning_effort is told in the system message, medium unless said otherwise.
GPT_OSS_LIKE_TEMPLATE = """\
{%- set effort = reasoning_effort if reasoning_effort is defined else 'medium' %}
{{- '<|start|>system<|message|>Reasoning: ' + effort + '<|end|>' }}
{%- for message in messages %}{{ '<|start|>' + message.role + '<|message|>' + message.content + '<|end|>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"""


def make_qwen3_like(folder: Path) -> None:
    """A Qwen3 of 0.2 M parameters with an ``enable_thinking`` template."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
    tokenizer = tiny_tokenizer(special, end="<|im_end|>", template=QWEN3_LIKE_TEMPLATE)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    _save(folder, config, tokenizer)


def make_gpt_oss_like(folder: Path) -> None:
    """A gpt-oss with four small experts and a ``reasoning_effort`` template."""
    special = ["<|startoftext|>", "<|endoftext|>", "<|start|>", "<|message|>", "<|end|>", "<|return|>"]
    tokenizer = tiny_tokenizer(special, end="<|return|>", template=GPT_OSS_LIKE_TEMPLATE)
    config = GptOssConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, num_local_experts=4, num_experts_per_tok=2, sliding_window=64,
        max_position_embeddings=2048, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    _save(folder, config, tokenizer)


def make_base(folder: Path) -> None:
    """A GPT-2 without a chat template."""
    tokenizer = tiny_tokenizer(["<|endoftext|>"], end="<|endoftext|>", template=None)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=2048, n_embd=64, n_layer=2, n_head=2,
        bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    _save(folder, config, tokenizer)


TINY_MODELS: dict[str, Callable[[Path], None]] = {
    "Qwen3-tiny": make_qwen3_like,
    "gpt-oss-tiny": make_gpt_oss_like,
    "base-tiny": make_base,
}


def make_tiny_models(folder: Path) -> None:
    """Make every tiny model under ``folder`` that is not there yet."""
    disable_progress_bar()
    for name, make in TINY_MODELS.items():
        if not (folder / name / "model.safetensors").exists():
            make(folder / name)


def tiny_tokenizer(special: list[str], *, end: str, template: str | None) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of about 400 entries; ``special`` tokens come first, and the first of them pads."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_TRAINING_TEXT, trainer)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token=end, pad_token=special[0]
    )
    tokenizer.chat_template = template
    return tokenizer


def _save(folder: Path, config: PreTrainedConfig, tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    model = CausalModel.from_config(config).eval()
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
