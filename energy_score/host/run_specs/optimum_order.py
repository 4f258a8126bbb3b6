"""What a row must be for optimum-benchmark to carry it out, and what of the repeat policy it can keep."""

from collections.abc import Mapping

from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.run_spec import GenerationSettings, RepeatPolicy


def refuse_what_optimum_cannot(backend: str, given: Mapping[str, bool]) -> None:
    """Nothing, where the backend is another one or none of ``given`` is.

    Raises:
        UsageError: an option that optimum-benchmark cannot carry was given.
    """
    refused = [name for name, is_given in given.items() if is_given]
    if backend == "optimum" and refused:
        raise UsageError(
            f"{refused[0]} cannot be carried by optimum-benchmark, which keeps no answers and makes random weights of "
            "Hub models alone; leave it out with --backend optimum"
        )


def optimum_order_of(generation: GenerationSettings, policy: RepeatPolicy) -> tuple[RepeatPolicy, tuple[str, ...]]:
    """The policy as it can be kept, and what must be noted of it: a phase is one pass over the data set.

    Raises:
        RowRefusedError: the row lets the model write as much as it wants.
    """
    if generation.min_new_tokens != generation.max_new_tokens:
        raise RowRefusedError(
            f"optimum-benchmark writes exactly as many tokens as it is told, and this row allows "
            f"{generation.min_new_tokens} to {generation.max_new_tokens}; valid is a row with "
            "reasoning off, equal min_new_tokens and max_new_tokens of a single run, or --backend pytorch"
        )
    if policy.min_phase_s == 0:
        return policy, ()
    note = f"optimum-benchmark goes over the data set once a phase; it cannot loop to {policy.min_phase_s:g} s"
    return policy.model_copy(update={"min_phase_s": 0}), (note,)
