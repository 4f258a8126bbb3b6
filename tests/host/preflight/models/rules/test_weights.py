"""Facts about the rules on a model's weights, at their edges."""

from typing import Any

import pytest

from energy_score.contract.run_spec import GenerationSettings
from energy_score.host.model_files.safetensors_header import Tensor
from energy_score.host.model_files.weight_files import WeightFiles
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question
from energy_score.host.preflight.models.rules.weights import model_class, parameters, precision, size_limit, weights
from energy_score.host.preflight.models.surroundings import Surroundings
from tests.support.record_factory import make_config, make_spec

BILLION = 10**9
WHOLE = WeightFiles("safetensors", ("model.safetensors",))
NUMBERED = WeightFiles("safetensors", ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"))
INDEX = "model.safetensors.index.json"


def question(*, dtype: str = "bfloat16", spec: dict[str, Any] | None = None, **facts: Any) -> Question:
    known: dict[str, Any] = {"where": "hub", "files": {}, "weights": WHOLE} | facts
    settings = GenerationSettings.model_validate(
        {"max_new_tokens": 10, "min_new_tokens": 10, "dtype": dtype, "seed": 42}
    )
    return Question(
        ModelFacts(**known), make_config(), make_spec(generation=settings, **(spec or {})), Surroundings()
    )  # fmt: skip


def tensors(count: float, *, dtype: str = "BF16", bits: int = 16) -> tuple[Tensor, ...]:
    return (Tensor("w", dtype, int(count), int(count) * bits // 8),)


def config(method: str, **keys: Any) -> dict[str, Any]:
    return {"quantization_config": {"quant_method": method, **keys}}


@pytest.mark.parametrize(
    ("found", "files", "status", "bars", "told"),
    [
        (WHOLE, {}, "pass", False, "safetensors, 1 file"),
        (NUMBERED, {INDEX: 9}, "pass", False, "safetensors, 2 files"),
        (NUMBERED, {}, "fail", True, "the index of its 2 parts is missing"),
        (WeightFiles("safetensors", ("a",), ("b", "c")), {}, "fail", True, "2 files are missing, such as b"),
        (WeightFiles("pickle", ("pytorch_model.bin",)), {}, "fail", False, "only pickles, such as pytorch_model.bin"),
        (WeightFiles("adapter"), {}, "fail", True, "an adapter for an unnamed base model without"),
        (WeightFiles("gguf", ("m.gguf",)), {}, "fail", True, "only GGUF (m.gguf)"),
        (WeightFiles("other", ("m.onnx",)), {}, "fail", True, "none that a run can load (m.onnx)"),
        (WeightFiles("none"), {}, "fail", True, "there are none"),
        (WeightFiles("unknown"), {}, "warn", False, "unknown: the index of its files could not be read"),
    ],
)
def test_a_run_is_barred_by_weights_that_it_cannot_load_and_by_no_others(
    found: WeightFiles, files: dict[str, int], status: str, told: str, *, bars: bool
) -> None:
    finding = weights(question(weights=found, files=files))
    assert (finding.status, finding.bars_run) == (status, bars)
    assert finding.found.startswith(told)


def test_missing_weights_bar_no_run_with_random_ones() -> None:
    finding = weights(question(weights=WeightFiles("none"), spec={"no_weights": True}))
    assert (finding.status, finding.bars_run) == ("fail", False)


def test_what_a_cached_copy_lacks_the_hub_may_have() -> None:
    lacking = WeightFiles("safetensors", ("a",), ("b",))
    cached = weights(question(where="cache", weights=lacking))
    assert (cached.status, cached.found) == ("warn", "unknown: the cache does not have all of them")
    assert weights(question(where="cache", cached=True, weights=lacking)).status == "fail"


def test_an_unreadable_head_bars_a_folders_run_and_not_that_of_a_hub_that_was_silent() -> None:
    folder, hub = (weights(question(where=where, tensors_fault="no header")) for where in ("folder", "hub"))
    assert (folder.status, folder.bars_run, folder.found) == ("fail", True, "no header")
    assert hub.status == "pass"


@pytest.mark.parametrize(
    ("count", "index", "dtype", "status"),
    [
        (100e9, {}, "BF16", "pass"),
        (100e9 + 1e6, {}, "BF16", "fail"),
        (280e9, config("fp8"), "F8_E4M3", "pass"),  # 140 B times 16 / 8
        (281e9, config("fp8"), "F8_E4M3", "fail"),
    ],
)
def test_the_largest_size_is_100_billion_in_16_bits_and_140_billion_times_what_quantization_saves(
    count: float, index: dict[str, Any], dtype: str, status: str
) -> None:
    asked = question(index=index, tensors=tensors(count, dtype=dtype))
    finding = size_limit(asked)
    assert (finding.status, finding.bars_run) == (status, False)


def test_a_size_that_nobody_tells_is_unknown_to_every_rule_about_it() -> None:
    asked = question(tensors=None, tensors_fault="no answer")
    assert parameters(asked) == Finding(
        "parameters", "warn", "unknown: no answer", "size rules cannot be checked"
    )  # fmt: skip
    assert size_limit(asked).found == "unknown, because the number of parameters is"
    of_class = model_class(asked)
    assert of_class is not None
    assert (of_class.status, of_class.found) == ("warn", "B in the row; unknown, because the number of parameters is")


@pytest.mark.parametrize(
    ("billions", "stated", "status"),
    [(20, "A", "pass"), (20.001, "A", "fail"), (20.001, "B", "pass"), (66, "B", "pass"), (66.001, "B", "fail"),
     (66.001, "C", "pass"), (66.001, None, "pass")],
)  # fmt: skip
def test_class_a_ends_at_20_billion_parameters_and_class_b_at_66(
    billions: float, stated: str | None, status: str
) -> None:
    finding = model_class(question(tensors=tensors(billions * BILLION), spec={"model_class": stated}))
    assert finding is not None
    assert finding.status == status


@pytest.mark.parametrize(("stated", "status"), [("A", "pass"), ("B", "pass"), ("C", "fail")])
def test_quantized_weights_may_be_of_the_class_of_their_memory_too(stated: str, status: str) -> None:
    packed = tensors(30e9 / 8, dtype="I32", bits=32)  # 30 B of 4 bits: 15 GB, 18 GB with what comes on top
    index = config("gptq", bits=4)
    finding = model_class(question(index=index, tensors=packed, spec={"model_class": stated}))
    assert finding is not None
    assert finding.status == status
    assert finding.found.startswith("30 B is class B, its quantized weights are class A")


@pytest.mark.parametrize(
    ("ordered", "index", "stored", "status", "told"),
    [
        ("bfloat16", {"dtype": "bfloat16"}, "BF16", "pass", "its config has bfloat16"),
        ("bfloat16", {"torch_dtype": "torch.float16"}, "F16", "fail", "its config has float16"),
        ("float32", {"torch_dtype": "float16"}, "F16", "pass", "its config has float16"),
        ("float16", {"text_config": {"dtype": "bfloat16"}}, "F16", "fail", "its config has bfloat16"),
        ("float16", {}, "BF16", "fail", "its weights have bfloat16"),
        ("float16", {}, "U8", "warn", "unknown: neither config nor weights state one"),
    ],
)
def test_one_16_bit_precision_in_place_of_the_other_fails(
    ordered: str, index: dict[str, Any], stored: str, status: str, told: str
) -> None:
    finding = precision(question(dtype=ordered, index=index, tensors=tensors(BILLION, dtype=stored)))
    assert (finding.status, finding.bars_run) == (status, False)
    assert told in finding.found
