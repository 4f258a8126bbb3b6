import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_score.contract.errors import UsageError
from energy_score.host.single_run.composition import compose
from energy_score.host.single_run.keys import KEYS, parse_overrides

# The characters that Hydra's grammar and OmegaConf's interpolation give a meaning, and others.
NAMES = st.text(st.sampled_from("ab\\'\"${}, ()=[]:;\n~#@-") | st.characters(exclude_characters="\0"))


@pytest.mark.slow  # each of the 200 names is composed by Hydra
@settings(max_examples=200, deadline=None)
@given(NAMES.filter(lambda name: name != "null"))
def test_a_name_comes_out_of_the_composition_as_it_was_typed(name: str) -> None:
    assert compose("text_generation", [f"backend.model={name}"]).values["backend.model"] == name


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a,b",
        "a(b)",
        "a=b",
        "'a'",
        '"a"',
        "it's",
        "--privileged",
        "${oc.env:HOME}",
        "\\",
        "\\'",
        "C:\\x\\",
        "[a]",
    ],
)
@pytest.mark.parametrize(
    "key", ["backend.model", "backend.processor", "scenario.dataset_name", "scenario.text_column_name"]
)
def test_no_character_of_a_name_is_special(key: str, name: str) -> None:
    assert compose("text_generation", [f"{key}={name}"]).values[key] == name


def test_hydras_signs_for_adding_a_key_change_nothing() -> None:
    for sign in ("", "+", "++"):
        composition = compose("text_generation", [f"{sign}scenario.reasoning_params.reasoning_effort=low"])
        assert composition.values["scenario.reasoning_params"] == {"reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backend.modle=x"], "unknown key 'backend.modle'"),
        (["scenario.generate_kwargs={max_new_tokens: 5}"], "unknown key 'scenario.generate_kwargs'"),
        (["hydra.run.dir=/tmp"], "unknown key 'hydra.run.dir'"),
        (["deprecated=no"], "unknown key 'deprecated'"),
        (["+experiment=x"], "unknown key 'experiment'"),
        (["scenario.reasoning_params.a.b=1"], "unknown key"),
        (["scenario.reasoning_params.=1"], "unknown key"),
        (["=x"], "unknown key ''"),
        (["openai/gpt-oss-20b"], "is not KEY=VALUE"),
        (["~scenario.reasoning=x"], "Use KEY=null"),
        (["backend.model=a", "backend.model=b"], "given twice"),
        (["scenario.reasoning_params={a: 1}", "scenario.reasoning_params.b=1"], "whole and by name"),
    ],
)
def test_what_is_no_documented_key_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=r"Known keys|Use ") as refused:
        parse_overrides(arguments)
    assert words in str(refused.value)


def test_an_unknown_key_is_answered_with_every_known_one() -> None:
    with pytest.raises(UsageError) as refused:
        parse_overrides(["x=1"])
    assert all(key in str(refused.value) for key in KEYS)


def test_a_key_given_twice_with_one_value_is_one_key() -> None:
    assert list(parse_overrides(["backend.model=a"] * 2)) == ["backend.model"]
