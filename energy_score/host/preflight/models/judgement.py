"""The list of rules, and the findings of all of them for one row."""

from collections.abc import Sequence

from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules import loading, machine, repository, weights
from energy_score.host.preflight.models.rules.rule import Question, Rule

# By the names in findings. Source: METHOD.md, "Before a model is run or submitted".
RULES: dict[str, Rule] = {
    "exists": repository.exists,
    "pinned": repository.pinned,
    "access": repository.access,
    "config": loading.config,
    "remote_code": loading.remote_code,
    "tokenizer": loading.tokenizer,
    "loads": loading.loads,
    "chat_template": loading.chat_template,
    "weights": weights.weights,
    "parameters": weights.parameters,
    "size_limit": weights.size_limit,
    "precision": weights.precision,
    "class": weights.model_class,
    "memory": machine.memory,
    "disk": machine.disk,
    "card": repository.card,
    "licence": repository.licence,
    "scored": repository.scored,
}
# Rules that apply even if nothing is known about the model.
_WITHOUT_THE_MODEL = ("exists", "scored")
# Properties of this machine that another may not share: its login, disk and GPUs.
_OF_THE_MACHINE = ("exists", "access", "memory", "disk")


def check_rules(question: Question) -> Sequence[Finding]:
    """Return what each rule finds for the row, in the list's order; for an unreadable model, only some rules.

    If runs happen on other machines, rules about this one do not refuse them; no rule does if only part of the
    model is known.
    """
    names = RULES if question.facts.absence is None else _WITHOUT_THE_MODEL
    findings = [finding.safe() for name in names if (finding := RULES[name](question)) is not None]
    if question.facts.is_partial:  # the Hub may have what the copy lacks, or a newer version
        return [one._replace(bars_run=False) for one in findings]
    if not question.here.elsewhere:
        return findings
    return [one._replace(bars_run=False) if one.name in _OF_THE_MACHINE else one for one in findings]
