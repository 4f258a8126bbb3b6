"""The preflight of a batch: refuse rows whose run cannot succeed before any GPU time is spent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from energy_score.host.batch.plan import PlannedRun, ResolvedRun, resolved_runs
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import get_failing_rules, get_refusal
from energy_score.host.preflight.models.judgement import check_rules
from energy_score.host.preflight.models.reading import hub_absence, read_models
from energy_score.host.preflight.models.rules.rule import Question, gigabytes, model_asked
from energy_score.host.preflight.models.surroundings import Surroundings

# The total time that a batch waits for the Hub, for any number of rows.
_LIMIT_S = 10.0
# The backends that load a row's model with the libraries that the rules check. A server has already loaded its own, and
# the backend of another package can load anything.
_LOADING = ("pytorch", "optimum")


@dataclass(frozen=True)
class Preflight:
    """The plan with refusals, and notes about the other rows."""

    plan: Sequence[PlannedRun]
    notes: Sequence[str] = ()


def run_preflight(
    plan: Sequence[PlannedRun], *, is_pending: Callable[[ResolvedRun], bool], here: Surroundings, sheet_name: str
) -> Preflight:
    """Return the plan with a refusal for every pending run that cannot succeed; other runs are not checked.

    What cannot be determined never causes a refusal, for example if the Hub does not answer.
    """
    asked = {
        planned.name: (planned, model_asked(planned.spec))
        for planned in resolved_runs(plan)
        if planned.spec.backend in _LOADING and planned.spec.endpoint is None and is_pending(planned)
    }
    of_hub = dict.fromkeys(model for _, model in asked.values() if model.path is None)
    absence = hub_absence() if of_hub else None
    facts = read_models((model for _, model in asked.values()), hub=absence, limit_s=_LIMIT_S)
    notes: dict[str, None] = {}
    if absence is not None:
        notes[f"preflight: the Hub was not asked ({absence}); {_many(len(of_hub), 'model')} checked from the cache"] = (
            None
        )
    elif silent := [model for model in of_hub if _is_unanswered(facts[model])]:
        about = silent[0].model_id if len(silent) == 1 else f"{len(silent)} models, such as {silent[0].model_id}"
        notes[
            f"preflight: no answer from the Hub about {about} ({facts[silent[0]].detail}); checked from the cache"
        ] = None
    refusals = {}
    for name, (planned, model) in asked.items():
        findings = check_rules(Question(facts[model], planned.config, planned.spec, here))
        refusal = get_refusal(findings)
        if refusal is not None:
            line = planned.config.line_number
            where = f"{sheet_name}:{line}: " if line else ""
            refusals[name] = f"{where}preflight: {refusal} (to run it anyway: --no-preflight)"
        elif model in of_hub and (failing := get_failing_rules(findings)):
            notes[f"preflight: {model.model_id} would not be accepted as a submission: {', '.join(failing)}"] = None
    to_load = {model for name, (_, model) in asked.items() if name not in refusals}
    notes |= dict.fromkeys(_make_disk_notes([facts[model] for model in to_load], here))
    judged = [
        asked[planned.name][0].refused(refusals[planned.name]) if planned.name in refusals else planned
        for planned in plan
    ]
    return Preflight(judged, tuple(notes))


def _is_unanswered(facts: ModelFacts) -> bool:
    return facts.absence == "unknown" or facts.where == "cache"


def _make_disk_notes(facts: Sequence[ModelFacts], here: Surroundings) -> Sequence[str]:
    """Return a note if there is room for each model, but not for all of them."""
    total = sum(one.download_bytes or 0 for one in facts)
    if here.free_bytes is None or total <= here.free_bytes:
        return ()
    return (f"preflight: {gigabytes(total)} to download for all rows, {gigabytes(here.free_bytes)} free",)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{' is' if count == 1 else 's are'}"
