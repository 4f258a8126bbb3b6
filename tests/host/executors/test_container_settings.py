"""Facts about what a container may see, reach and do, before any engine is asked."""

from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import DatasetRef, GpuRequirement
from energy_score.host.executors.container_settings import (
    ContainerSettings,
    container_settings,
    needs_hub,
    paths_read,
    readable_token,
)
from tests.support.record_factory import make_spec

UUIDS = ("GPU-7d0c1a52-0000-4000-8000-000000000001", "GPU-7d0c1a52-0000-4000-8000-000000000002")


@pytest.fixture(autouse=True)
def hub_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "hf"


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Any]:
    """The fields of a spec whose model and prompts are local."""
    (tmp_path / "a model").mkdir()
    (tmp_path / "prompts,1.txt").write_text("a prompt")
    dataset = DatasetRef(path=str(tmp_path / "prompts,1.txt"), sha256="0" * 64, columns=("text",))
    return {"model_path": str(tmp_path / "a model"), "model_digest": "0" * 64, "dataset": dataset}


def settings_of(tmp_path: Path, **changes: Any) -> ContainerSettings:
    asked: dict[str, Any] = {"gpu_uuids": (), "memory": None, "token_file": None}
    asked |= {name: changes.pop(name) for name in asked if name in changes}
    return container_settings(make_spec(**changes), directory=RunDirectory(tmp_path / "--privileged run"), **asked)


def mounts(settings: ContainerSettings) -> dict[str, tuple[str, bool]]:
    return {mount["Target"]: (mount["Source"], mount["ReadOnly"]) for mount in settings.host_config["mounts"]}


def test_a_local_run_has_no_network_no_token_and_only_its_own_files(tmp_path: Path, local: dict[str, Any]) -> None:
    token = tmp_path / "token"
    settings = settings_of(tmp_path, token_file=token, **local)
    run, model, prompts = (str(tmp_path / name) for name in ("--privileged run", "a model", "prompts,1.txt"))
    assert mounts(settings) == {run: (run, False), model: (model, True), prompts: (prompts, True)}
    assert settings.host_config["network_mode"] == "none"
    assert settings.environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_TOKEN_PATH" not in settings.environment


def test_a_run_from_the_hub_gets_the_caches_the_network_and_the_token_as_a_file(tmp_path: Path, hub_home: Path) -> None:
    token = tmp_path / "token"
    settings = settings_of(tmp_path, token_file=token)
    assert settings.host_config["network_mode"] == "bridge"
    assert settings.host_config["extra_hosts"] is None
    seen = mounts(settings)
    assert seen["/home/user/.cache/huggingface/hub"] == (str(hub_home / "hub"), False)
    assert seen["/home/user/.cache/huggingface/datasets"] == (str(hub_home / "datasets"), False)
    assert seen["/run/secrets/hf_token"] == (str(token), True)
    assert settings.environment["HF_TOKEN_PATH"] == "/run/secrets/hf_token"  # noqa: S105 - a path
    assert (hub_home / "hub").is_dir()


def test_offline_there_is_no_network_even_for_a_model_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert settings_of(tmp_path).host_config["network_mode"] == "none"


def test_a_cached_model_with_local_prompts_needs_no_hub(local: dict[str, Any], hub_home: Path) -> None:
    spec = make_spec(dataset=local["dataset"], revision=None)
    assert needs_hub(spec)
    snapshot = hub_home / "hub" / "models--openai--gpt-oss-20b" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").touch()
    (snapshot / "model.safetensors").touch()
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0" * 40)
    assert not needs_hub(spec)
    assert needs_hub(make_spec(dataset=local["dataset"], processor="openai/gpt-oss-120b"))


def test_no_secret_and_no_host_path_of_the_environment_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "HF_HUB_CACHE", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, str(tmp_path / "secret"))
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    environment = settings_of(tmp_path).environment
    assert not [value for value in environment.values() if "secret" in value]
    assert environment.items() >= {"HF_ENDPOINT": "http://hub.test", "OMP_NUM_THREADS": "3"}.items()


def test_an_endpoint_on_the_loopback_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotReadyError, match=r"--executor local.*host\.docker\.internal"):
        settings_of(tmp_path, backend="vllm", endpoint="http://localhost:8000/v1")


def test_only_an_endpoint_opens_the_way_to_the_host(tmp_path: Path, local: dict[str, Any]) -> None:
    settings = settings_of(tmp_path, backend="vllm", endpoint="http://host.docker.internal:8021/v1", **local)
    assert settings.host_config["network_mode"] == "bridge"
    assert settings.host_config["extra_hosts"] == {"host.docker.internal": "host-gateway"}


def test_the_leased_gpus_and_no_others_are_asked_for_by_uuid(tmp_path: Path, local: dict[str, Any]) -> None:
    settings = settings_of(tmp_path, gpu_uuids=UUIDS, **local)
    (request,) = settings.host_config["device_requests"]
    assert request["DeviceIDs"] == list(UUIDS)
    assert settings.environment["CUDA_VISIBLE_DEVICES"] == ",".join(UUIDS)
    assert settings.command[-2:] == ["--gpus", ",".join(UUIDS)]


def test_a_run_without_gpus_is_shown_none(tmp_path: Path, local: dict[str, Any]) -> None:
    settings = settings_of(tmp_path, gpu_requirement=GpuRequirement(count=0), **local)
    assert settings.host_config["device_requests"] == []
    assert settings.environment["CUDA_VISIBLE_DEVICES"] == ""


def test_a_memory_limit_allows_no_swap_either(tmp_path: Path, local: dict[str, Any]) -> None:
    config = settings_of(tmp_path, memory=2**30, **local).host_config
    assert config["mem_limit"] == config["memswap_limit"] == 2**30


def test_links_that_lead_out_of_a_folder_are_followed(tmp_path: Path, local: dict[str, Any]) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "weights").touch()
    folder = tmp_path / "a model"
    (folder / "model.safetensors").symlink_to(blobs / "weights")
    (folder / "same").symlink_to("config.json")
    (folder / "nowhere").symlink_to(tmp_path / "nowhere")
    (folder / "config.json").touch()
    assert paths_read(make_spec(**local)) == [folder, blobs, tmp_path / "prompts,1.txt"]


def test_a_replayed_meter_and_a_local_processor_are_read_too(tmp_path: Path, local: dict[str, Any]) -> None:
    spec = make_spec(meter=f"replay:{tmp_path}/meter.json", processor=str(tmp_path / "tokenizer"), **local)
    assert {tmp_path / "meter.json", tmp_path / "tokenizer"} < set(paths_read(spec))


def test_a_token_of_the_environment_is_a_private_file_for_as_long_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    with readable_token() as file:
        assert file is not None
        assert file.read_text() == "hf_planted"
        assert file.stat().st_mode & 0o777 == 0o400
        assert file.parent.stat().st_mode & 0o777 == 0o700
    assert not file.parent.exists()


def test_the_logins_own_file_is_used_where_there_is_one(hub_home: Path) -> None:
    with readable_token() as file:
        assert file is None
    hub_home.mkdir()
    (hub_home / "token").write_text("hf_login")
    with readable_token() as file:
        assert file == hub_home / "token"
    assert (hub_home / "token").exists()
