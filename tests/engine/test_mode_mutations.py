"""A switch that is dropped, inverted or ignored, and a model that thinks unasked: each is named by the verdict."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.model_config import SHEET_STATES, ModelConfig, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import RunReport
from energy_score.engine.backends import openai_endpoint
from energy_score.engine.endpoint import served_model
from energy_score.engine.endpoint.query_request import QueryRequest, chat_request
from energy_score.engine.events import EventStream
from energy_score.engine.prompts import PromptRenderer
from energy_score.engine.run import Run
from parameter_handler import ParameterHandler, RunOptions
from tests.support.endpoint_server import Script, endpoint_server
from tests.support.thinking_models import make_thinking_model

STATES = {mode: state for state, mode in SHEET_STATES.items()}
ON, OFF = ReasoningMode.ON, ReasoningMode.OFF
REASONS = {"mode_not_expressed", "mode_contradicted", "raw_prompt"}
Mutate = Callable[[Mapping[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_thinking_model(tmp_path_factory.mktemp("models") / "thinker-obedient")


@pytest.fixture(scope="module")
def disobedient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_thinking_model(tmp_path_factory.mktemp("models") / "thinker-disobedient", is_obedient=False)


def run(folder: Path, model: Path, mode: ReasoningMode, **options: Any) -> RunReport:
    """The report of a row with that mode and an empty cell, run as the program runs it."""
    (folder / "prompts.txt").write_text("What is energy?\nWhat is work?\n")
    order = {"prompts_file": folder / "prompts.txt", "query_count": 2, "meter": "none", "max_new_tokens_on": 12}
    handler = ParameterHandler(RunOptions.model_validate(order | options), sheet_directory=folder)
    row = ModelConfig(
        model_id=str(model), priority=1, model_class="A", task="text_gen", reasoning_state=STATES[mode],
        reasoning_mode=mode, line_number=2,
    )  # fmt: skip
    spec = handler.resolve(row, run_id="run")
    spec = spec.model_copy(update={"gpu_requirement": spec.gpu_requirement.model_copy(update={"count": 0})})
    directory = folder / f"run-{len(list(folder.iterdir()))}"
    directory.mkdir()
    return Run(spec=spec, directory=RunDirectory(directory), events=EventStream(io.StringIO())).execute()


def reasons(report: RunReport) -> list[str]:
    return [reason.code for reason in report.verdict.reasons if reason.code in REASONS]


def served(folder: Path, model: Path, mode: ReasoningMode, script: Script) -> RunReport:
    script.models = (str(model),)
    script.max_model_len = None
    with endpoint_server(script) as server:
        return run(folder, model, mode, backend="vllm", endpoint=server.address)


def obeys(body: Mapping[str, Any]) -> bool:
    return bool(body.get("chat_template_kwargs", {}).get("enable_thinking", True))


def dropped(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    del kwargs
    return {}


def inverted(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: not value if isinstance(value, bool) else value for name, value in kwargs.items()}


def mutate_rendering(monkeypatch: pytest.MonkeyPatch, mutate: Mutate) -> None:
    own = PromptRenderer._apply_template

    def wrong(renderer: PromptRenderer, text: str, kwargs: Mapping[str, Any] | None = None) -> str:
        return own(renderer, text, mutate(renderer._plan.chat_template_kwargs if kwargs is None else kwargs))

    monkeypatch.setattr(PromptRenderer, "_apply_template", wrong)


def mutate_requests(monkeypatch: pytest.MonkeyPatch, mutate: Mutate) -> None:
    def wrong(plan: PromptPlan, text: str, *, prefill: str = "") -> QueryRequest:
        kwargs = mutate(plan.chat_template_kwargs)
        return chat_request(plan.model_copy(update={"chat_template_kwargs": kwargs}), text, prefill=prefill)

    monkeypatch.setattr(openai_endpoint, "chat_request", wrong)
    monkeypatch.setattr(served_model, "chat_request", wrong)


@pytest.mark.parametrize("mode", [ON, OFF])
def test_a_mode_that_is_sent_and_seen_has_no_such_reason(tmp_path: Path, obedient: Path, mode: ReasoningMode) -> None:
    local = run(tmp_path, obedient, mode)
    remote = served(tmp_path, obedient, mode, Script(thinks=obeys))
    assert (reasons(local), reasons(remote)) == ([], [])
    for report in (local, remote):
        assert report.prompt is not None
        assert report.prompt.sent.chat_template_kwargs == {"enable_thinking": mode is ON}
        assert report.prompt.expressed is True
        assert report.prompt.source == "template"
        assert (report.queries.judged, report.queries.thinking) == (2, 2 if mode is ON else 0)
        assert report.tokens.thinking is not None
        assert report.tokens.answer is not None
        assert report.tokens.thinking + report.tokens.answer == report.tokens.completion
        assert (report.tokens.thinking > 0) == (mode is ON)


def test_thoughts_and_answer_are_counted_by_the_token(tmp_path: Path, obedient: Path) -> None:
    tokens = run(tmp_path, obedient, ON).tokens  # h m </think>, then y e s and the end
    assert (tokens.thinking, tokens.answer) == (2 * 3, 2 * 4)


@pytest.mark.parametrize("mutate", [dropped, inverted])
@pytest.mark.parametrize("mode", [ON, OFF])
def test_a_switch_that_does_not_arrive_is_named_in_both_backends(
    tmp_path: Path, obedient: Path, monkeypatch: pytest.MonkeyPatch, mode: ReasoningMode, mutate: Mutate
) -> None:
    mutate_rendering(monkeypatch, mutate)
    local = reasons(run(tmp_path, obedient, mode))
    mutate_requests(monkeypatch, mutate)
    shown = reasons(served(tmp_path, obedient, mode, Script(thinks=obeys)))
    silent = Script(thinks=obeys, shows_prompts=False, ends_after=6)
    hidden = reasons(served(tmp_path, obedient, mode, silent))
    if (mode, mutate) == (ON, dropped):
        # The model thinks by default: the answers are of the mode, but nothing that asked for it was sent.
        assert (local, shown, hidden) == (["mode_not_expressed"], ["mode_not_expressed"], [])
    else:
        assert all("mode_contradicted" in found for found in (local, shown, hidden))


@pytest.mark.parametrize("shows_prompts", [True, False])
def test_a_server_that_ignores_the_switch_is_named(tmp_path: Path, obedient: Path, *, shows_prompts: bool) -> None:
    deaf = Script(thinks=lambda _: True, switches=(), shows_prompts=shows_prompts)
    found = reasons(served(tmp_path, obedient, OFF, deaf))
    assert found == (["mode_not_expressed", "mode_contradicted"] if shows_prompts else ["mode_contradicted"])
    mute = Script(thinks=lambda _: False, switches=(), shows_prompts=shows_prompts, ends_after=6)
    assert "mode_contradicted" in reasons(served(tmp_path, obedient, ON, mute))


def test_a_model_that_thinks_when_told_not_to_is_named_in_both_backends(tmp_path: Path, disobedient: Path) -> None:
    assert reasons(run(tmp_path, disobedient, OFF)) == ["mode_contradicted"]
    assert reasons(served(tmp_path, disobedient, OFF, Script(thinks=lambda _: True))) == ["mode_contradicted"]
