"""A model's tokenizer, how its queries are asked, and what carries that out: for every backend that renders here."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from energy_score.contract.prompt_plan import PromptUse
from energy_score.engine.backends.pytorch.chat_tokenizer import load_chat_tokenizer
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.prompt_decision import PromptDecision
from energy_score.engine.prompts import PROBE_TEXT, PromptRenderer


@dataclass(frozen=True)
class ChatPrompts:
    """The renderer of one run's prompts, and what the report says of them."""

    tokenizer: PreTrainedTokenizerBase
    renderer: PromptRenderer
    use: PromptUse

    @classmethod
    def open(cls, source: ModelSource) -> "ChatPrompts":
        """Return the prompts of the run, decided with the model's own chat template.

        Raises:
            PromptRenderError: The template refuses the messages, or the mode does not reach the model in a strict run.
        """
        tokenizer, template = load_chat_tokenizer(source)
        decision = PromptDecision(source.spec, template)
        renderer = PromptRenderer(
            tokenizer=tokenizer,
            plan=decision.plan,
            template=decision.dated_template,
            defaults=template.defaults if template else None,
        )
        notes = list(renderer.notes)
        is_effective = renderer.is_effective
        if decision.plan.thinking_token_budget is not None:
            is_effective = False
            notes.append(
                f"the budget of {decision.plan.thinking_token_budget} thinking tokens was not applied: only "
                "servers do that (--backend vllm)"
            )
        use = decision.settle(
            probe=renderer.render(PROBE_TEXT)[0],
            is_effective=is_effective,
            notes=notes,
            is_raw=renderer.is_raw,
            day=source.spec.prompt_date if template else None,
        )
        return cls(tokenizer, renderer, use)
