"""Kimi-K2-Instruct: no reasoning mode."""

from energy_score.host.families.family import named, never_thinking

# Source: the model's own chat template has no switch. Kimi-K2-Thinking is another model, left to the sheet.
FAMILY = never_thinking("Kimi-K2-Instruct", named("kimi-k2-instruct"))
