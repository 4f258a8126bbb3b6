"""Tiny models that think, or do not, exactly as their prompt ends: each token has one token that follows it."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from examples.tiny_models import tiny_tokenizer

# Thinks unless it is told not to, as Qwen3.5 does: the prompt ends inside a block of thoughts, or behind it.
TEMPLATE = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think></think>' }}"
    "{%- else %}{{ '<think>' }}{% endif %}{% endif %}"
)
_OBEDIENT = ("<think>", "h", "m", "</think>", "y", "e", "s", "<|im_end|>")
# Behind an empty block of thoughts it opens another one.
_DISOBEDIENT = ("</think>", "<think>", "h", "m", "h")


def make_thinking_model(folder: Path, *, is_obedient: bool = True, template: str = TEMPLATE) -> Path:
    """Write a model that answers its thoughts and then yes, or that thinks whatever it is told."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
    tokenizer = tiny_tokenizer(special, end="<|im_end|>", template=template)
    size = len(tokenizer)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size, hidden_size=size + size % 2, intermediate_size=8, num_hidden_layers=1,
            num_attention_heads=1, num_key_value_heads=1, max_position_embeddings=512, tie_word_embeddings=False,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    vocabulary = tokenizer.get_vocab()
    chain = [vocabulary[token] for token in (_OBEDIENT if is_obedient else _DISOBEDIENT)]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight[:, :size].copy_(torch.eye(size))
        follows = torch.full((size,), chain[-2])  # what is forced past the end says nothing new
        follows[chain[:-1]] = torch.tensor(chain[1:])
        model.lm_head.weight[follows, torch.arange(size)] = 1.0
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
