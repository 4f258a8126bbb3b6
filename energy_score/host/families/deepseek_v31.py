"""DeepSeek-V3.1 and V3.2: hybrid models that answer without thinking by default."""

from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the V3.1 chat template reads `thinking` (default false); V3.2 is taken to do the same (nv).
FAMILY = Family(
    name="DeepSeek-V3.1/V3.2",
    pattern=named(r"deepseek-v3[._][12](?!\d)"),
    plans=switched_by("thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"thinking"}),
)
