"""From a prompt plan and a query's text to the JSON of a request."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from energy_score.contract.prompt_plan import PromptPlan
from energy_score.engine.prompts import thinking_parts
from energy_score.engine.query import TokenLimits

_EFFORT = "reasoning_effort"

Interface = Literal["chat", "completions"]
PATHS: dict[Interface, str] = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True)
class QueryRequest:
    """A query as one interface takes it; ``content`` is that part of the JSON which holds the prompt."""

    interface: Interface
    content: dict[str, Any]

    @property
    def rendered(self) -> str:
        """The prompt as it is sent: the raw text, or messages and switches as JSON."""
        return str(self.content["prompt"]) if self.interface == "completions" else json.dumps(self.content)


def chat_request(plan: PromptPlan, text: str, *, prefill: str = "") -> QueryRequest:
    """Return messages for the server's own chat template; the plan's switches are separate, never in the user's text.

    ``prefill`` begins the answer, where the template does not do so itself. Thoughts that a system prompt shows are
    content parts of their own: as text they would not be the model's control tokens.
    """
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"{plan.user_prefix}{text}{plan.user_suffix}"}]
    if plan.system_prompt is not None:
        messages.insert(0, {"role": "system", "content": thinking_parts(plan.system_prompt)})
    content: dict[str, Any] = {"messages": messages}
    if prefill:
        messages.append({"role": "assistant", "content": prefill})
        content |= {"add_generation_prompt": False, "continue_final_message": True}
    switches = dict(plan.chat_template_kwargs)
    if switches:
        content["chat_template_kwargs"] = switches
    if _EFFORT in switches:
        # Servers that render Harmony themselves read the effort here alone, others in the template's variables.
        content[_EFFORT] = switches[_EFFORT]
    if plan.thinking_token_budget is not None:
        content["thinking_token_budget"] = plan.thinking_token_budget
    return QueryRequest("chat", content)


def raw_request(plan: PromptPlan, text: str) -> QueryRequest:
    """The raw prompt, for a model without a chat template."""
    return QueryRequest("completions", {"prompt": f"{plan.raw_prefix}{plan.user_prefix}{text}{plan.user_suffix}"})


def body_of(request: QueryRequest, *, model: str, limits: TokenLimits, seed: int, exact_length: bool) -> dict[str, Any]:
    """The JSON of a greedy, streamed request within ``limits``.

    With ``exact_length`` the server is told the least number of tokens as well, and to go on past the model's own end
    where the limits leave no choice.
    """
    body: dict[str, Any] = {
        "model": model,
        **request.content,
        "max_tokens": limits.max_new_tokens,
        "temperature": 0,
        "seed": seed,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if exact_length:
        body["min_tokens"] = limits.min_new_tokens
        body["ignore_eos"] = limits.min_new_tokens == limits.max_new_tokens
    return body
