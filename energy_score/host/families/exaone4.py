"""EXAONE-4.0: hybrid models that answer without thinking by default."""

from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the models' own chat template: `enable_thinking` (default false) opens <think>. A circulating sheet has the
# switch the wrong way round, so a cell that contradicts the state is read as inverted.
FAMILY = Family(
    name="EXAONE-4.0",
    pattern=named(r"exaone-4[._]0"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
    cell_may_be_inverted=True,
)
