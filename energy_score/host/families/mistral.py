"""Mistral: no reasoning mode."""

from energy_score.host.families.family import named, never_thinking

# Source: the models' own chat templates have no switch; Magistral is the reasoning line.
FAMILY = never_thinking("Mistral", named("mistral-"))
