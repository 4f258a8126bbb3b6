"""Facts about single rules, where a case of the Hub would not show them."""

from dataclasses import replace
from typing import Any

import pytest

from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import GenerationSettings, GpuRequirement
from energy_score.host.model_files.safetensors_header import Tensor
from energy_score.host.model_files.weight_files import WeightFiles, find_weight_files
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import Finding, get_refusal
from energy_score.host.preflight.models.judgement import RULES, check_rules
from energy_score.host.preflight.models.rules.rule import Question, gigabytes
from energy_score.host.preflight.models.surroundings import ELSEWHERE, Surroundings, known_model_types
from tests.support.record_factory import H100, make_config, make_spec

CONSUMER = Gpu(uuid="GPU-1", name="NVIDIA GeForce RTX 4090", memory_mib=24564)
BF16 = GenerationSettings(max_new_tokens=10, min_new_tokens=10, dtype="bfloat16", seed=42)


SMALL_CACHE = {"num_hidden_layers": 1, "num_attention_heads": 1, "hidden_size": 1}


def question(
    *, billions: float = 7, facts: dict[str, Any] | None = None, here: Surroundings | None = None, **spec: Any
) -> Question:
    count = int(billions * 1e9)
    known = ModelFacts(
        where="hub", model_id="lab/m", commit="c" * 40, is_private=False, is_gated=False, has_access=True,
        files={"config.json": 1, "tokenizer.json": 1, "model.safetensors": 2 * count},
        weights=WeightFiles("safetensors", ("model.safetensors",)), card="",
        index={"model_type": "llama", **SMALL_CACHE},
        tensors=(Tensor("w", "BF16", count, 2 * count),), download_bytes=1,
    )  # fmt: skip
    plain = {"model_id": "lab/m", "model_class": "A", "generation": BF16, "prompt_plan": PromptPlan()}
    return Question(
        replace(known, **(facts or {})), make_config(model_id="lab/m"), make_spec(**(plain | spec)),
        here or Surroundings(model_types=frozenset({"llama"}), free_bytes=10**15),
    )  # fmt: skip


def found(name: str, asked: Question) -> Finding:
    finding = RULES[name](asked)
    assert finding is not None
    return finding


@pytest.mark.parametrize(
    ("billions", "count", "gpus", "status", "bars"),
    [
        (7, 1, [CONSUMER], "pass", False),
        (11.5, 1, [CONSUMER], "warn", False),  # the weights fit, what comes on top does not
        (13, 1, [CONSUMER], "fail", True),
        (13, 1, [CONSUMER, H100], "warn", False),  # it may get the larger one
        (70, None, [H100], "fail", True),
        (72, None, [H100] * 2, "warn", False),
        (70, None, [H100] * 3, "pass", False),
        (70, 0, [CONSUMER], "pass", False),
    ],
)
def test_only_weights_that_exceed_every_gpu_bar_the_run(
    billions: float, count: int | None, gpus: list[Gpu], status: str, *, bars: bool
) -> None:
    asked = question(
        billions=billions, gpu_requirement=GpuRequirement(count=count), here=Surroundings(gpus=gpus, model_types=None)
    )
    finding = found("memory", asked)
    assert (finding.status, finding.bars_run) == (status, bars)


def test_the_cache_of_a_long_answer_counts_and_is_cut_at_the_context() -> None:
    config = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096}
    thinking = BF16.model_copy(update={"max_new_tokens": 8192})
    text = found("memory", question(facts={"index": config}, generation=thinking)).found
    assert "14 GB of weights and 1.07 GB of cache" in text  # 2 x 32 layers x 8 heads x 128 x 8,192 tokens x 2 bytes
    short = config | {"max_position_embeddings": 1024}
    assert "134 MB of cache" in found("memory", question(facts={"index": short}, generation=thinking)).found


def test_a_cache_of_unknown_size_is_no_pass() -> None:
    finding = found("memory", question(facts={"index": {"model_type": "mamba", "num_hidden_layers": 64}}))
    assert (finding.status, "a cache of unknown size" in finding.found) == ("warn", True)
    none = BF16.model_copy(update={"max_new_tokens": None, "min_new_tokens": None})
    assert found("memory", question(facts={"index": {"model_type": "vit"}}, generation=none)).status == "pass"


def test_float32_weights_are_counted_as_they_are_ordered() -> None:
    asked = question(facts={"tensors": (Tensor("w", "F32", 10**9, 4 * 10**9),)})
    assert found("memory", asked).found.startswith("2 GB of weights")
    whole = question(
        facts={"tensors": (Tensor("w", "BF16", 10**9, 2 * 10**9),)},
        generation=BF16.model_copy(update={"dtype": "float32"}),
    )
    assert found("memory", whole).found.startswith("4 GB of weights")


def test_code_of_the_repository_runs_only_where_the_row_says_so_and_is_never_rated() -> None:
    own = {"index": {"model_type": "x", "auto_map": {}}}
    refused = found("remote_code", question(facts=own))
    allowed = found("remote_code", question(facts=own, trust_remote_code=True))
    untold = found("remote_code", question(facts=own, here=Surroundings(model_types=None)))
    assert [(one.status, one.bars_run) for one in (refused, allowed, untold)] == [
        ("fail", True), ("fail", False), ("warn", False),
    ]  # fmt: skip


def test_whether_the_code_of_a_tokenizer_is_needed_is_unknown() -> None:
    own: dict[str, Any] = {"tokenizer_config": {"auto_map": {"AutoTokenizer": ["tokenization_x.X", None]}}}
    known = found("remote_code", question(facts=own))
    both = found("remote_code", question(facts=own | {"index": {"model_type": "llama", "auto_map": {}}}))
    allowed = found("remote_code", question(facts=own, trust_remote_code=True))
    unknown_type = found("remote_code", question(facts=own | {"index": {"model_type": ["x"], "auto_map": {}}}))
    assert [(one.status, one.bars_run) for one in (known, both, allowed, unknown_type)] == [
        ("warn", False), ("warn", False), ("fail", False), ("fail", True),
    ]  # fmt: skip


def test_the_known_types_are_those_of_both_tables_of_transformers() -> None:
    known = known_model_types() or frozenset()
    assert {"llama", "parakeet_tdt", "gpt-sw3"} <= known  # of the pairs, and of the entries added to them
    assert "CONFIG_MAPPING" not in known


def test_a_model_of_timm_names_no_type_and_can_be_run() -> None:
    of_timm = found("config", question(facts={"index": {"architecture": "resnet50", "pretrained_cfg": {}}}))
    assert (of_timm.status, of_timm.bars_run) == ("warn", False)
    assert found("config", question(facts={"index": {"architecture": "resnet50"}})).bars_run


def test_a_switch_without_a_template_bars_only_a_strict_run_and_harmony_needs_none() -> None:
    switch = PromptPlan(chat_template_kwargs={"enable_thinking": False})
    harmony = switch.model_copy(update={"template_fallback": "harmony"})
    assert found("chat_template", question(prompt_plan=switch, strict_modes=True)).bars_run
    assert not found("chat_template", question(prompt_plan=switch)).bars_run
    assert found("chat_template", question(prompt_plan=harmony)).status == "warn"


@pytest.mark.parametrize(
    ("billions", "stated", "status"),
    [(20, "A", "pass"), (20.1, "A", "fail"), (66, "B", "pass"), (66.1, "B", "fail"), (66.1, "C", "pass"),
     (7, "C", "fail"), (7, None, "pass")],
)  # fmt: skip
def test_the_class_is_the_one_that_the_size_implies(billions: float, stated: str | None, status: str) -> None:
    assert found("class", question(billions=billions, model_class=stated)).status == status


def test_tasks_without_classes_templates_and_tokens_are_not_asked_for_them() -> None:
    asked = question(task="image_classification", model_class=None)
    names = {finding.name for finding in check_rules(asked)}
    assert names.isdisjoint({"class", "chat_template"})
    assert found("tokenizer", asked).status == "warn"


@pytest.mark.parametrize(
    ("config", "stored", "status"),
    [("bfloat16", "BF16", "pass"), ("float16", "F16", "fail"), ("float32", "F32", "pass"), (None, "F16", "fail"),
     (None, "F8_E4M3", "warn"), ("torch.bfloat16", "BF16", "pass")],
)  # fmt: skip
def test_one_16_bit_type_is_not_the_other(config: str | None, stored: str, status: str) -> None:
    facts = {"index": {"torch_dtype": config}, "tensors": (Tensor("w", stored, 1, 2),)}
    assert found("precision", question(facts=facts)).status == status


def test_where_runs_happen_elsewhere_nothing_about_this_machine_bars_them() -> None:
    gone = question(facts={"absence": "missing"}, here=ELSEWHERE)
    gated = question(facts={"has_access": False, "is_gated": True}, here=ELSEWHERE)
    assert get_refusal(check_rules(gone)) is None
    assert get_refusal(check_rules(gated)) is None
    adapter = question(facts={"weights": WeightFiles("adapter"), "adapter_base": "lab/base"}, here=ELSEWHERE)
    assert "an adapter for lab/base" in (get_refusal(check_rules(adapter)) or "")


@pytest.mark.parametrize(
    ("head", "status", "told"),
    [
        ("license: mit", "pass", "mit"),
        ("license:\n- mit\n- apache-2.0", "pass", "mit, apache-2.0"),
        ("license: other\nlicense_name: own\nlicense_link: LICENSE", "pass", "own (LICENSE)"),
        ("license: {a: b}", "fail", "none"),
        ("license: no", "fail", "none"),
        ("", "fail", "none"),
        # Aliases of aliases: 8 GB of text, were they written out.
        ("\n".join(["a0: &a0 [x, x]", *(f"a{at + 1}: &a{at + 1} [{', '.join([f'*a{at}'] * 10)}]" for at in range(9)),
                    "license: *a9"]), "fail", "none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "\n \n"])
def test_the_licence_is_read_as_the_hub_reads_it(head: str, status: str, told: str, before: str) -> None:
    card = f"{before}---\n{head}\n---\nA model.".replace("---\n\n---", "---\n---")
    licence = found("licence", question(facts={"card": card}))
    assert licence.status == status
    assert licence.found.startswith(told)
    assert found("card", question(facts={"card": card})).found == "8 characters"


@pytest.mark.parametrize(
    ("file", "status"),
    [("chat_template.jinja", "pass"), ("additional_chat_templates/default.jinja", "pass"),
     ("chat_template.json", "warn")],
)  # fmt: skip
def test_a_template_is_one_that_the_tokenizer_reads(file: str, status: str) -> None:
    facts = {"files": {"tokenizer_config.json": 2, file: 2}, "tokenizer_config": {}}
    assert found("chat_template", question(facts=facts)).status == status


def test_a_system_prompt_needs_a_template_as_a_switch_does() -> None:
    """The engine refuses it too, but only once the model's files are there and a GPU is leased."""
    bare = {"files": {"tokenizer_config.json": 2}, "tokenizer_config": {}}
    assert not found("chat_template", question(facts=bare)).bars_run
    asked = PromptPlan(system_prompt="/no_think")
    served = question(facts=bare, prompt_plan=asked, backend="vllm", endpoint="http://localhost:8000/v1")
    assert found("chat_template", served).status == "warn"
    finding = found("chat_template", question(facts=bare, prompt_plan=asked))
    assert (finding.status, finding.bars_run) == ("fail", False)
    assert finding.found == "none, so a system prompt cannot be used"


def test_random_weights_need_none_of_the_models_own() -> None:
    bare = {"weights": WeightFiles(), "tensors": None}
    assert found("weights", question(facts=bare)).bars_run
    assert not found("weights", question(facts=bare, no_weights=True)).bars_run


def test_what_the_cache_holds_can_be_run_though_the_hub_has_it_no_more() -> None:
    gone = question(facts={"absence": "missing", "cached": True})
    assert found("exists", gone).status == "fail"
    assert get_refusal(check_rules(gone)) is None


@pytest.mark.parametrize(
    ("files", "index_file", "kind", "names"),
    [
        (["model.safetensors", "pytorch_model.bin", "model.fp16.safetensors"], "config.json", "safetensors", 1),
        (["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "consolidated.safetensors"],
         "config.json", "safetensors", 2),
        (["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
          "unet/diffusion_pytorch_model.fp16.safetensors", "sd_xl.safetensors"], "model_index.json", "safetensors", 2),
        (["modules.json", "0_Transformer/pytorch_model.bin"], "config.json", "pickle", 1),
        (["consolidated.safetensors", "tf_model.h5"], "config.json", "other", 2),
        (["adapter_config.json", "adapter_model.safetensors", "model.safetensors"], "config.json", "safetensors", 1),
    ],
)  # fmt: skip
def test_the_weights_are_those_that_the_library_of_the_task_loads(
    files: list[str], index_file: str, kind: str, names: int
) -> None:
    found_files = find_weight_files(files, index_file=index_file)
    assert (found_files.kind, len(found_files.names), found_files.missing) == (kind, names, ())


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ([f"model-{at:05}-of-000163.safetensors" for at in range(1, 164)], []),  # as DeepSeek-R1
        ([f"model-{at}-of-61.safetensors" for at in range(1, 62)], []),  # as Kimi-K2
        ([f"model-{at:05}-of-00003.safetensors" for at in range(3)], []),  # as MiniMax-M1, counted from 0
        ([f"model-{at:05}-of-00002.safetensors" for at in range(3)], []),  # as gpt-oss, one more than it says
        (["model-1-of-11.safetensors", *(f"model-{at}-of-11.safetensors" for at in range(3, 12))],
         ["model-2-of-11.safetensors"]),
    ],
)  # fmt: skip
def test_shards_are_numbered_in_whatever_way(names: list[str], missing: list[str]) -> None:
    found_files = find_weight_files([*names, "model.safetensors.index.json"], index_file="config.json")
    if not missing:
        assert found_files == WeightFiles("safetensors", tuple(sorted(names)))
    without_index = find_weight_files(names, index_file="config.json")
    assert (without_index.kind, without_index.missing) == ("safetensors", tuple(missing))


def test_a_config_may_name_its_weights_itself() -> None:
    files = ["model.safetensors", "own.safetensors", "own.safetensors.index.json"]

    def named(name: str, *shards: str) -> WeightFiles:
        return find_weight_files(files, index_file="config.json", named=name, shards_of=lambda _: shards or None)

    assert named("own.safetensors") == WeightFiles("safetensors", ("own.safetensors",))
    assert named("own.safetensors.index.json", *files[:2]).names == ("model.safetensors", "own.safetensors")
    assert named("other.safetensors").missing == ("other.safetensors",)
    assert named("own.safetensors.index.json").kind == "unknown"


def test_packed_weights_of_unknown_bits_are_said_to_be_packed() -> None:
    facts = {"index": {"quantization_config": {"quant_method": "bitnet"}}, "tensors": (Tensor("w", "U8", 1, 1),)}
    assert found("parameters", question(facts=facts)).found == "unknown: the weights are packed (bitnet, unknown bits)"


def test_where_names_tell_no_one_series_the_index_says_what_is_loaded() -> None:
    files = ["model.safetensors.index.json", "a.safetensors", "b.safetensors", "pytorch_model.bin"]
    series = [f"model-{at:05}-of-{count:05}.safetensors" for count in (2, 3) for at in range(1, count + 1)]

    def indexed(*names: str) -> WeightFiles:
        return find_weight_files([*files, *series], index_file="config.json", shards_of=lambda _: names or None)

    assert indexed("a.safetensors", "b.safetensors").names == ("a.safetensors", "b.safetensors")
    assert indexed(*series[:2]) == WeightFiles("safetensors", tuple(series[:2]))
    assert indexed("b.safetensors", "c.safetensors").missing == ("c.safetensors",)
    assert indexed().kind == "unknown"
    unread = found("weights", question(facts={"weights": indexed(), "tensors": None}))
    assert (unread.status, unread.bars_run) == ("warn", False)


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 MB"), (999_400_000, "999 MB"), (999_600_000, "1 GB"), (13.76e9, "13.8 GB"), (999.7e9, "0.9997 TB"),
     (1.03e12, "1.03 TB")],
)  # fmt: skip
def test_bytes_are_told_in_digits(count: float, told: str) -> None:
    assert gigabytes(count) == told


def test_the_telling_finding_stands_first_in_a_refusal() -> None:
    findings = [
        Finding("config", "fail", "none", "add it", bars_run=True), Finding("card", "fail", "short", "write"),
        Finding("weights", "fail", "an adapter", "merge it", bars_run=True),
    ]  # fmt: skip
    assert get_refusal(findings) == "weights: an adapter; merge it; also: config"
