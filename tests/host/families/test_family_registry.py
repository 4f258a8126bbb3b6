import re

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import Family, PromptPlan
from energy_score.host.families.family import named
from energy_score.host.families.registry import FAMILIES, find_family


@pytest.mark.parametrize(
    ("model_id", "family"),
    [
        ("openai/gpt-oss-20b", "gpt-oss"),
        ("unsloth/gpt-oss-20b-BF16", "gpt-oss"),
        ("deepseek-ai/DeepSeek-R1", "DeepSeek-R1"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1"),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "DeepSeek-R1"),
        ("deepseek-ai/DeepSeek-V3", "DeepSeek-V3"),
        ("deepseek-ai/DeepSeek-V3-0324", "DeepSeek-V3"),
        ("deepseek-ai/DeepSeek-V3.1", "DeepSeek-V3.1/V3.2"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "DeepSeek-V3.1/V3.2"),
        ("deepseek-ai/DeepSeek-V3.2-Exp", "DeepSeek-V3.1/V3.2"),
        ("Qwen/Qwen3-0.6B", "Qwen3"),
        ("Qwen/Qwen3-235B-A22B", "Qwen3"),
        ("Qwen/Qwen3-8B-FP8", "Qwen3"),
        ("Qwen/Qwen3-Next-80B-A3B-Thinking", "Qwen3-Thinking"),
        ("Qwen/Qwen3-235B-A22B-Thinking-2507", "Qwen3-Thinking"),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", "Qwen3-Instruct"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-Instruct"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "Qwen3-Instruct"),
        ("Qwen/Qwen2.5-Coder-14B", "Qwen2.5"),
        ("Qwen/Qwen-Image", None),
        ("tencent/Hunyuan-1.8B-Instruct", "Hunyuan"),
        ("LGAI-EXAONE/EXAONE-4.0-32B", "EXAONE-4.0"),
        ("LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", None),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "Nemotron-Super-v1.5"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", "Llama-Nemotron-v1"),
        ("HuggingFaceTB/SmolLM3-3B", "SmolLM3"),
        ("microsoft/Phi-4-reasoning-plus", "Phi-4-reasoning"),
        ("microsoft/phi-4", None),
        ("cognitivecomputations/dolphin-phi-4-reasoning", None),
        ("cognitivecomputations/Dolphin3.0-R1-Mistral-24B", None),
        ("zai-org/GLM-4.6", "GLM-4.5 to 5"),
        ("zai-org/GLM-4.5-Air", "GLM-4.5 to 5"),
        ("mistralai/Magistral-Small-2507", "Magistral"),
        ("mistralai/Magistral-Small-2506", None),
        ("mistralai/Mistral-Nemo-Instruct-2407", "Mistral"),
        ("MiniMaxAI/MiniMax-M1-80k", "MiniMax-M1/M2"),
        ("swiss-ai/Apertus-8B-Instruct-2509", "Apertus"),
        ("moonshotai/Kimi-K2-Instruct-0905", "Kimi-K2-Instruct"),
        ("moonshotai/Kimi-K2-Thinking", "Kimi-K2-Thinking"),
        ("google/gemma-3-270m-it", "Gemma-3"),
        ("google/gemma-2-2b-it", None),
        ("ibm-granite/granite-4.0-h-tiny", "Granite-4"),
        ("Qwen/Qwen3.5-4B", "Qwen3.5/3.6"),
        ("Qwen/Qwen3.5-0.8B", "Qwen3.5 small"),
        ("zai-org/GLM-5.1", "GLM-4.5 to 5"),
        ("zai-org/GLM-4.1V-9B-Thinking", None),
        ("google/gemma-4-31B-it", "Gemma-4"),
        ("google/gemma-3n-E4B-it", "Gemma-3"),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", "Nemotron-3 Super/Ultra"),
        ("mistralai/Mistral-Small-4-119B-2603", "Mistral-Small-4"),
        ("mistralai/Mistral-Small-24B-Instruct-2501", "Mistral"),
        ("distilgpt2", None),
        ("black-forest-labs/FLUX.1-dev", None),
    ],
)
def test_a_hub_id_belongs_to_its_family(model_id: str, family: str | None) -> None:
    found = find_family(model_id)
    assert (None if found is None else found.name) == family


@pytest.mark.parametrize(
    ("folder", "family"),
    [
        ("./demo/models/Qwen3-tiny", "Qwen3"),
        ("./demo/models/Qwen3-tiny/", "Qwen3"),
        ("/srv/qwen3-models/base", None),
        ("~/models/openai_gpt-oss-20b", "gpt-oss"),
        ("../hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de289a04d12100db370d81485cdf75e47ca", "Qwen3"),
        ("./", None),
        (".", None),
    ],
)
def test_a_local_folder_belongs_to_the_family_of_its_own_name(folder: str, family: str | None) -> None:
    found = find_family(folder)
    assert (None if found is None else found.name) == family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_entry_has_its_source_and_gives_what_its_vectors_say(family: Family) -> None:
    assert family.source
    assert family.checked is not None
    for vector in family.vectors:
        found = find_family(vector.model)
        assert found == family
        assert found.plans.get(vector.mode, PromptPlan()) == vector.sends


def test_only_an_entry_that_nobody_has_verified_may_lack_vectors() -> None:
    assert [family.name for family in FAMILIES if not family.vectors and family.verified] == []


def test_a_family_has_a_mode_for_what_it_is() -> None:
    on, off = ReasoningMode.ON, ReasoningMode.OFF
    expected = {"switch": {on, off}, "always": {on}, "never": {off}}
    for family in FAMILIES:
        assert expected[family.kind] == {on, off} & set(family.plans), family.name


def test_the_one_pattern_of_the_registry_is_not_shifted_by_groups() -> None:
    assert all(re.compile(family.pattern).groups == 0 for family in FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_only_gpt_oss_speaks_harmony() -> None:
    assert [family.name for family in FAMILIES if family.speaks_harmony] == ["gpt-oss"]


def test_a_mode_that_sends_a_switch_differs_from_its_opposite() -> None:
    for family in FAMILIES:
        if family.kind == "switch":
            assert family.plans[ReasoningMode.ON] != family.plans[ReasoningMode.OFF], family.name


@pytest.mark.parametrize("expression", ["(owl)", "owl["])
def test_a_pattern_that_would_shift_the_registry_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="owl"):
        named(expression)
