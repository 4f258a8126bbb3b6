"""Whether the run is like those behind the officially published scores."""

from typing import get_args

from energy_score.contract.choices import Dtype
from energy_score.contract.reasons import invalid, not_comparable
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.tasks.registry import TASKS

# The method's primary metric: the mean of 10 runs over 1,000 queries.
OFFICIAL_REPEATS = 10
OFFICIAL_QUERIES = 1000


def protocol_is_quick(facts: Facts) -> VerdictReason | None:
    """Invalid: the run was a trial."""
    if facts.spec.repeat_policy.protocol != "quick":
        return None
    return invalid("quick_protocol", "the quick protocol is for trials", observed="quick", threshold="official")


def repeats_are_too_few(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are means of 10 runs."""
    repeats = len({window.repeat for window in facts.work_windows})
    if repeats >= OFFICIAL_REPEATS:
        return None
    return not_comparable(
        "too_few_repeats",
        "official scores are means of more repeats",
        observed=f"{repeats} repeats",
        threshold=f">= {OFFICIAL_REPEATS} repeats",
    )


def queries_are_too_few(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are over 1,000 queries."""
    if facts.queries.asked >= OFFICIAL_QUERIES:
        return None
    return not_comparable(
        "too_few_queries",
        "official scores are measured with the whole dataset",
        observed=f"{facts.queries.asked} queries",
        threshold=f">= {OFFICIAL_QUERIES} queries",
    )


def dataset_is_not_official(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are measured with the task's own dataset."""
    task, dataset = TASKS.get(facts.spec.task), facts.spec.dataset
    official = task.dataset.name if task else None
    if official is not None and dataset.text_column is None:
        former = official.replace("AIEnergyScore/", "EnergyStarAI/")  # METHOD.md, "Ten tasks": the sets' former owner
        if dataset.name in (official, former):
            return None
    column = f", column {dataset.text_column}" if dataset.text_column else ""
    return not_comparable(
        "not_official_dataset",
        "official scores are measured with the task's own dataset",
        observed=f"{dataset.name or 'a local file'}{column}",
        threshold=official or "none: no official score exists for the task",
    )


def token_limits_are_not_official(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores have so many new tokens a query, with and without reasoning."""
    task, spec = TASKS.get(facts.spec.task), facts.spec
    if task is None or task.new_tokens is None:
        return None
    official = task.new_tokens_thinking if spec.reasoning.thinks else task.new_tokens
    asked = (spec.generation.min_new_tokens, spec.generation.max_new_tokens)
    if official is None or asked == official:
        return None
    return not_comparable(
        "not_official_token_limits",
        "official scores have other limits of new tokens",
        observed=f"{asked[0]} to {asked[1]}",
        threshold=f"{official[0]} to {official[1]}",
    )


def precision_is_not_official(facts: Facts) -> VerdictReason | None:
    """Not comparable: published scores are in 16 bits for text generation, in 32 for the other tasks.

    What was ordered must be that, and what was read back from the loaded model; packed weights have their own types.
    """
    task, ordered, loaded = TASKS.get(facts.spec.task), facts.spec.generation.dtype, facts.model.dtype
    if task is None:
        return None
    official = ("bfloat16", "float16") if task.dtype == "bfloat16" else (task.dtype,)
    if ordered not in official:
        observed: str = ordered
    elif loaded in get_args(Dtype) and loaded not in official:
        observed = f"{loaded} in the loaded model"
    else:
        return None
    return not_comparable(
        "not_official_precision",
        "official scores are in another precision",
        observed=observed,
        threshold=" or ".join(official),
    )
