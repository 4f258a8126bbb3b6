"""Facts about what counts as cached, on caches laid out as huggingface_hub and datasets do."""

import json
from pathlib import Path

import pytest

from energy_score.host.model_files.hub_cache import is_dataset_cached, is_model_cached

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of org/model whose main branch is COMMIT, with its config and no weights yet."""
    for name in ("HF_HUB_CACHE", "HF_DATASETS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    repository = tmp_path / "hub" / "models--org--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def test_a_model_with_config_and_weights_is_cached(snapshot: Path) -> None:
    (snapshot / "model.safetensors").touch()
    assert is_model_cached("org/model", None)
    assert is_model_cached("org/model", "main")
    assert is_model_cached("org/model", COMMIT)


@pytest.mark.parametrize("revision", ["v1", "f" * 40, "../../main"])
def test_another_revision_is_not(snapshot: Path, revision: str) -> None:
    (snapshot / "model.safetensors").touch()
    assert not is_model_cached("org/model", revision)


def test_a_model_without_weights_is_not_cached(snapshot: Path) -> None:
    assert not is_model_cached("org/model", None)
    assert not is_model_cached("org/other", None)


def test_a_link_to_a_file_that_was_never_downloaded_is_no_file(snapshot: Path) -> None:
    (snapshot / "model.safetensors").symlink_to("../../blobs/none")
    assert not is_model_cached("org/model", None)


def test_every_part_that_an_index_names_must_be_there(snapshot: Path) -> None:
    parts = ["model-1.safetensors", "model-2.safetensors"]
    index = {"weight_map": dict(zip("ab", parts, strict=True))}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / parts[0]).touch()
    assert not is_model_cached("org/model", None)
    (snapshot / parts[1]).touch()
    assert is_model_cached("org/model", None)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_index_is_no_fault_of_the_program(snapshot: Path, content: str) -> None:
    (snapshot / "model.safetensors.index.json").write_text(content)
    assert not is_model_cached("org/model", None)


def test_a_prepared_data_set_is_cached(snapshot: Path, tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "AIEnergyScore___asr" / "default" / "0.0.0" / COMMIT
    folder.mkdir(parents=True)
    assert not is_dataset_cached("AIEnergyScore/ASR")
    (folder / "asr-train.arrow").touch()
    assert is_dataset_cached("AIEnergyScore/ASR")
    assert not is_dataset_cached("AIEnergyScore/text_generation")
