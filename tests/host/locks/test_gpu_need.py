"""Facts about how many GPUs a run is leased."""

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest

from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import GpuRequirement
from energy_score.host.locks.gpu_need import count_needed_gpus, loaded_bytes
from tests.support.record_factory import H100, make_spec

EIGHT = [H100.model_copy(update={"uuid": f"GPU-{index}"}) for index in range(8)]


def model(folder: Path, **tensors: tuple[str, int]) -> Path:
    """A folder with a sparse safetensors file; each tensor is its type and its bytes."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [1], "data_offsets": [at, at + size]}  # type: ignore[dict-item]
        at += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return folder


def need(folder: Path | None, *, model_class: str = "C", gpus: Sequence[Gpu] = EIGHT) -> int:
    spec = make_spec(
        model_class=model_class,
        model_path=None if folder is None else str(folder),
        gpu_requirement=GpuRequirement(count=None),
    )
    return count_needed_gpus(spec, gpus)


@pytest.mark.parametrize(
    ("stored", "gigabytes", "gpus"),
    [
        ("BF16", 1, 2),  # class C is more than one GPU
        ("BF16", 140, 2),  # 70 B parameters: 168 GB with 20 % over, 171 GB in two
        ("BF16", 244, 4),  # 122 B parameters
        ("F32", 280, 2),  # 70 B again, stored twice as wide
        ("U8", 280, 4),  # quantized: as it is stored
    ],
)
def test_class_c_gets_the_fewest_gpus_that_hold_its_weights(
    tmp_path: Path, stored: str, gigabytes: int, gpus: int
) -> None:
    assert need(model(tmp_path, weight=(stored, gigabytes * 10**9))) == gpus


def test_on_unlike_gpus_the_smallest_says_how_many_hold_the_weights_wherever_it_stands(tmp_path: Path) -> None:
    folder = model(tmp_path, weight=("BF16", 100 * 10**9))  # 120 GB with 20 % over
    sizes_mib = (143771, 46068, 81559)  # H200, L40S, H100: one, three or two hold it
    for order in permutations(sizes_mib):
        unlike = [H100.model_copy(update={"uuid": f"GPU-{mib}", "memory_mib": mib}) for mib in order]
        assert need(folder, gpus=unlike) == 3


def test_weights_that_lie_there_twice_count_once(tmp_path: Path) -> None:
    whole = (model(tmp_path, weight=("BF16", 140 * 10**9)) / "model.safetensors").read_bytes()
    (tmp_path / "consolidated.safetensors").write_bytes(whole)  # as Mistral's repositories have it
    assert need(tmp_path) == 2
    (tmp_path / "model.safetensors").rename(tmp_path / "model-1-of-1.safetensors")
    (tmp_path / "model-1-of-2.safetensors").write_bytes(whole)  # of an earlier upload
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": "model-1-of-1.safetensors"}}))
    assert need(tmp_path) == 2
    index.write_text("{")
    assert need(tmp_path) == 8  # unknown


def test_a_size_that_nothing_tells_gets_all_of_them(tmp_path: Path) -> None:
    assert need(None) == 8
    (tmp_path / "model.safetensors").write_bytes(b"no header")
    assert loaded_bytes(tmp_path, dtype="bfloat16") is None
    assert need(tmp_path) == 8


def test_an_order_that_says_how_many_gets_so_many_and_a_servers_run_none() -> None:
    assert count_needed_gpus(make_spec(gpu_requirement=GpuRequirement(count=1)), EIGHT) == 1
    assert count_needed_gpus(make_spec(gpu_requirement=GpuRequirement(count=0)), EIGHT) == 0
    served = make_spec(backend="vllm", endpoint="http://localhost:8000/v1", gpu_requirement=GpuRequirement(count=1))
    assert count_needed_gpus(served, EIGHT) == 0
