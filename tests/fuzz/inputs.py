"""Targets that a user gives by hand: sheets, prompts files, ``key=value``, and the values of options."""

import contextlib
from unicodedata import category

import pytest
from hypothesis import strategies as st

from energy_score.contract.endpoint_address import endpoint_address
from energy_score.contract.errors import EnergyScoreError
from energy_score.contract.model_config import SHEET_STATES
from energy_score.contract.run_spec import DatasetRef
from energy_score.contract.server_command import PLACEHOLDERS, check_server_command, fill_in_server_command
from energy_score.engine.datasets import load_queries
from energy_score.host.cluster.slurm_commands import refuse_slurm_arguments
from energy_score.host.locks.gpu_need import loaded_bytes
from energy_score.host.model_files.hub_cache import is_model_cached
from energy_score.host.single_run.keys import KEYS
from energy_score.reports.impact.factors import get_factors, parse_changes
from energy_score.shared.gpu.visible_gpus import visible_gpu_indices
from energy_score.shared.tasks.registry import TASKS
from model_config_parser import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from tests.fuzz.target import Target, scratch, told
from tests.fuzz.ways import documents, numbers, printed, tables, texts
from tests.support.record_factory import H100, make_spec

_HEADER = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
_MODELS = (
    "org/model",
    "Qwen/Qwen3-8B",
    "openai/gpt-oss-20b",
    "https://huggingface.co/org/m/tree/main",
    "./here",
    "../x",
)
_SWITCHES = (
    "enable_thinking=False",
    "reasoning_effort: high",
    "Prepend input with <think>.",
    "/no_think before the prompt",
)
sheets = tables(
    _HEADER,
    [
        st.one_of(st.sampled_from(_MODELS), texts),
        st.one_of(st.sampled_from(["1", "", "2.0"]), texts),
        st.one_of(st.sampled_from(["A", "b", "C", ""]), texts),
        st.one_of(st.sampled_from([*TASKS, "text-generation"]), texts),
        st.one_of(st.sampled_from(list(SHEET_STATES)), texts),
        st.one_of(st.sampled_from(_SWITCHES), texts, st.lists(texts, max_size=4).map("\n".join)),
        st.one_of(st.just(""), st.sampled_from(["main", "v1.0"]), texts),
        st.one_of(st.sampled_from(["", "yes", "no"]), texts),
    ],
)


def check_sheet(data: bytes) -> None:
    with scratch() as folder:
        (folder / "here").mkdir()
        sheet = folder / "models.csv"
        sheet.write_bytes(data)
        told("validate", "--csv", str(sheet))
        told("list", "--csv", str(sheet), "--json")
        told("--csv", str(sheet), "--dry-run", "--max-new-tokens-on", "64", "--backend", "vllm")
        assert {path.name for path in folder.iterdir()} == {"here", "models.csv"}


_GRAMMAR = (
    "null", "true", "[0,1]", "{a: 1}", "${backend.model}", "a,b", "1e9", "'x", '"x', "x\\", "choice(1,2)", "9" * 5000,
)  # fmt: skip
# What a process can be given as a word: no NUL, no lone surrogate.
_WORDS = st.one_of(
    printed.filter(lambda text: "\0" not in text),
    texts.filter(lambda text: "\0" not in text and not any(category(sign) == "Cs" for sign in text)),
    st.sampled_from(_GRAMMAR),
    numbers.map(str).filter(lambda text: len(text) < 500),
)
_VARIABLES = ("scenario.reasoning_params.x", "scenario.reasoning_params.reasoning_effort")
_KEYS = st.one_of(st.sampled_from([*KEYS, *(f"+{key}" for key in KEYS), *_VARIABLES]), _WORDS)
key_values = st.lists(st.tuples(_KEYS, st.sampled_from(["=", "=", "=", "", "=="]), _WORDS).map("".join), max_size=5)


def check_keys(words: list[str]) -> None:
    with scratch() as folder:
        told("run", "--dry-run", "--json", "backend.model=org/model", *(f"{word}" for word in words))
        told("run", "--dry-run", "--", *words)
        assert list(folder.iterdir()) == []


_GOOD_ROWS = [
    {"text": "one", "question": "a?", "context": "b", "prompt": "c", "sentence1": "d", "sentence2": "e"},
    {"text": "two", "question": "", "context": None, "prompt": 1, "sentence1": [], "sentence2": {}},
]
prompt_files = st.tuples(
    st.sampled_from([".csv", ".json", ".jsonl", ".txt", ".parquet", "", ".CSV"]),
    st.one_of(
        st.binary(max_size=60), texts.map(lambda text: text.encode(errors="surrogatepass")), documents(_GOOD_ROWS),
        documents({"prompts": _GOOD_ROWS}), documents(_GOOD_ROWS[0]).map(lambda line: b"\n".join([line] * 2)),
        tables(("text", "question", "context"), [texts, texts, texts]),
    ),
)  # fmt: skip


def check_prompts(case: tuple[str, bytes]) -> None:
    suffix, data = case
    with scratch() as folder:
        file = folder / f"prompts{suffix}"
        file.write_bytes(data)
        sheet = folder / "models.csv"
        sheet.write_text(
            f"{','.join(REQUIRED_COLUMNS)}\norg/a,1,A,text_gen,N/A,\norg/b,1,,extractive_qa,,\norg/c,1,,asr,,\n",
            "ascii",
        )
        told("list", "--csv", str(sheet), "--prompts-file", str(file), "--json")
        for columns in (("text",), ("question", "context"), ("image",)):
            with contextlib.suppress(EnergyScoreError):
                load_queries(DatasetRef(path=str(file), columns=columns), query_count=3)


_TEMPLATE_WORDS = st.one_of(
    st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS]),
    st.sampled_from(["serve", "{port!r}", "{", "{{}}", "'", "{port:>{dtype}}"]),
    _WORDS,
)
_PLAIN_OPTIONS = (
    "--ci", "--repeats", "--region", "--meter-gpu", "--dataset", "--prompts-file", "--seed", "-n", "--backend",
    "--model-name", "--task", "--csv", "--text-column", "--dtype", "--warmup", "--max-new-tokens-on", "--protocol",
    "--request-timeout", "--concurrency", "--class", "--timeout", "--memory", "--slurm-arg", "--node-gpus", "--gpus",
    "--only-new",
)  # fmt: skip
OPTIONS: dict[str, st.SearchStrategy[str]] = dict.fromkeys(_PLAIN_OPTIONS, _WORDS) | {
    "--meter": st.one_of(_WORDS, _WORDS.map("replay:".__add__)),
    "--endpoint": st.one_of(_WORDS, _WORDS.map("http://".__add__), _WORDS.map(lambda word: f"http://h:{word}/v1")),
    "--server-command": st.lists(_TEMPLATE_WORDS, max_size=5).map(" ".join),
}
options = st.lists(
    st.sampled_from(sorted(OPTIONS)).flatmap(lambda name: st.tuples(st.just(name), OPTIONS[name])), max_size=4
)


def check_options(pairs: list[tuple[str, str]]) -> None:
    words = [
        word for name, value in pairs for word in ((f"{name}={value}",) if name.startswith("--") else (name, value))
    ]
    with scratch() as folder:
        sheet = folder / "models.csv"
        sheet.write_text(f"{','.join(REQUIRED_COLUMNS)}\norg/a,1,A,text_gen,N/A,\n", "ascii")
        told("--csv", str(sheet), "--dry-run", *words)
        told("--csv", str(sheet), "--dry-run", "--backend", "vllm", "--managed", *words)
        assert {path.name for path in folder.iterdir()} == {"models.csv"}
    for _, value in pairs:
        with contextlib.suppress(EnergyScoreError):
            refuse_slurm_arguments([value])
        with contextlib.suppress(EnergyScoreError):
            visible_gpu_indices(value, (H100.uuid,), origin="--gpus")
        with contextlib.suppress(EnergyScoreError):
            endpoint_address(value)
        with contextlib.suppress(EnergyScoreError):
            get_factors(value, parse_changes([value]))
        with contextlib.suppress(EnergyScoreError):
            fill_in_server_command(make_spec(server_command=check_server_command(value)), port=1, visible_gpus=value)


model_files = st.tuples(
    documents({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}, "__metadata__": {}}),
    documents({"weight_map": {"a": "model.safetensors"}}),
    st.one_of(st.none(), st.integers(0, 2**64 - 1)),
)


def check_model_files(case: tuple[bytes, bytes, int | None]) -> None:
    """The host looks into a model's folder before the run: its size, and whether it is all there."""
    header, index, length = case
    with scratch() as folder:
        snapshot = folder / "hub" / "models--org--m" / "snapshots" / ("a" * 40)
        snapshot.mkdir(parents=True)
        size = len(header) if length is None else length
        (snapshot / "model.safetensors").write_bytes(size.to_bytes(8, "little") + header)
        (snapshot / "model.safetensors.index.json").write_bytes(index)
        (snapshot.parent.parent / "refs").mkdir()
        (snapshot.parent.parent / "refs" / "main").write_text("a" * 40)
        loaded_bytes(snapshot, dtype="bfloat16")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
            is_model_cached("org/m", None)


# What once ended in a traceback.
_KEYS_FOUND = (
    ["backend.no_weights=" + "9" * 5000], ["scenario.reasoning_params=" + "[" * 400 + "]" * 400],
    ["scenario.dataset_name=\x7f"],
)  # fmt: skip
_OPTIONS_FOUND = (
    [("--gpus", "9" * 5000)], [("--server-command", "serve {port:>{dtype}}")], [("--request-timeout", "nan")],
)  # fmt: skip
INPUTS = {
    "model files": Target(model_files, check_model_files),
    "sheets": Target(st.one_of(sheets, sheets, st.binary(max_size=80)), check_sheet),
    "keys": Target(key_values, check_keys, found=_KEYS_FOUND),
    "prompts": Target(prompt_files, check_prompts),
    "options": Target(options, check_options, found=_OPTIONS_FOUND),
}
