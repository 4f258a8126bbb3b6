import re

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.registry import FAMILIES, family_of


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
        ("Qwen/Qwen-Image", "other"),
        ("tencent/Hunyuan-1.8B-Instruct", "Hunyuan"),
        ("LGAI-EXAONE/EXAONE-4.0-32B", "EXAONE-4.0"),
        ("LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", "other"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "Nemotron-Super-v1.5"),
        ("nvidia/Llama-3_3-Nemotron-Super-49B-v1", "other"),
        ("HuggingFaceTB/SmolLM3-3B", "SmolLM3"),
        ("microsoft/Phi-4-reasoning-plus", "Phi-4-reasoning"),
        ("microsoft/phi-4", "other"),
        ("cognitivecomputations/dolphin-phi-4-reasoning", "other"),
        ("cognitivecomputations/Dolphin3.0-R1-Mistral-24B", "other"),
        ("zai-org/GLM-4.6", "GLM-4.5/4.6"),
        ("zai-org/GLM-4.5-Air", "GLM-4.5/4.6"),
        ("mistralai/Magistral-Small-2507", "Magistral"),
        ("mistralai/Magistral-Small-2506", "other"),
        ("mistralai/Mistral-Nemo-Instruct-2407", "Mistral"),
        ("MiniMaxAI/MiniMax-M1-80k", "MiniMax-M1"),
        ("swiss-ai/Apertus-8B-Instruct-2509", "Apertus"),
        ("moonshotai/Kimi-K2-Instruct-0905", "Kimi-K2-Instruct"),
        ("moonshotai/Kimi-K2-Thinking", "other"),
        ("google/gemma-3-270m-it", "Gemma-3"),
        ("google/gemma-2-2b-it", "other"),
        ("ibm-granite/granite-4.0-h-tiny", "Granite-4"),
        ("distilgpt2", "other"),
        ("black-forest-labs/FLUX.1-dev", "other"),
    ],
)
def test_a_hub_id_belongs_to_its_family(model_id: str, family: str) -> None:
    assert family_of(model_id).name == family


@pytest.mark.parametrize(
    ("folder", "family"),
    [
        ("./demo/models/Qwen3-tiny", "Qwen3"),
        ("./demo/models/Qwen3-tiny/", "Qwen3"),
        ("/srv/qwen3-models/base", "other"),
        ("~/models/openai_gpt-oss-20b", "gpt-oss"),
        ("../hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de289a04d12100db370d81485cdf75e47ca", "Qwen3"),
        ("./", "other"),
        (".", "other"),
    ],
)
def test_a_local_folder_belongs_to_the_family_of_its_own_name(folder: str, family: str) -> None:
    assert family_of(folder).name == family


def test_every_family_answers_every_mode_by_a_plan_or_a_reason() -> None:
    for family in FAMILIES:
        for mode in ReasoningMode:
            assert (mode in family.plans) != (mode in family.refusals), (family.name, mode)


def test_the_one_pattern_of_the_registry_is_not_shifted_by_groups() -> None:
    assert all(re.compile(family.pattern).groups == 0 for family in FAMILIES)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_only_gpt_oss_speaks_harmony() -> None:
    assert [family.name for family in FAMILIES if family.speaks_harmony] == ["gpt-oss"]


def test_a_mode_that_sends_a_switch_differs_from_its_opposite() -> None:
    exempt = {"Gemma-3", "other"}
    for family in FAMILIES:
        on, off = family.plans.get(ReasoningMode.ON), family.plans.get(ReasoningMode.OFF)
        assert family.name in exempt or on is None or on != off, family.name
