"""Granite 4: no reasoning mode."""

from energy_score.host.families.family import named, never_thinking

# Source: the models' own chat template has no switch; Granite 3.2 and 3.3 had one and are left to the sheet.
FAMILY = never_thinking("Granite-4", named("granite-4"))
