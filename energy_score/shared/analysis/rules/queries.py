"""Whether the queries did the work that was asked for."""

from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts

# The method: a run with more than 5 % failed queries has fewer successes than asked.
MAX_FAILED_FRACTION = 0.05


def too_many_queries_failed(facts: Facts) -> VerdictReason | None:
    """Invalid: too few queries succeeded to represent the dataset."""
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


def too_many_queries_were_retried(facts: Facts) -> VerdictReason | None:
    """Invalid: the windows lack the work of queries that failed in them and were answered afterwards.

    A retry lies outside of every window, so its query counts as a success, and its energy as nothing.
    """
    asked, failed, retried = facts.queries.asked, facts.queries.failed, facts.queries.retried
    if retried <= failed or retried <= MAX_FAILED_FRACTION * asked:
        return None
    return invalid(
        "too_many_retried_queries",
        f"{retried} of {asked} queries failed in a pass, and some of them were answered when asked once more, outside "
        "the windows, whose energy is too low for so many successes",
        observed=f"{_percent(retried, asked)} retried",
        threshold=f"<= {100 * MAX_FAILED_FRACTION:g}% retried",
    )


def some_queries_were_retried(facts: Facts) -> VerdictReason | None:
    """Warning: the windows lack a little of the successes' work."""
    asked, failed, retried = facts.queries.asked, facts.queries.failed, facts.queries.retried
    if retried <= failed or retried > MAX_FAILED_FRACTION * asked:
        return None
    return warning(
        "retried_queries",
        f"{retried} of {asked} queries failed in a pass, and some of them were answered when asked once more, outside "
        "the windows",
        observed=f"{retried} retried",
        threshold="0 retried",
    )


def token_count_is_off_target(facts: Facts) -> VerdictReason | None:
    """Invalid: a completion is shorter or longer than the spec's limits, which say exactly n where they are equal.

    Silent where the task generates no tokens; tokens that were generated and not counted are off any target.
    """
    generates = any(window.phase == "full" for window in facts.counted)
    low, high = facts.spec.generation.min_new_tokens, facts.spec.generation.max_new_tokens
    shortest, longest = facts.tokens.completion_min, facts.tokens.completion_max
    if not generates or low is None or high is None:
        return None
    if shortest is None or longest is None:
        return invalid(
            "token_count_off_target",
            "the tokens of the completions were not counted",
            observed="unknown",
            threshold=_tokens(low, high),
        )
    if low <= shortest <= longest <= high:
        return None
    return invalid(
        "token_count_off_target",
        "completions do not have the number of tokens that was asked for",
        observed=_tokens(shortest, longest),
        threshold=_tokens(low, high),
    )


def queries_were_truncated(facts: Facts) -> VerdictReason | None:
    """Warning: inputs longer than the model's context were cut, so the model read less than others do."""
    if facts.queries.truncated == 0:
        return None
    return warning(
        "truncated_queries",
        f"{facts.queries.truncated} of {facts.queries.asked} inputs were cut to the model's context",
        observed=f"{facts.queries.truncated} truncated",
        threshold="0 truncated",
    )


def _tokens(low: int, high: int) -> str:
    return f"{low} to {high} tokens" if low != high else f"{low} tokens"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"
