"""Apertus: answers without thinking by default."""

from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the models' own chat template: `enable_thinking` (default false).
FAMILY = Family(
    name="Apertus",
    pattern=named("apertus-"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
)
