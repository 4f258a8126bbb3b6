"""Code from a model's repository runs only for a row that asks for it, and then only in a container."""

from pathlib import Path

import pytest

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.plan import ResolvedRun, Selection, select_rows
from energy_score.host.executors.container_settings import container_settings
from energy_score.host.executors.local import LocalExecutor
from energy_score.host.executors.registry import open_executor
from energy_score.host.run_specs.placement import Placement
from energy_score.host.single_run.composition import compose
from energy_score.host.single_run.keys import KEYS
from model_config_parser import ModelConfigParser
from parameter_handler import ParameterHandler, RunOptions
from tests.support.command_line import command
from tests.support.record_factory import make_spec

HEADER = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template,Trust Remote Code\n"


def sheet(folder: Path, cell: str) -> Path:
    path = folder / "models.csv"
    path.write_text(f"{HEADER}org/foreign,1,A,text_gen,N/A,,{cell}\n", encoding="utf-8")
    return path


def trusting(**changes: object) -> RunSpec:
    return make_spec(trust_remote_code=True, **changes)


@pytest.mark.parametrize(("cell", "trusted"), [("", False), ("no", False), ("yes", True), ("TRUE", True)])
def test_a_row_must_ask_for_it_in_so_many_words(tmp_path: Path, cell: str, *, trusted: bool) -> None:
    (config,) = ModelConfigParser(sheet(tmp_path, cell)).parse()
    assert config.trust_remote_code is trusted
    spec = ParameterHandler(RunOptions(), sheet_directory=tmp_path).resolve(config, run_id="r")
    assert spec.trust_remote_code is trusted


def test_a_batch_without_containers_refuses_the_row_and_starts_nothing(tmp_path: Path) -> None:
    ended = command(
        "--csv", str(sheet(tmp_path, "yes")), "--executor", "local", "--output-dir", str(tmp_path / "output"), "-n", "1"
    )
    assert ended.exit_code == 1
    assert (
        "org/foreign N/A: refused: models.csv:2: Trust Remote Code: org/foreign: code from the model's" in ended.stderr
    )
    assert "--executor docker" in ended.stderr
    assert not list((tmp_path / "output").glob("logs/*"))


def test_with_an_image_the_row_is_run_as_it_asks(tmp_path: Path) -> None:
    selected = select_rows(Selection(sheet(tmp_path, "yes")), RunOptions())
    (placed,) = selected.resolve(Placement("sha256:1"))
    assert isinstance(placed, ResolvedRun)
    assert (placed.spec.trust_remote_code, placed.spec.image) == (True, "sha256:1")


def test_a_row_that_is_only_shown_is_not_refused_for_where_it_would_run(tmp_path: Path) -> None:
    (shown,) = select_rows(Selection(sheet(tmp_path, "yes")), RunOptions()).resolve()
    assert isinstance(shown, ResolvedRun)
    assert shown.spec.image is None


@pytest.mark.parametrize("change", [{}, {"backend": "vllm", "server_command": "serve {port}"}, {"backend": "optimum"}])
def test_the_local_executor_refuses_it_wherever_the_order_comes_from(tmp_path: Path, change: dict[str, str]) -> None:
    """A worker on a cluster's node reads its order from a file, and no plan was looked at there."""
    executor = open_executor("local", timeout_s=5, image="", memory=None)
    assert isinstance(executor, LocalExecutor)
    with pytest.raises(RowRefusedError, match="only in a container"):
        executor.execute(
            RunDirectory(tmp_path), spec=trusting(**change), on_event=lambda _: None, on_log_line=lambda _: None
        )
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_there_already_does_as_it_does() -> None:
    assert not trusting(backend="vllm", endpoint="http://127.0.0.1:1/v1").runs_foreign_code


def test_one_model_by_key_and_value_has_no_such_key(tmp_path: Path) -> None:
    assert not [key for key in KEYS if "trust" in key]
    refused = command("run", "--dry-run", "backend.model=org/m", "backend.trust_remote_code=true")
    assert refused.exit_code == 2
    assert "unknown key 'backend.trust_remote_code'" in refused.stderr
    assert "trust_remote_code" not in compose("text_generation", ["backend.model=org/m"]).values


def test_its_container_gets_no_token_and_cannot_change_what_other_models_are_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    token = tmp_path / "token"
    token.touch()

    def mounts(spec: RunSpec, *, offline: str) -> dict[str, bool]:
        monkeypatch.setenv("HF_HUB_OFFLINE", offline)
        settings = container_settings(
            spec, directory=RunDirectory(tmp_path), gpu_uuids=(), memory=None, token_file=token
        )
        return {mount["Target"]: mount["ReadOnly"] for mount in settings.host_config["mounts"]}

    hub, secret = "/home/user/.cache/huggingface/hub", "/run/secrets/hf_token"
    assert secret in mounts(make_spec(), offline="0")
    assert secret not in mounts(trusting(), offline="0")
    assert mounts(trusting(), offline="1")[hub] is True
    assert mounts(make_spec(), offline="1")[hub] is False
