"""DeepSeek-R1, R1-0528 and the distilled models: always thinking."""

from energy_score.contract.run_spec import PromptPlan
from energy_score.host.families.family import always_thinking, named

# Source: the models' own chat templates end with an opened <think>; where one does not, the model cards ask for
# "<think>\n" at the start of the answer. R1-Distill-Qwen and -Llama are R1 models, whatever they were distilled into.
FAMILY = always_thinking(
    "DeepSeek-R1",
    named("deepseek-r1"),
    on=PromptPlan(assistant_prefill="<think>\n", raw_prefix="<think>"),
)
