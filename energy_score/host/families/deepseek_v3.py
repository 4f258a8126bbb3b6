"""DeepSeek-V3: no reasoning mode."""

from energy_score.host.families.family import named, never_thinking

# Source: the model's own chat template has no switch. V3.1 and later do, and are matched before.
FAMILY = never_thinking("DeepSeek-V3", named(r"deepseek-v3(?![._]?\d)"))
