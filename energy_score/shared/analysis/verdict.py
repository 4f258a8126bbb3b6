"""What a run's figures are worth: every rule of the method, each with the numbers it saw and its threshold."""

from collections.abc import Sequence

from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.repair import Repair
from energy_score.contract.run_report import (
    GpuConditions,
    Hardware,
    LoadedModel,
    PhaseEnergy,
    QueryStatistics,
    TokenCounts,
    Verdict,
)
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.shared.analysis.rules import counter, energy, gpu, official, reasoning
from energy_score.shared.analysis.rules import model as model_rules
from energy_score.shared.analysis.rules import queries as query_rules
from energy_score.shared.analysis.rules import server as server_rules
from energy_score.shared.analysis.rules.facts import Facts, Rule

RULES: tuple[Rule, ...] = (
    energy.gpu_energy_is_unmeasured,
    energy.source_is_no_measurement,
    energy.gpu_energy_is_not_positive,
    energy.phase_is_too_short,
    counter.counter_was_reset,
    counter.counter_was_frozen,
    counter.counter_was_lost,
    counter.integral_contradicts_the_counter,
    counter.integral_deviates_from_the_counter,
    counter.ticks_are_coarse,
    counter.phase_is_unresolved,
    counter.repeats_drift,
    counter.run_stood_still,
    gpu.mig_is_on,
    gpu.another_process_computed,
    gpu.hardware_slowed_down,
    gpu.hardware_slowed_down_without_a_cause,
    gpu.power_cap_was_reached,
    gpu.driver_cooled_the_gpu,
    gpu.power_limit_was_changed,
    query_rules.too_many_queries_failed,
    query_rules.some_queries_failed,
    query_rules.too_many_queries_were_retried,
    query_rules.some_queries_were_retried,
    query_rules.token_count_is_off_target,
    query_rules.queries_were_truncated,
    reasoning.mode_is_not_expressed,
    reasoning.mode_is_contradicted,
    reasoning.prompt_was_raw,
    model_rules.weights_are_random,
    model_rules.model_is_offloaded,
    model_rules.model_is_not_on_the_gpu,
    model_rules.too_many_gpus,
    server_rules.gpu_of_the_server_is_unseen,
    server_rules.prefixes_are_cached,
    server_rules.prefix_caching_is_unknown,
    server_rules.server_did_other_work,
    server_rules.other_work_would_go_unseen,
    server_rules.queries_were_concurrent,
    server_rules.length_is_not_enforced,
    server_rules.interface_was_guessed,
    server_rules.model_was_not_read_back,
    server_rules.processes_of_the_server_are_unknown,
    official.protocol_is_quick,
    official.repeats_are_too_few,
    official.queries_are_too_few,
    official.hardware_is_not_official,
    official.dataset_is_not_official,
    official.token_limits_are_not_official,
    official.precision_is_not_official,
)


def judge(
    *,
    spec: RunSpec,
    windows: Sequence[PhaseEnergy],
    queries: QueryStatistics,
    tokens: TokenCounts,
    model: LoadedModel,
    hardware: Hardware,
    conditions: Sequence[GpuConditions] = (),
    server: ServerUse | None = None,
    repairs: Sequence[Repair] = (),
    prompt: PromptUse | None = None,
) -> Verdict:
    """The verdict with every reason that spoke, in the order of the rules.

    ``measured`` says that GPU energy was read at all; ``rateable`` needs that and no ``invalid`` reason;
    ``comparable`` (with officially published scores) needs in addition no ``not_comparable`` one.
    """
    facts = Facts(
        spec=spec,
        windows=tuple(windows),
        queries=queries,
        tokens=tokens,
        model=model,
        hardware=hardware,
        conditions=tuple(conditions),
        server=server,
        repairs=tuple(repairs),
        prompt=prompt,
    )
    reasons = tuple(reason for rule in RULES if (reason := rule(facts)) is not None)
    severities = {reason.severity for reason in reasons}
    rateable = bool(facts.gpu_windows) and "invalid" not in severities
    return Verdict(
        status="measured" if facts.gpu_windows else "unmeasured",
        rateable=rateable,
        comparable=rateable and "not_comparable" not in severities,
        reasons=reasons,
    )
