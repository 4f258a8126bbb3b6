"""Qwen3 models that never think: Next-Instruct, the Instruct-2507 releases and Coder."""

from energy_score.host.families.family import named, never_thinking

# Source: the model cards ("supports only non-thinking mode"); the chat template has no switch.
FAMILY = never_thinking("Qwen3-Instruct", named(r"qwen3-(?:.*instruct|coder)"))
