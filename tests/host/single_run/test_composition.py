import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from energy_score.contract.errors import UsageError
from energy_score.host.single_run.composition import compose, config_names
from energy_score.host.single_run.keys import KEYS
from energy_score.shared.tasks.registry import TASKS, find_task
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
LEGACY = {f"text_generation_gptoss_reasoning_{effort}": effort for effort in ("low", "medium", "high")}
DOCUMENTED = {
    "text_generation", "summarization", "extractive_qa", "text_classification", "sentence_similarity",
    "image_classification", "object_detection", "asr", "image_generation", "image_captioning",
}  # fmt: skip


def test_every_task_has_one_configuration_and_the_legacy_ones_are_beside_them() -> None:
    assert set(config_names()) == DOCUMENTED | LEGACY.keys()
    assert {find_task(compose(name, []).task).name for name in DOCUMENTED} == set(TASKS)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_every_configuration_holds_every_key_with_its_default(name: str) -> None:
    composition = compose(name, [])
    assert tuple(composition.values) == KEYS
    said = {key: value for key, value in composition.values.items() if value not in (None, False)}
    assert said == {
        "backend.task": name, "scenario.reasoning_params": {}, "scenario.input_shapes.batch_size": 1,
    }  # fmt: skip
    assert composition.deprecated is None


@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_configuration_is_text_generation_with_its_effort_and_says_what_to_use(name: str) -> None:
    legacy, plain = compose(name, []), compose("text_generation", [])
    reasoning = {"scenario.reasoning": True, "scenario.reasoning_params": {"reasoning_effort": LEGACY[name]}}
    assert legacy.values == plain.values | reasoning
    assert legacy.deprecated is not None
    again = compose("text_generation", [word for word in legacy.deprecated.split() if "=" in word])
    assert again.values == legacy.values


def test_a_configuration_may_be_named_with_its_ending() -> None:
    assert compose("asr.yaml", []) == compose("asr", [])


@pytest.mark.parametrize("name", ["base", "nowhere", "", "../asr", "/etc/passwd", "asr,summarization"])
def test_an_unknown_configuration_is_refused_naming_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected one of: asr, .*text_generation"):
        compose(name, [])


@pytest.mark.parametrize(
    "argument",
    [
        "scenario.num_samples=1,2",
        "scenario.num_samples=range(1,5)",
        "scenario.num_samples=(",
        "scenario.truncation=${oc.env:NO_SUCH_VARIABLE}",
        "scenario.reasoning='",
        "scenario.reasoning_params.x=a,b",
        "scenario.reasoning_params={",
        "scenario.reasoning_params={a: 1}}",
        "backend.device_ids=[0",
    ],
)
def test_what_hydra_cannot_read_as_one_value_is_refused_by_its_key(argument: str) -> None:
    with pytest.raises(UsageError, match="expected") as refused:
        compose("text_generation", [argument])
    assert str(refused.value).startswith(argument.partition("=")[0])


def test_the_keys_that_were_typed_are_known() -> None:
    assert compose("asr", ["scenario.num_samples=null"]).given == {"scenario.num_samples"}


def test_the_wheel_holds_every_configuration(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = ["pyproject.toml", "README.md", "LICENSE", *(path.name for path in ROOT.glob("*.py")), "energy_score"]
    source.mkdir()
    subprocess.run(["cp", "-r", *(str(ROOT / name) for name in names), str(source)], check=True)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {
            Path(name).stem for name in archive.namelist() if name.startswith("energy_score/host/single_run/configs/")
        }
    assert held - {"__init__"} == {*config_names(), "base"}
    # From the wheel itself, not unpacked: the configurations are found as resources.
    ask = f"from {compose.__module__} import compose; print(compose('asr', ['backend.model=a b']).values)"
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(wheel)!r}); {ask}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert "'backend.model': 'a b'" in done.stdout, done.stderr
