"""The models of the stand-in Hub, each with what a preflight must find of it: cases as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.model_hub import COMMIT, HubModel, head

CARD = "---\nlicense: apache-2.0\n---\n" + "A small model that writes text, made to be looked at. " * 6
LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16", "hidden_size": 4096,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    "max_position_embeddings": 8192, "vocab_size": 2,
}  # fmt: skip
TOKENIZER: dict[str, Any] = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
}  # fmt: skip
BILLION = 10**9


def as_json(content: object) -> bytes:
    return json.dumps(content).encode()


SMALL = {
    "config.json": as_json(LLAMA), "tokenizer.json": as_json(TOKENIZER), "README.md": CARD.encode(),
    "tokenizer_config.json": as_json({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ messages }}"}),
}  # fmt: skip


def model(
    *, without: tuple[str, ...] = (), config: Mapping[str, Any] | None = None, billions: float = 7,
    weights: Mapping[str, tuple[bytes, int]] | None = None, **more: Any,
) -> HubModel:  # fmt: skip
    """A good model of 7 B parameters in 16 bits, but for what a case is about."""
    heads = {"model.safetensors": head(weight=("BF16", [int(billions * BILLION)]))} if weights is None else weights
    files = {name: data for name, data in SMALL.items() if name not in without}
    if config is not None:
        files["config.json"] = as_json({**LLAMA, **config})
    files |= {name: data for name, (data, _) in heads.items()}
    files |= more.pop("files", {})
    # Listed as a millionth of their size, so that no test machine's disk decides.
    sizes = {name: size // 10**6 for name, (_, size) in heads.items()} | more.pop("sizes", {})
    return HubModel(files=files, sizes=sizes, **more)


def quantized(method: str, **keys: Any) -> dict[str, Any]:
    return {"quantization_config": {"quant_method": method, **keys}}


def packed(bits: int, billions: int) -> dict[str, tuple[bytes, int]]:
    """GPTQ or AWQ weights: whole numbers of 32 bits that hold several weights each, and what unpacks them."""
    rows = billions * 1000 * bits // 32
    return {
        "model.safetensors": head(
            l__qweight=("I32", [rows, 10**6]), l__qzeros=("I32", [rows // 64, 10**6]), l__g_idx=("I32", [10**6]),
            l__scales=("F16", [billions * 8, 10**6]), embed__weight=("BF16", [10**6]),
        )
    }  # fmt: skip


NONE: dict[str, tuple[bytes, int]] = {}
SHARDS = {
    f"model-{number:05}-of-00003.safetensors": head(**{f"w{number}": ("BF16", [BILLION])}) for number in (1, 2, 3)
}


EARLIER_SHARDS = {f"model-{number:05}-of-00002.safetensors": head(old=("BF16", [BILLION])) for number in (1, 2)}
INDEX = "model.safetensors.index.json"


def index_of(shards: Mapping[str, object]) -> bytes:
    return as_json({"metadata": {}, "weight_map": {f"w{at}": name for at, name in enumerate(shards)}})


@dataclass(frozen=True)
class Case:
    """A repository, how it is asked about, and what must be found: the rules that do not pass, with their status.

    ``bars`` are the rules that say that the run cannot succeed. ``token``: the request is made with a login.
    """

    model: HubModel | None
    finds: Mapping[str, str] = field(default_factory=dict)
    bars: tuple[str, ...] = ()
    model_class: str = "A"
    revision: str | None = COMMIT
    token: bool = False


UNKNOWN = {"exists": "warn"}
GOOD = model()
CASES: dict[str, Case] = {
    "good": Case(GOOD),
    "counted": Case(replace(GOOD, counts={"BF16": 7 * BILLION})),
    "on-a-branch": Case(GOOD, {"pinned": "warn"}, revision=None),
    "renamed": Case(HubModel(renamed_to="lab/good"), {"exists": "warn", "pinned": "warn"}, revision=None),
    "missing": Case(None, {"exists": "fail"}, ("exists",)),
    "no-such-revision": Case(GOOD, {"exists": "fail"}, ("exists",), revision="v9"),
    "gated-with-access": Case(replace(GOOD, gated=True), token=True),
    "gated-without": Case(
        replace(GOOD, gated=True, counts={"BF16": 7 * BILLION}),
        {
            "access": "fail",
            "config": "warn",
            "chat_template": "warn",
            "memory": "warn",
        },
        ("access",),
    ),
    "private-with-access": Case(replace(GOOD, private=True), {"exists": "fail"}, token=True),
    "private-without": Case(replace(GOOD, private=True), {"exists": "fail"}, ("exists",)),
    "sharded": Case(model(weights=SHARDS, files={INDEX: index_of(SHARDS)})),
    "index-missing": Case(model(weights=SHARDS), {"weights": "fail"}, ("weights",)),
    # Parts of an earlier upload are next to those that are loaded.
    "shards-by-index": Case(model(weights=SHARDS | EARLIER_SHARDS, files={INDEX: index_of(SHARDS)})),
    "shard-missing": Case(
        model(
            weights={name: shard for name, shard in SHARDS.items() if "00002" not in name},
            files={INDEX: index_of(SHARDS)},
        ),
        {"weights": "fail"},
        ("weights",),
    ),
    "gptq-4-bit": Case(model(config=quantized("gptq", bits=4) | {"dtype": "bfloat16"}, weights=packed(4, 13))),
    "gptq-8-bit": Case(model(config=quantized("gptq", bits=8), weights=packed(8, 13))),
    "gptq-too-large": Case(
        model(config=quantized("gptq", bits=8), weights=packed(8, 300)),
        {"size_limit": "fail"},
        model_class="C",
    ),
    "awq": Case(model(config=quantized("awq", bits=4), weights=packed(4, 13))),
    "bitsandbytes-4-bit": Case(
        model(
            config=quantized("bitsandbytes", load_in_4bit=True),
            weights={
                "model.safetensors": head(
                    l__weight=("U8", [6500, 10**6]),
                    l__weight__absmax=("U8", [200, 10**6]),
                    l__weight__quant_state__bitsandbytes__nf4=("U8", [100]),
                )
            },
        )
    ),
    "gpt-oss-like": Case(
        # More than 20 B parameters, whose 4 bits fit the GPU of class A: either class passes, and the sheet says B.
        model(
            config=quantized("mxfp4"),
            weights={
                "model.safetensors": head(e__down_blocks=("U8", [10400, 10**6]), e__down_scales=("U8", [600, 10**6]))
            },
        )
    ),
    "adapter": Case(
        HubModel(
            files={
                "adapter_config.json": as_json({"base_model_name_or_path": "lab/good"}),
                "README.md": CARD.encode(),
                "adapter_model.safetensors": b"",
            }
        ),
        {
            "config": "fail",
            "weights": "fail",
            "tokenizer": "fail",
            "parameters": "warn",
            "size_limit": "warn",
            "precision": "warn",
            "class": "warn",
            "memory": "warn",
            "chat_template": "warn",
        },
        ("config", "tokenizer", "weights"),
    ),
    "pickle-only": Case(
        model(weights=NONE, files={"pytorch_model.bin": b"\x80"}, sizes={"pytorch_model.bin": 14000}),
        {"weights": "fail", "parameters": "warn", "size_limit": "warn", "class": "warn", "memory": "warn"},
    ),
    "gguf-only": Case(
        model(weights=NONE, without=("config.json",), files={"model-q4.gguf": b"GGUF"}),
        {
            "config": "fail",
            "weights": "fail",
            "parameters": "warn",
            "size_limit": "warn",
            "precision": "warn",
            "class": "warn",
            "memory": "warn",
        },
        ("config", "weights"),
    ),
    "no-weights": Case(
        model(weights=NONE),
        {"weights": "fail", "parameters": "warn", "size_limit": "warn", "class": "warn", "memory": "warn"},
        ("weights",),
    ),
    "no-tokenizer": Case(
        model(without=("tokenizer.json", "tokenizer_config.json")),
        {"tokenizer": "fail", "loads": "fail", "chat_template": "warn"},
        ("tokenizer", "loads"),
    ),
    "no-chat-template": Case(
        model(files={"tokenizer_config.json": as_json({"tokenizer_class": "PreTrainedTokenizerFast"})}),
        {"chat_template": "warn"},
    ),
    "broken-tokenizer": Case(model(files={"tokenizer.json": b"{"}), {"loads": "fail"}, ("loads",)),
    "own-code": Case(
        model(config={"model_type": "never_seen", "auto_map": {"AutoConfig": "configuration_x.XConfig"}}),
        {"remote_code": "fail", "loads": "fail"},
        ("remote_code", "loads"),
    ),
    "own-code-needless": Case(model(config={"auto_map": {"AutoModelForCausalLM": "modeling_x.X"}})),
    "unknown-type": Case(
        model(config={"model_type": "never_seen"}), {"config": "fail", "loads": "fail"}, ("config", "loads")
    ),
    "short-card": Case(model(files={"README.md": b"---\nlicense: mit\n---\nA model."}), {"card": "fail"}),
    "no-card": Case(model(without=("README.md",)), {"card": "fail", "licence": "fail"}),
    "no-licence": Case(model(files={"README.md": CARD.replace("license", "other").encode()}), {"licence": "fail"}),
    "licence-by-name": Case(
        model(
            files={"README.md": CARD.replace("apache-2.0", "other\nlicense_name: own\nlicense_link: LICENSE").encode()}
        )
    ),
    "licence-other-alone": Case(
        model(files={"README.md": CARD.replace("apache-2.0", "other").encode()}), {"licence": "fail"}
    ),
    "float16": Case(model(config={"dtype": "float16"}), {"precision": "fail"}),
    "too-large": Case(model(billions=101), {"size_limit": "fail"}, model_class="C"),
    "class-mismatch": Case(model(billions=30), {"class": "fail", "memory": "warn"}),
    "disk-too-small": Case(model(sizes={"model.safetensors": 10**17}), {"disk": "fail"}, ("disk",)),
    "broken-config": Case(
        model(files={"config.json": b'{"model_type": '}), {"config": "fail", "memory": "warn"}, ("config",)
    ),
    "config-no-object": Case(model(files={"config.json": b"[]"}), {"config": "fail", "memory": "warn"}, ("config",)),
    "broken-head": Case(
        model(weights={"model.safetensors": (b"\xff" * 16, 16)}),
        {"parameters": "warn", "size_limit": "warn", "class": "warn", "memory": "warn"},
    ),
    "server-error": Case(HubModel(status=500), UNKNOWN),
    "too-many-requests": Case(HubModel(status=429), UNKNOWN),
    "no-json": Case(HubModel(answer=b"<html>"), UNKNOWN),
    "json-of-something-else": Case(HubModel(answer=b'{"id": 7}'), UNKNOWN),
    "slow": Case(HubModel(delay_s=2.0), UNKNOWN),
    "hostile": Case(
        model(
            config={"model_type": "\x1b[31mred\n<script>", "auto_map": "../../etc"},
            files={
                "README.md": b"---\n- &a [*a]\n---\n",
                "tokenizer_config.json": b'{"chat_template": 7}',
                "..\x1b[2J.json": b"{}",
                "model-00001-of-99999.safetensors": b"",
            },
        ),
        {"remote_code": "fail", "loads": "fail", "card": "fail", "licence": "fail"},
        ("remote_code", "loads"),
    ),
}


def hub_models() -> dict[str, HubModel]:
    """All repositories by the id that they are asked about: ``lab/NAME``."""
    return {f"lab/{name}": case.model for name, case in CASES.items() if case.model is not None}


def sheet_of(cases: Mapping[str, Case]) -> str:
    """A sheet with a row for each case, the first in line 2."""
    rows = [f"lab/{name},1,{case.model_class},text_gen,,,{case.revision or ''}" for name, case in cases.items()]
    return "\n".join(["Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template,Revision", *rows]) + "\n"
