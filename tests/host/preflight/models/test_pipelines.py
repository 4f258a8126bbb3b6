"""Facts about pipelines of several parts, in the layout of Stable Diffusion XL."""

import errno
import os
from pathlib import Path

import pytest

from energy_score.host.preflight.models.facts import Model
from energy_score.host.preflight.models.folder import read_cache, read_folder
from tests.support.model_cases import as_json
from tests.support.model_hub import COMMIT, head, write_weights

INDEX = {
    "_class_name": "StableDiffusionXLPipeline", "_diffusers_version": "0.19.0", "force_zeros": True,
    "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "EulerDiscreteScheduler"], "safety_checker": [None, None],
}  # fmt: skip
WEIGHTS = {
    "unet/diffusion_pytorch_model.safetensors": 2570, "unet/diffusion_pytorch_model.fp16.safetensors": 2570,
    "vae/diffusion_pytorch_model.safetensors": 84, "vae_1_0/diffusion_pytorch_model.safetensors": 84,
    "safety_checker/model.safetensors": 304, "sd_xl_base_1.0.safetensors": 3500,
}  # fmt: skip


def pipeline(folder: Path) -> Path:
    for name, count in WEIGHTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_weights(folder / name, head(w=("F32", [count])))
    (folder / "model_index.json").write_bytes(as_json(INDEX))
    return folder


def test_only_the_parts_that_its_index_names_are_loaded(tmp_path: Path) -> None:
    facts = read_folder(pipeline(tmp_path), index_file="model_index.json")
    assert facts.weights.kind == "safetensors"
    assert [name.partition("/")[0] for name in facts.weights.names] == ["unet", "vae"]
    assert sum(tensor.element_count for tensor in facts.tensors or ()) == 2570 + 84


def test_what_may_not_be_looked_at_is_no_file_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if "vae_1_0" in self.parts and self.suffix:  # as in a folder that may be listed and not entered
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return usual(self, follow_symlinks=follow_symlinks)

    pipeline(tmp_path)
    monkeypatch.setattr(Path, "stat", stat)
    facts = read_folder(tmp_path, index_file="model_index.json")
    assert {name.partition("/")[0] for name in facts.files} >= {"unet", "vae"}
    assert not any(name.startswith("vae_1_0/") for name in facts.files)


def test_a_pipeline_that_the_cache_holds_is_whole_without_a_config_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = pipeline(tmp_path / "models--lab--xl" / "snapshots" / COMMIT)
    model = Model("lab/xl", None, COMMIT, "model_index.json")
    assert read_cache(model, reason="offline").cached
    (snapshot / "model_index.json").unlink()
    assert not read_cache(model, reason="offline").cached
