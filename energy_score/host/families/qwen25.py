"""Qwen2.5 and its Coder and Math models: no reasoning mode."""

from energy_score.host.families.family import named, never_thinking

# Source: the models' own chat templates have no switch.
FAMILY = never_thinking("Qwen2.5", named(r"qwen2[._]5-"))
