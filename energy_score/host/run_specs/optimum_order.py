"""What a row needs to run with optimum-benchmark, and which parts of the repeat policy that supports."""

from collections.abc import Mapping

from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.run_spec import GenerationSettings, RepeatPolicy


def refuse_what_optimum_cannot(backend: str, given: Mapping[str, bool]) -> None:
    """Return if the backend is a different one, or none of ``given`` is set.

    Raises:
        UsageError: An option was given that optimum-benchmark does not support.
    """
    refused = [name for name, is_given in given.items() if is_given]
    if backend == "optimum" and refused:
        raise UsageError(
            f"{refused[0]} is not supported by optimum-benchmark, which does not keep answers and has random weights "
            "for Hub models only. Leave it out with --backend optimum."
        )


def adapt_repeat_policy(generation: GenerationSettings, policy: RepeatPolicy) -> tuple[RepeatPolicy, tuple[str, ...]]:
    """Return the policy that can be followed, with notes: a phase is one pass over the dataset.

    Raises:
        RowRefusedError: The row does not fix the number of new tokens.
    """
    if generation.min_new_tokens != generation.max_new_tokens:
        raise RowRefusedError(
            f"optimum-benchmark generates an exact number of tokens, but this row allows "
            f"{generation.min_new_tokens} to {generation.max_new_tokens}. Use a row with "
            "reasoning off, equal min_new_tokens and max_new_tokens for a single run, or --backend pytorch."
        )
    if policy.min_phase_s == 0:
        return policy, ()
    note = (
        f"optimum-benchmark makes one pass over the dataset per phase; it cannot repeat it for {policy.min_phase_s:g} s"
    )
    return policy.model_copy(update={"min_phase_s": 0}), (note,)
