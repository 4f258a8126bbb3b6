"""Phi-4-reasoning and -plus: always thinking."""

from energy_score.host.families.family import always_thinking, named

# Source: the chat template writes its own system prompt, which asks for thinking; no off is documented.
FAMILY = always_thinking("Phi-4-reasoning", named("phi-4-reasoning"))
