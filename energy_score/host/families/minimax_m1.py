"""MiniMax-M1: always thinking."""

from energy_score.host.families.family import always_thinking, named

# The model card knows no switch (nv). The 40k and 80k in the names are thinking budgets trained in, not a setting.
FAMILY = always_thinking("MiniMax-M1", named("minimax-m1"))
