"""The list of rules, and what all of them find of one row."""

from collections.abc import Sequence

from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules import loading, machine, repository, weights
from energy_score.host.preflight.models.rules.rule import Question, Rule

# By the names that findings carry. Source: METHOD.md, "Before a model is run or submitted".
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
# What is there even where nothing is known of the model itself.
_WITHOUT_THE_MODEL = ("exists", "scored")
# What another machine may have: its login, its disk, its GPUs.
_OF_THE_MACHINE = ("exists", "access", "memory", "disk")


def findings_of(question: Question) -> Sequence[Finding]:
    """What each rule finds of the row, in the list's order; of a model that cannot be read only that.

    Where runs happen on other machines, no rule about this one bars them; none at all does where only a part of the
    model is known.
    """
    names = RULES if question.facts.absence is None else _WITHOUT_THE_MODEL
    findings = [finding.safe() for name in names if (finding := RULES[name](question)) is not None]
    if question.facts.is_partial:  # the Hub may have what the copy lacks, and something newer than what it holds
        return [one._replace(bars_run=False) for one in findings]
    if not question.here.elsewhere:
        return findings
    return [one._replace(bars_run=False) if one.name in _OF_THE_MACHINE else one for one in findings]
