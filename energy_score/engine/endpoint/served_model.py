"""Which of a server's models is the run's, and how its chat template takes a prompt plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from energy_score.contract.endpoint_address import server_root
from energy_score.contract.errors import ModelLoadError, PromptRenderError
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_command import served_name
from energy_score.engine.endpoint.http_client import HttpClient, HttpError
from energy_score.engine.endpoint.query_request import PATHS, chat_request
from energy_score.engine.prompts import PROBE_TEXT, another_value


@dataclass(frozen=True)
class ServedModel:
    """A model as ``/v1/models`` lists it; ``context_length`` is None if the server does not report it."""

    name: str
    context_length: int | None


def find_served_model(answer: object, spec: RunSpec) -> ServedModel:
    """The run's model among those of ``answer``, what ``/v1/models`` said.

    It goes by its Hub id, with ``@REVISION`` or without; a local folder by its path, or by the name in the sheet. A
    server that says which folder or id a name stands for (vLLM's ``root``) is believed.

    Raises:
        ModelLoadError: it is not served; the message names what is.
    """
    entries = answer.get("data") if isinstance(answer, dict) else None
    models = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    wanted = _names_of(spec)
    for known_as in ("id", "root"):
        for entry in models:
            name = entry.get(known_as)
            if isinstance(name, str) and isinstance(entry.get("id"), str) and name in wanted:
                length = entry.get("max_model_len")
                return ServedModel(entry["id"], length if isinstance(length, int) else None)
    served = ", ".join(str(entry.get("id")) for entry in models) or "no model"
    raise ModelLoadError(f"{spec.model_id} is not served at the endpoint, which serves {served}")


def _names_of(spec: RunSpec) -> set[str]:
    name = served_name(spec)
    names = {name, f"{name}@{spec.revision or 'main'}"}
    if spec.model_path is not None:
        names |= {spec.model_id, spec.model_path, PurePosixPath(spec.model_path).name}
    return names


class TemplateProbe:
    """Looks at what a server makes of messages, where it tells (vLLM: ``return_token_ids``, and ``/detokenize``).

    The prompt is looked at in the answer to a chat: ``/tokenize`` renders by the template even where chats are rendered
    by other code (gpt-oss' Harmony in vLLM 0.32.0).
    """

    def __init__(self, client: HttpClient, *, model: str) -> None:
        self._client = client
        self._model = model
        self._root = server_root(client.address)

    def find_ineffective_switches(self, plan: PromptPlan) -> tuple[str, ...] | None:
        """Return the switches that change nothing in the prompt; None if the server does not show prompts.

        Templates accept unknown variables in silence, so each is compared with another value of itself.
        """
        switches = plan.chat_template_kwargs
        as_planned = self._tokens(plan)
        if as_planned is None:
            return None

        def changes_nothing(name: str) -> bool:
            other = {**switches, name: another_value(switches[name])}
            without = {known: value for known, value in switches.items() if known != name}
            return all(
                self._tokens(plan.model_copy(update={"chat_template_kwargs": kwargs})) == as_planned
                for kwargs in (other, without)
            )

        return tuple(name for name in switches if changes_nothing(name))

    def prompt_of(self, plan: PromptPlan) -> str | None:
        """Return the prompt that the server makes of the fixed question; None if it does not show prompts."""
        tokens = self._tokens(plan)
        shown = None if tokens is None else self._asked(f"{self._root}/detokenize", {"tokens": tokens})
        prompt = shown.get("prompt") if shown is not None else None
        return prompt if isinstance(prompt, str) else None

    def prefill_of(self, plan: PromptPlan) -> str:
        """What the answer must be begun with: the plan's prefill, or nothing where the template writes it itself.

        Raises:
            PromptRenderError: the server does not show what its template writes.
        """
        if not plan.assistant_prefill:
            return ""
        prompt = self.prompt_of(plan)
        if prompt is None:
            raise PromptRenderError(
                f"the answer must begin with {plan.assistant_prefill.strip()!r}, and this server does not show whether "
                "its chat template writes that itself. Use a server with return_token_ids and /detokenize (vLLM)."
            )
        return "" if prompt.rstrip().endswith(plan.assistant_prefill.strip()) else plan.assistant_prefill

    def _tokens(self, plan: PromptPlan) -> list[Any] | None:
        request = chat_request(plan, PROBE_TEXT)
        question = {**request.content, "max_tokens": 1, "temperature": 0, "return_token_ids": True}
        answer = self._asked(f"{self._client.address}{PATHS[request.interface]}", question)
        tokens = answer.get("prompt_token_ids") if answer is not None else None
        return tokens if isinstance(tokens, list) else None

    def _asked(self, url: str, question: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            answer = self._client.post_json(url, {"model": self._model, **question})
        except HttpError:  # most servers have no such field or path
            return None
        return answer if isinstance(answer, dict) else None
