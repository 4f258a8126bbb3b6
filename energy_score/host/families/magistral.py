"""Magistral (2507 and 2509): thinking when the system prompt asks for it."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import PromptPlan
from energy_score.host.families.family import DEFAULT_PLAN, NO_LEVELS, Family, named

# Source: Mistral AI's recommended system prompt, as printed in the card of mistralai/Magistral-Small-2509 and, for 2507
# and 2509 alike, in Unsloth's guide to Magistral. [THINK] and [/THINK] are special tokens of the model. The 2506
# release has another prompt, with <think>, and is left to the sheet.
_ASKS_FOR_THINKING = (
    "First draft your thinking process (inner monologue) until you arrive at a response. Format your response using "
    "Markdown, and use LaTeX for any mathematical equations. Write both your thoughts and the response in the same "
    "language as the input.\n\n"
    "Your thinking process must follow the template below:[THINK]Your thoughts or/and draft, like working through an "
    "exercise on scratch paper. Be as casual and as long as you want until you are confident to generate the response. "
    "Use the same language as the input.[/THINK]Here, provide a self-contained response."
)
# Mistral AI publishes no prompt for Off; any that does not ask for thinking replaces the template's own (nv).
_PLAIN = "You are a helpful assistant."

FAMILY = Family(
    name="Magistral",
    pattern=named(r"magistral-.*(?:2507|2509)"),
    plans={
        ReasoningMode.NOT_APPLICABLE: DEFAULT_PLAN,
        ReasoningMode.ON: PromptPlan(system_prompt=_ASKS_FOR_THINKING),
        ReasoningMode.OFF: PromptPlan(system_prompt=_PLAIN),
    },
    refusals=NO_LEVELS,
)
