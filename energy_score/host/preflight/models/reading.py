"""Read many models in parallel, within one time limit and with few requests at a time."""

import importlib
import importlib.util
import time
from collections.abc import Iterable
from pathlib import Path

from energy_score.contract.installation import install_command
from energy_score.host.preflight import services
from energy_score.host.preflight.check import gather
from energy_score.host.preflight.models.facts import Model, ModelFacts
from energy_score.host.preflight.models.folder import read_cache, read_folder
from energy_score.host.preflight.models.hub import HubReader
from energy_score.host.preflight.models.side_by_side import start_threads

_AT_A_TIME = 8
# The Hub's library and its HTTP library, whose errors are told apart.
_PACKAGES = ("huggingface_hub", "httpx2")
# Longer than the probe's own timeout, because a name lookup has no limit of its own.
_PROBE_S = 4.0


def hub_absence() -> str | None:
    """Return why the Hub cannot be used here, or None if it can. It is asked once, for at most 3 s."""
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is missing. Install it with: {install_command('reports')}"
    try:
        importlib.import_module("huggingface_hub.constants")
    except ValueError as error:  # it reads its settings on import
        return f"invalid setting of huggingface_hub (possibly HF_HUB_ETAG_TIMEOUT): {error}"
    (check,) = gather({"hub": services.hub_checks}, limit_s=_PROBE_S)
    return None if check.status == "ok" else check.found


def read_models(models: Iterable[Model], *, hub: str | None, limit_s: float) -> dict[Model, ModelFacts]:
    """Return the facts about each model; those not read after ``limit_s`` are unknown.

    ``hub`` is why the Hub is not asked, or None if it is (``hub_absence``).
    """
    wanted = list(dict.fromkeys(models))
    reader = HubReader(limit_s=limit_s) if hub is None and any(model.path is None for model in wanted) else None

    def read(model: Model) -> ModelFacts:
        if model.path is not None:
            return read_folder(Path(model.path), index_file=model.index_file)
        return read_cache(model, reason=hub or "") if reader is None else reader.read(model)

    answers = start_threads(wanted, read, at_a_time=_AT_A_TIME)
    end_s = time.monotonic() + limit_s
    facts = {}
    for model, answer in answers.items():
        try:
            facts[model] = answer.result(timeout=max(0.0, end_s - time.monotonic()))
        except TimeoutError:
            silence = f"no answer within {limit_s:g} s"
            if reader is not None:
                reader.give_up(silence)
            facts[model] = read_cache(model, reason=silence)
    return facts
