"""``run`` as a user types it; nothing here runs a model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import program
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[4]
MODEL = "backend.model=openai/gpt-oss-20b"


def spec_of(*arguments: str) -> dict[str, Any]:
    done = program("run", *arguments, "--dry-run")
    assert done.returncode == 0, done.stderr
    spec: dict[str, Any] = json.loads(done.stdout)
    return spec


def test_options_stand_before_between_and_after_the_keys() -> None:
    keys = [MODEL, "scenario.reasoning_params.reasoning_effort=high"]
    orders = [
        ["-n", "7", "--config-name", "text_generation", *keys],
        [keys[0], "-n", "7", keys[1], "-cn", "text_generation"],
        [*keys, "--num-samples", "7", "--config-name=text_generation"],
        [*keys, "--num-prompts=7"],
    ]
    specs = [spec_of(*order) for order in orders]
    assert {spec["query_count"] for spec in specs} == {7}
    assert {spec["reasoning_state"] for spec in specs} == {"On (High)"}


def test_an_option_before_the_command_is_the_commands() -> None:
    done = program("-n", "7", "run", MODEL, "--dry-run")
    assert json.loads(done.stdout)["query_count"] == 7


def test_ten_queries_are_the_default_and_a_key_by_hand_wins() -> None:
    assert spec_of(MODEL)["query_count"] == 10
    assert spec_of(MODEL, "scenario.num_samples=100")["query_count"] == 100
    everything = spec_of(MODEL, "scenario.num_samples=null")
    assert (everything["query_count"], everything["repeat_policy"]["protocol"]) == (None, "official")


def test_two_numbers_of_queries_are_refused_naming_both() -> None:
    done = program("run", "-n", "5", MODEL, "scenario.num_samples=6")
    assert done.returncode == 2
    assert "-n 5 contradicts scenario.num_samples=6" in done.stderr


def test_the_options_of_a_batch_that_hold_for_one_model_hold_here() -> None:
    spec = spec_of(
        MODEL, "--repeats", "3", "--seed", "7", "--meter", "none", "--save-text", "-b", "vllm", "-e", "http://h:8021/v1"
    )
    assert (spec["repeat_policy"]["repeats"], spec["generation"]["seed"], spec["meter"]) == (3, 7, "none")
    assert (spec["save_text"], spec["endpoint"]) == (True, "http://h:8021/v1")
    from_environment = program("run", MODEL, "--dry-run", BENCHMARK_BACKEND="vllm", VLLM_ENDPOINT="http://h:8022/v1")
    assert json.loads(from_environment.stdout)["endpoint"] == "http://h:8022/v1"


def test_standard_error_says_name_version_and_revision_and_standard_output_is_the_order() -> None:
    done = program("run", MODEL, "--dry-run", ENERGY_SCORE_REVISION="abc123")
    assert "energy-score 0.1.0 (revision abc123)" in done.stderr
    assert json.loads(done.stdout)["model_id"] == "openai/gpt-oss-20b"


def test_an_old_configuration_says_what_to_use_instead() -> None:
    done = program("run", "--config-name", "text_generation_gptoss_reasoning_low", MODEL, "--dry-run")
    assert json.loads(done.stdout)["reasoning_state"] == "On (Low)"
    assert "deprecated: use --config-name text_generation scenario.reasoning=True" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "backend.model is missing"),
        ([MODEL, "scenario.samples=3"], "unknown key 'scenario.samples'. Known keys: backend.model"),
        ([MODEL, "scenario.num_samples=1,2"], "has several values"),
        ([MODEL, "--config-name", "nowhere"], "unknown --config-name 'nowhere' (expected one of: asr"),
        ([MODEL, "--multirun"], "Hydra's own flags"),
        ([MODEL, "-m"], "Hydra's own flags"),
        ([MODEL, "--config-path", "/etc"], "Hydra's own flags"),
        ([MODEL, "--cfg=job"], "Hydra's own flags"),
        ([MODEL, "--no-such-flag"], "--no-such-flag"),
        ([MODEL, "-n", "0"], "0 is out of range"),
        (["backend.model=./nowhere"], "backend.model=./nowhere: no such folder"),
        ([MODEL, "--region", "mars"], "unknown region 'mars' (expected one of: world"),
    ],
)
def test_a_wrong_order_is_a_usage_error_without_a_traceback(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = program("run", *arguments, "--executor", "local", folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_batch_answers_a_key_with_what_selects_a_row() -> None:
    done = program("-n", "3", MODEL, "scenario.reasoning=False")
    assert done.returncode == 2
    assert "--model-name openai/gpt-oss-20b" in done.stderr
    assert f"batch_runner.py run {MODEL} scenario.reasoning=False" in done.stderr


def test_cuda_without_a_gpu_exits_3_and_leaves_no_earlier_figure_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "GPU_ENERGY_WH.txt").write_text("25.40\n")
    done = program("run", MODEL, "backend.device=cuda", "--executor", "local", RESULTS_DIR=str(tmp_path),
               CUDA_VISIBLE_DEVICES="")  # fmt: skip
    assert done.returncode == 3
    assert "backend.device=cuda: " in done.stderr
    assert not (tmp_path / "GPU_ENERGY_WH.txt").exists()
    assert len(list((tmp_path / "aside").rglob("GPU_ENERGY_WH.txt"))) == 1


def test_a_results_directory_that_cannot_be_made_exits_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = program("run", MODEL, "--executor", "local", "--results", str(tmp_path / "file" / "results"))
    assert done.returncode == 3
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize("token", ["", "hf_0123456789abcdef0123456789abcdef01"])
def test_no_hub_login_is_a_warning_and_a_token_is_never_shown(token: str, tmp_path: Path) -> None:
    done = program("run", MODEL, "backend.device=cuda", "--executor", "local", folder=tmp_path, HF_TOKEN=token,
               HOME=str(tmp_path), HF_HOME=str(tmp_path / "hf"), CUDA_VISIBLE_DEVICES="")  # fmt: skip
    assert ("warning: no Hub login found" in done.stderr) == (token == "")
    assert not token or token not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["list", "--model-name", "SmolLM3"]])
def test_hydra_loads_only_when_one_model_is_composed(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "batch_runner.py"), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert {"hydra", "omegaconf", "antlr4", "yaml", "torch", "transformers", "docker"} & loaded == set()


@pytest.mark.parametrize("words", [("openai/gpt-oss-20b",), ("--model", "openai/gpt-oss-20b"), (MODEL,)])
def test_a_model_is_named_by_itself_by_an_option_or_by_its_key(words: tuple[str, ...]) -> None:
    assert spec_of(*words, "scenario.num_samples=3")["model_id"] == "openai/gpt-oss-20b"


def test_a_folder_whose_name_holds_an_equals_sign_is_named_by_itself(tmp_path: Path) -> None:
    (tmp_path / "size=8b").mkdir()
    for word in ("./size=8b", str(tmp_path / "size=8b")):
        done = program("run", word, "--dry-run", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["model_path"] == str(tmp_path / "size=8b")


def test_two_models_are_refused() -> None:
    done = program("run", "openai/gpt-oss-20b", "backend.model=Qwen/Qwen3-8B", "--dry-run")
    assert done.returncode == 2
    assert "given twice" in done.stderr
