"""Small chat templates of every kind that models have: each switches reasoning in its own way."""

TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
START = "{% if add_generation_prompt %}[assistant]{% endif %}"

PLAIN = TURNS + START
ON_UNLESS_FALSE = PLAIN + "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>{% endif %}"
OFF_UNLESS_TRUE = PLAIN + "{% if thinking is defined and thinking %}<think>{% else %}</think>{% endif %}"
SYSTEM_LINE = "{% if enable_thinking is defined and enable_thinking %}Think deeply.{% endif %}" + PLAIN
SKIP = PLAIN + "{% if skip_reasoning is defined and skip_reasoning %}<think></think>{% endif %}"
FORCE_AND_SKIP = (
    PLAIN
    + "{% if skip_reasoning is defined and skip_reasoning %}<think></think>"
    + "{% elif force_reasoning is defined and force_reasoning %}<think>{% endif %}"
)
MODE_WORD = PLAIN + "{% if thinking_mode is defined and thinking_mode == 'off' %}<think></think>{% endif %}"
ALIASED = (
    "{% if thinking is not defined %}{% set thinking = enable_thinking if enable_thinking is defined else false %}"
    "{% endif %}" + PLAIN + "{% if thinking %}<think>{% else %}</think>{% endif %}"
)
OVERWRITTEN = (
    "{% set enable_thinking = not (messages[0].role == 'system' and '/no_think' in messages[0].content) %}"
    "{% for m in messages %}[{{ m.role }}]{{ m.content.replace('/no_think', '') }}{% endfor %}[assistant]"
    "{% if not enable_thinking %}<think></think>{% endif %}"
)
OWN_WORD = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    "{% if messages[-1].content.endswith('/answer_now') or '/stop_thinking' in messages[-1].content %}"
    "<think></think>{% endif %}"
)
EFFORT = (
    "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}"
    "Reasoning: {{ reasoning_effort }}" + PLAIN
)
EFFORT_WITH_NONE = (
    "{% set effort = reasoning_effort if reasoning_effort is defined else 'none' %}"
    "{% if effort not in ['none', 'high'] %}{{ raise_exception('no such effort') }}{% endif %}"
    "[settings]{{ effort }}" + PLAIN
)
EFFORT_BESIDE_SWITCH = (
    "{% if thinking is defined and thinking and reasoning_effort is defined and reasoning_effort == 'high' %}Hard."
    "{% endif %}" + OFF_UNLESS_TRUE
)
FLAGS = (
    "{% set t = enable_thinking if enable_thinking is defined else true %}"
    + PLAIN
    + "{% if t %}{% if low_effort is defined and low_effort %}Briefly.{% endif %}<think>"
    + "{% else %}<think></think>{% endif %}"
)
BUDGET = (
    "{% if thinking_budget is not defined %}{% set thinking_budget = -1 %}{% endif %}"
    "{% if thinking_budget == 0 %}No thoughts.{% elif thinking_budget != -1 %}At most {{ thinking_budget }}.{% endif %}"
    + PLAIN
    + "{% if thinking_budget == 0 %}<t:think></t:think>{% endif %}"
)
OPENS = PLAIN + "<think>\n"
CLOSES = PLAIN + "<think></think>"
DEMANDS = "Write <think>thoughts</think> first." + PLAIN
REPLACEABLE = "{% if messages[0].role != 'system' %}[system]Follow [THINK]thoughts[/THINK].{% endif %}" + PLAIN
PARTS = "{% for m in messages %}[{{ m.role }}]{{ m.content[0]['text'] }}{% endfor %}[assistant]"
DATED = "{{ strftime_now('%Y-%m-%d') }}" + PLAIN
CHANNELS = (
    "{% if enable_thinking is defined and enable_thinking %}<|think|>{% endif %}"
    + PLAIN
    + "{% if not enable_thinking | default(false) %}<|channel>thought\n<channel|>{% endif %}"
)
HISTORY = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}{% endfor %}[assistant]"
DEFAULT_BY_CONFIG = PLAIN + "{% if enable_thinking %}<think>{% else %}<think></think>{% endif %}"
