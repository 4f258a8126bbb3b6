"""Turn the composition of one model into the config and options that the batch runner uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import ModelConfig, ParameterValue, ReasoningMode
from energy_score.host.families.registry import find_family
from energy_score.host.run_specs.row_plan import resolve_prompt_plan
from energy_score.host.single_run.composition import Composition
from energy_score.host.single_run.values import Values
from energy_score.shared.chat_template.mode_request import BUDGET_KEYS
from parameter_handler import RunOptions

SAMPLES = "scenario.num_samples"

_EFFORT = "reasoning_effort"
_REASONING, _PARAMETERS = "scenario.reasoning", "scenario.reasoning_params"
_LIMIT = "scenario.generate_kwargs"
_STATES = {
    ReasoningMode.NOT_APPLICABLE: "",
    ReasoningMode.OFF: "Off",
    ReasoningMode.ON: "On",
    ReasoningMode.LOW: "On (Low)",
    ReasoningMode.MEDIUM: "On (Medium)",
    ReasoningMode.HIGH: "On (High)",
}
_EFFORTS = {mode.value: mode for mode in (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)}


@dataclass(frozen=True)
class SingleOrder:
    """One model's config and options, and its GPUs; ``needs_gpu``: refuse to run on a machine without one.

    ``note`` points out a possible misunderstanding.
    """

    config: ModelConfig
    options: RunOptions
    device_ids: tuple[str, ...]
    needs_gpu: bool
    note: str | None


def resolve_single_order(
    composition: Composition, options: Mapping[str, Any], *, query_count: int | None, directory: Path
) -> SingleOrder:
    """Return the request for the composition; ``options`` are other command line options, named as in RunOptions.

    ``query_count`` comes from ``samples_of``; paths are relative to ``directory``.

    Raises:
        UsageError: The value of a key is invalid, contradicts another one, or would have no effect.
    """
    values = Values(composition, directory=directory)
    if values.count("scenario.input_shapes.batch_size", none="one query at a time") not in (1, None):
        raise values.fault("scenario.input_shapes.batch_size", "the method sends one query at a time (expected 1)")
    dataset, prompts_file = values.dataset()
    device_ids = values.device_ids()
    run_options = RunOptions(
        **options,
        processor=values.processor(),
        gpu_count=_gpu_count(values, device_ids),
        device_map=values.device_map(),
        query_count=query_count,
        truncation=values.switch("scenario.truncation"),
        prompts_file=prompts_file,
        dataset=dataset,
        text_column=values.text_column(),
        dtype=values.dtype(),
        no_weights=bool(values.switch("backend.no_weights")),
        **_limits(values),
    )
    needs_gpu = values.device() == "cuda" or bool(device_ids)
    return SingleOrder(_config(values), run_options, device_ids, needs_gpu, values.folder_note())


def samples_of(composition: Composition, *, asked: int | None, default: int | None) -> int | None:
    """Return how many queries to send, None for all: ``scenario.num_samples``, ``-n`` (``asked``), or ``default``.

    Raises:
        UsageError: The key and the option have different values.
    """
    count = Values(composition, directory=Path()).count(SAMPLES, none="the whole dataset")
    if SAMPLES not in composition.given:
        return asked or count or default
    if asked is not None and asked != count:
        key = f"{SAMPLES}={'null' if count is None else count}"
        raise UsageError(f"-n {asked} contradicts {key}. Use one of them.")
    return count


def _gpu_count(values: Values, device_ids: tuple[str, ...]) -> int | None:
    """Return the number of GPUs: those listed, all visible ones for a device map, otherwise one."""
    if values.device() != "cpu":
        return len(device_ids) or (None if values.device_map() else 1)
    for key, is_given in (("backend.device_ids", device_ids), ("backend.device_map", values.device_map())):
        if is_given:
            raise values.fault(key, "needs GPUs, but backend.device=cpu uses none. Use one of them.")
    return 0


def _limits(values: Values) -> dict[str, int | None]:
    """Return the given limits of new tokens."""
    limits = {
        name: values.count(f"{_LIMIT}.{name}", none="the method's limit")
        for name in ("min_new_tokens", "max_new_tokens")
    }
    least, most = limits.values()
    if least is not None and most is not None and least > most:
        raise values.fault(f"{_LIMIT}.min_new_tokens", f"exceeds {_LIMIT}.max_new_tokens={most}. Use a lower number.")
    return limits


def _config(values: Values) -> ModelConfig:
    model_id, revision = values.model()
    mode, parameters = _mode(values), values.reasoning_params()
    family = find_family(model_id)
    config = ModelConfig(
        model_id=model_id,
        priority=None,
        model_class=None,
        task=values.task(),
        reasoning_state=_STATES[mode],
        reasoning_mode=mode,
        reasoning_params=parameters,
        use_harmony=family is not None and family.speaks_harmony,
        revision=revision,
        line_number=0,
    )
    _require_transmitted(config, family_name=family.name if family else "unknown")
    return config


def _mode(values: Values) -> ReasoningMode:
    """Return the reasoning mode; an effort turns reasoning on."""
    asked, parameters = values.reasoning(), values.reasoning_params()
    if asked is False and parameters:
        names = ", ".join(f"{_PARAMETERS}.{name}={value}" for name, value in parameters.items())
        raise UsageError(f"{_REASONING}=False contradicts {names}. Use one of them.")
    effort = parameters.get(_EFFORT)
    if effort is None:
        return {None: ReasoningMode.NOT_APPLICABLE, False: ReasoningMode.OFF, True: ReasoningMode.ON}[asked]
    mode = _EFFORTS.get(effort) if isinstance(effort, str) else None
    if mode is None:
        raise UsageError(f"{_PARAMETERS}.{_EFFORT}={effort}: unknown effort (expected one of: {', '.join(_EFFORTS)})")
    return mode


def _require_transmitted(config: ModelConfig, *, family_name: str) -> None:
    """Return if every variable reaches the chat template as it was given."""
    sent: Mapping[str, ParameterValue] = resolve_prompt_plan(config).prompt_plan.chat_template_kwargs
    for name, value in config.reasoning_params.items():
        if name in BUDGET_KEYS or (name == _EFFORT and config.reasoning_mode.value in _EFFORTS):
            continue
        if name not in sent or sent[name] != value:
            raise UsageError(
                f"{_PARAMETERS}.{name}={value}: contradicts {_spelling(config.reasoning_mode)}, or is not a switch of "
                f"{config.model_id} (family {family_name}). Leave this key out. Use {_REASONING} to set the mode."
            )


def _spelling(mode: ReasoningMode) -> str:
    """Return the mode as it is typed."""
    if mode.value in _EFFORTS:
        return f"{_PARAMETERS}.{_EFFORT}={mode.value}"
    value = {ReasoningMode.NOT_APPLICABLE: "null", ReasoningMode.OFF: "False", ReasoningMode.ON: "True"}[mode]
    return f"{_REASONING}={value}"
