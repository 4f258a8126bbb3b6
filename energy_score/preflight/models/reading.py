"""Many models read side by side, within one limit of time and with few requests at a time."""

import importlib.util
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from energy_score.preflight import services
from energy_score.preflight.check import gather
from energy_score.preflight.models.facts import Model, ModelFacts
from energy_score.preflight.models.folder import read_cache, read_folder
from energy_score.preflight.models.hub import HubReader

_AT_A_TIME = 8
# The Hub's library, and what carries its requests, whose errors are told apart.
_PACKAGES = ("huggingface_hub", "httpx2")
# Longer than the probe's own wait, for the look-up of a name, which has no limit of its own.
_PROBE_S = 4.0


def hub_absence() -> str | None:
    """Why the Hub cannot be asked here, in words; None where it can be. It is asked once, for 3 s at most."""
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            return f"the package {package} is not installed: pip install -c constraints.txt -e '.[reports]'"
    (check,) = gather({"hub": services.hub_checks}, limit_s=_PROBE_S)
    return None if check.status == "ok" else check.found


def read_models(models: Iterable[Model], *, hub: str | None, limit_s: float) -> dict[Model, ModelFacts]:
    """The facts of each model; those that are not read after ``limit_s`` are unknown.

    ``hub`` is why the Hub is not asked, None where it is (``hub_absence``).
    """
    wanted = list(dict.fromkeys(models))
    reader = HubReader() if hub is None and any(model.path is None for model in wanted) else None

    def read(model: Model) -> ModelFacts:
        if model.path is not None:
            return read_folder(Path(model.path), index_file=model.index_file)
        return read_cache(model, reason=hub or "") if reader is None else reader.read(model)

    answers = _started(wanted, read)
    end_s = time.monotonic() + limit_s
    facts = {}
    for model, answer in answers.items():
        try:
            facts[model] = answer.result(timeout=max(0.0, end_s - time.monotonic()))
        except TimeoutError:
            facts[model] = read_cache(model, reason=f"no answer within {limit_s:g} s")
    return facts


def _started(wanted: Iterable[Model], read: Callable[[Model], ModelFacts]) -> dict[Model, Future[ModelFacts]]:
    """The answers to come, by threads that do not hold up the end of the program: a server may never answer."""
    answers: dict[Model, Future[ModelFacts]] = {model: Future() for model in wanted}
    jobs: queue.SimpleQueue[Model] = queue.SimpleQueue()
    for model in answers:
        jobs.put(model)

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                model = jobs.get_nowait()
                try:
                    answers[model].set_result(read(model))
                except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
                    answers[model].set_exception(error)

    for _ in range(min(_AT_A_TIME, len(answers))):
        threading.Thread(target=work, daemon=True).start()
    return answers
