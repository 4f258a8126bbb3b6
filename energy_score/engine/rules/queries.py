"""Whether the queries did the work that was asked for."""

from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import VerdictReason
from energy_score.engine.rules.facts import Facts

# The method: a run with more than 5 % failed queries has fewer successes than asked.
MAX_FAILED_FRACTION = 0.05


def too_many_queries_failed(facts: Facts) -> VerdictReason | None:
    """Invalid: the successes are too few to stand for the data set."""
    asked, failed = facts.queries.asked, facts.queries.failed
    if failed <= MAX_FAILED_FRACTION * asked:
        return None
    return invalid(
        "too_many_failed_queries",
        f"{failed} of {asked} queries failed; first error: {facts.queries.first_error or 'not recorded'}",
        observed=f"{_percent(failed, asked)} failed",
        threshold=f"<= {100 * MAX_FAILED_FRACTION:g}% failed",
    )


def some_queries_failed(facts: Facts) -> VerdictReason | None:
    """Warning: totals are of the successes alone."""
    asked, failed = facts.queries.asked, facts.queries.failed
    if failed == 0:
        return None
    return warning(
        "partial_failure",
        f"PARTIAL FAILURE: {failed}/{asked} prompts failed ({_percent(failed, asked)})",
        observed=f"{failed} failed",
        threshold="0 failed",
    )


def token_count_is_off_target(facts: Facts) -> VerdictReason | None:
    """Invalid: a completion is shorter or longer than the spec's limits, which say exactly n where they are equal."""
    generates = any(window.phase == "full" for window in facts.counted)
    low, high = facts.spec.generation.min_new_tokens, facts.spec.generation.max_new_tokens
    shortest, longest = facts.tokens.completion_min, facts.tokens.completion_max
    if not generates or low <= shortest <= longest <= high:
        return None
    return invalid(
        "token_count_off_target",
        "completions do not have the number of tokens that was asked for",
        observed=f"{shortest} to {longest} tokens" if shortest != longest else f"{shortest} tokens",
        threshold=f"{low} to {high} tokens" if low != high else f"{low} tokens",
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"
