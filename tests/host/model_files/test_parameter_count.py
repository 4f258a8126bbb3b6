"""Facts about quantization as configs state it, and about the parameters that packed weights hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from energy_score.host.model_files.parameter_count import count_parameters
from energy_score.host.model_files.quantization import Quantization, get_quantization
from energy_score.host.model_files.safetensors_header import Tensor, read_tensors


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"quant_method": "gptq", "bits": 3}, ("gptq", 3)),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, ("awq", 4)),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, ("bitsandbytes", 8)),
        ({"quant_method": "bitsandbytes", "_load_in_4bit": True, "load_in_8bit": False}, ("bitsandbytes", 4)),
        ({"quant_method": "mxfp4"}, ("mxfp4", 4)),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, ("fp8", 8)),
        ({"quant_method": "quanto", "weights": "int4"}, ("quanto", 4)),
        ({"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 2}}}, ("hqq", 2)),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 8}}}},
            ("compressed-tensors", 8),
        ),
        # Parts of different width: packed ones do not tell which they are of.
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"a": {"weights": {"num_bits": 4}}, "b": {"weights": {"num_bits": 8}}},
            },
            ("compressed-tensors", None),
        ),
        ({"quant_method": "aqlm", "num_codebooks": 1}, ("aqlm", None)),
        ({"bits": True}, ("unknown method", None)),
    ],
)
def test_the_bits_are_those_that_each_method_states_in_its_own_way(
    stated: dict[str, Any], expected: tuple[str, int | None]
) -> None:
    assert get_quantization({"quantization_config": stated}) == expected
    assert get_quantization({"text_config": {"quantization_config": stated}}) == expected


@pytest.mark.parametrize(
    "config", [{}, {"quantization_config": None}, {"quantization_config": [4]}, {"text_config": 7}]
)
def test_a_config_that_states_nothing_is_not_quantized(config: dict[str, Any]) -> None:
    assert get_quantization(config) is None


def test_what_only_helps_to_unpack_is_no_parameter() -> None:
    tensors = [
        Tensor("l.qweight", "I32", 1000, 4000), Tensor("l.scales", "F16", 50, 100), Tensor("l.g_idx", "I32", 9, 36),
        Tensor("embed.weight", "BF16", 7, 14),
    ]  # fmt: skip
    assert count_parameters(tensors, Quantization("gptq", 4)) == 8007
    assert count_parameters(tensors, Quantization("gptq", 8)) == 4007
    assert count_parameters(tensors, Quantization("gptq", 3)) == 10673


def test_the_scales_of_hqq_are_told_by_the_method() -> None:
    tensors = [Tensor("l.W_q", "U8", 1000, 1000), Tensor("l.scale", "F16", 30, 60), Tensor("l.zero", "F16", 30, 60)]
    assert count_parameters(tensors, Quantization("hqq", 4)) == 2000
    assert count_parameters(tensors, Quantization("other", 4)) == 2060


def test_packed_weights_of_unknown_bits_have_an_unknown_number() -> None:
    assert count_parameters([Tensor("l.codes", "I16", 10, 20)], Quantization("aqlm", None)) is None
    assert count_parameters([Tensor("l.weight", "F8_E4M3", 10, 10)], Quantization("some", None)) == 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (2).to_bytes(8, "little") + b"[]",
        (11).to_bytes(8, "little") + json.dumps({"w": None}).encode(),
    ],
)
def test_a_file_with_another_head_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors: |a tensor without"):
        read_tensors(tmp_path / "model.safetensors")


def test_a_clone_without_lfs_is_told_what_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(ValueError, match="git lfs pull"):
        read_tensors(file)
