"""run_docker.sh and run_non_docker.sh as a user types them; nothing here runs a model."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("run_docker.sh", "run_non_docker.sh")
MODEL = "backend.model=openai/gpt-oss-20b"


def script(
    name: str, *arguments: str, folder: Path | None = None, place: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHON_BIN": sys.executable} | environment
    return subprocess.run(
        [str(place / name), *arguments],
        cwd=folder or ROOT, env=variables, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def resolved(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    spec: dict[str, Any] = json.loads(done.stdout)
    return spec


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_documented_call_is_understood_from_any_folder(name: str, tmp_path: Path) -> None:
    call = ("-n", "100", "--config-name", "text_generation", MODEL, "--dry-run")
    assert resolved(script(name, *call, folder=tmp_path))["query_count"] == 100
    assert resolved(script(name, MODEL, "--dry-run", folder=tmp_path))["query_count"] == 10
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_the_documented_usage_and_needs_no_python(name: str, flag: str) -> None:
    done = script(name, flag, PYTHON_BIN="/nowhere/python")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--config-name", "--num-samples", "--batch", "RESULTS_DIR", "USE_DOCKER", "PYTHON_BIN", "HF_TOKEN"):
        assert word in done.stdout


def test_the_usage_names_every_key() -> None:
    from energy_score.host.single_run.keys import KEYS  # noqa: PLC0415

    usage = script("run_docker.sh", "--help").stdout
    named = {
        f"{group}.{key}"
        for group, keys in re.findall(r"((?:backend|scenario)[\w.]*)\.\{([^}]*)\}", usage.replace("\n", ""))
        for key in keys.removesuffix(".NAME").split(",")
    } | set(re.findall(r"scenario\.input_shapes\.batch_size", usage))
    assert {key.removesuffix(".NAME") for key in named} == set(KEYS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_batch_takes_the_flags_of_a_batch_and_ten_queries_by_default(name: str) -> None:
    flags = ("--model-name", "openai/gpt-oss-20b", "--reasoning-state", "High", "--dry-run", "--json")
    assert resolved(script(name, "--batch", *flags))["spec"]["query_count"] == 10
    for count in (("-n", "50"), ("--num-prompts", "50"), ("--num-samples=50",)):
        assert resolved(script(name, *flags, "--batch", *count))["spec"]["query_count"] == 50


def test_batch_takes_short_flags_and_another_sheet(tmp_path: Path) -> None:
    shutil.copy(ROOT / "models.csv", tmp_path / "my sheet.csv")
    done = script("run_non_docker.sh", "--batch", "--csv", "my sheet.csv", "-b", "vllm", "-e", "http://h:8021/v1",
                  "--model-name", "SmolLM3", "--reasoning-state", "Off", "--json", "--dry-run",
                  folder=tmp_path)  # fmt: skip
    assert resolved(done)["spec"]["endpoint"] == "http://h:8021/v1"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_key_in_batch_mode_is_refused_naming_the_filter(name: str) -> None:
    done = script(name, "--batch", MODEL)
    assert done.returncode == 2
    assert "--model-name openai/gpt-oss-20b" in done.stderr


def test_a_script_works_through_a_link_and_in_a_checkout_with_a_space(tmp_path: Path) -> None:
    link = tmp_path / "bin"
    link.mkdir()
    (link / "run_docker.sh").symlink_to(ROOT / "run_docker.sh")
    assert resolved(script("run_docker.sh", MODEL, "--dry-run", place=link))["query_count"] == 10

    checkout = tmp_path / "a check out"
    checkout.mkdir()
    for path in (*ROOT.glob("*.py"), *(ROOT / name for name in SCRIPTS)):
        shutil.copy(path, checkout)
    (checkout / "energy_score").symlink_to(ROOT / "energy_score")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "the one in .venv" >&2\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = script("run_non_docker.sh", MODEL, "--dry-run", place=checkout, PYTHON_BIN="")
    assert resolved(done)["query_count"] == 10
    assert "the one in .venv" in done.stderr


def test_a_python_that_is_not_there_exits_3() -> None:
    for done in (
        script("run_docker.sh", MODEL, PYTHON_BIN="/no where"),
        script("run_docker.sh", MODEL, PYTHON_BIN="", VENV_DIR="/no where"),
    ):
        assert done.returncode == 3
        assert "/no where" in done.stderr
        assert "no such program" in done.stderr


def test_a_python_without_the_packages_exits_3_and_says_what_to_run(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" -I -S "$@"\n')  # type: ignore[attr-defined]
    python.chmod(0o755)
    done = script("run_docker.sh", MODEL, PYTHON_BIN="", VENV_DIR=str(tmp_path))
    assert done.returncode == 3
    assert "pip install -c constraints.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scripts_choose_the_executor(tmp_path: Path) -> None:
    """A memory limit, which only a container has, tells the local executor from the other one."""
    call = ("--memory", "1g", MODEL)
    local = [script("run_non_docker.sh", *call, folder=tmp_path),
             script("run_docker.sh", *call, folder=tmp_path, USE_DOCKER="false")]  # fmt: skip
    for done in local:
        assert done.returncode == 2
        assert "only containers have a memory limit" in done.stderr
    by_option = script("run_non_docker.sh", *call, "--executor", "docker", "--dry-run", folder=tmp_path)
    assert by_option.returncode == 0


def test_no_secret_reaches_an_argument_list() -> None:
    for name in SCRIPTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "$HF_TOKEN" not in text
        assert "${HF_TOKEN" not in text
