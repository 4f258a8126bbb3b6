"""Qwen3 models that only think: Next-Thinking and the Thinking-2507 releases."""

from energy_score.host.families.family import always_thinking, named

# Source: the model cards ("supports only thinking mode"); the chat template opens <think> by itself.
FAMILY = always_thinking("Qwen3-Thinking", named(r"qwen3-.*thinking"))
