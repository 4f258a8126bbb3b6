import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import parameter_handler
from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.model_config import SHEET_STATES, ModelConfig, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_spec import RepeatPolicy, RunSpec
from energy_score.shared.query_data.pinning import folder_digest
from model_config_parser import ModelConfigParser
from parameter_handler import ParameterHandler, RunOptions

ROOT = Path(__file__).resolve().parents[1]
SHEET = ModelConfigParser(ROOT / "models.csv").parse()

THINK = {"chat_template_kwargs": {"enable_thinking": True}}
NO_THINK = {"chat_template_kwargs": {"enable_thinking": False}}
HARMONY = {"template_fallback": "harmony"}
OPENED = {"assistant_prefill": "<think>\n", "raw_prefix": "<think>"}
DEFAULT: Mapping[str, object] = {}


def effort(level: str) -> dict[str, object]:
    return {"chat_template_kwargs": {"reasoning_effort": level}, **HARMONY}


# Every row of the October 2025 sheet: what is sent for it, beside the query's text and the model's own template.
PLANS: list[tuple[str, str, Mapping[str, object]]] = [
    ("openai/gpt-oss-20b", "On (High)", effort("high")),
    ("openai/gpt-oss-20b", "On (Low)", effort("low")),
    ("openai/gpt-oss-20b", "On (Medium)", effort("medium")),
    ("google/gemma-3-4b-pt", "Off (N/A)", DEFAULT),
    ("HuggingFaceTB/SmolLM3-3B", "On", THINK),
    ("HuggingFaceTB/SmolLM3-3B", "Off", NO_THINK),
    ("microsoft/Phi-4-reasoning-plus", "Off", DEFAULT),
    ("microsoft/Phi-4-reasoning-plus", "On", DEFAULT),
    ("Qwen/Qwen2.5-Coder-14B", "Off (N/A)", DEFAULT),
    ("mistralai/Mistral-Nemo-Instruct-2407", "Off (N/A)", DEFAULT),
    ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", "Off (N/A)", DEFAULT),
    ("Qwen/Qwen3-30B-A3B", "On", THINK),
    ("openai/gpt-oss-120b", "On (High)", effort("high")),
    ("openai/gpt-oss-120b", "On (Low)", effort("low")),
    ("openai/gpt-oss-120b", "On (Medium)", effort("medium")),
    ("deepseek-ai/DeepSeek-R1", "Off", DEFAULT),
    ("deepseek-ai/DeepSeek-R1", "On", OPENED),
    ("deepseek-ai/DeepSeek-V3.2-Exp", "Off (N/A)", DEFAULT),
    ("Qwen/Qwen3-Next-80B-A3B-Thinking", "On", DEFAULT),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", "On", DEFAULT),
    ("zai-org/GLM-4.6", "Off (N/A)", DEFAULT),
    ("ibm-granite/granite-4.0-micro", "Off (N/A)", DEFAULT),
    ("ibm-granite/granite-4.0-h-tiny", "Off (N/A)", DEFAULT),
    ("ibm-granite/granite-4.0-h-small", "Off (N/A)", DEFAULT),
    ("moonshotai/Kimi-K2-Instruct", "Off (N/A)", DEFAULT),
    ("swiss-ai/Apertus-8B-Instruct-2509", "Off (N/A)", DEFAULT),
    ("swiss-ai/Apertus-70B-Instruct-2509", "Off (N/A)", DEFAULT),
    ("Qwen/Qwen3-235B-A22B", "On", THINK),
    ("Qwen/Qwen3-235B-A22B", "Off", NO_THINK),
    ("zai-org/GLM-4.5", "Off (N/A)", DEFAULT),
    ("MiniMaxAI/MiniMax-M1-80k", "Off (N/A)", DEFAULT),
    ("openai/gpt-oss-20b", "Off (N/A)", HARMONY),
    ("google/gemma-3-270m", "Off (N/A)", DEFAULT),
    ("google/gemma-3-1b-pt", "Off (N/A)", DEFAULT),
    ("tencent/Hunyuan-1.8B-Instruct", "On", {"user_prefix": "/think ", **THINK}),
    ("tencent/Hunyuan-1.8B-Instruct", "Off", NO_THINK),
    ("Qwen/Qwen3-30B-A3B", "Off", NO_THINK),
    ("LGAI-EXAONE/EXAONE-4.0-32B", "On", THINK),
    ("LGAI-EXAONE/EXAONE-4.0-32B", "Off", NO_THINK),
    ("mistralai/Magistral-Small-2507", "Off (N/A)", DEFAULT),
    ("deepseek-ai/DeepSeek-V3", "Off (N/A)", DEFAULT),
    ("zai-org/GLM-4.5-Air", "Off (N/A)", DEFAULT),
    ("Qwen/Qwen3-0.6B", "On", THINK),
    ("Qwen/Qwen3-0.6B", "Off", NO_THINK),
    ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "Off", {"system_prompt": "/no_think"}),
    ("nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "On", DEFAULT),
    ("google/gemma-3-27b-pt", "Off (N/A)", DEFAULT),
    ("deepseek-ai/DeepSeek-R1-0528", "Off", DEFAULT),
    ("deepseek-ai/DeepSeek-R1-0528", "On", OPENED),
    ("Qwen/Qwen-Image", "", DEFAULT),
    ("black-forest-labs/FLUX.1-dev", "", DEFAULT),
    ("HiDream-ai/HiDream-I1-Full", "", DEFAULT),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "Off", DEFAULT),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "On", OPENED),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "Off", DEFAULT),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "On", OPENED),
    ("google/gemma-3-270m-it", "On", DEFAULT),
    ("google/gemma-3-1b-it", "On", DEFAULT),
    ("google/gemma-3-12b-it", "On", DEFAULT),
    ("google/gemma-3-27b-it", "On", DEFAULT),
]


def handler(folder: Path = ROOT, **options: object) -> ParameterHandler:
    return ParameterHandler(RunOptions.model_validate(options), sheet_directory=folder)


def config(model_id: str, state: str) -> ModelConfig:
    (found,) = ModelConfigParser.filter_configs(SHEET, model_name=model_id, reasoning_state=state, exact=True)
    return found


def of_task(task: str, **changes: Any) -> ModelConfig:
    row: dict[str, Any] = {
        "model_id": "org/model", "priority": 1, "model_class": None, "task": task, "reasoning_state": "",
        "reasoning_mode": ReasoningMode.NOT_APPLICABLE, "line_number": 1,
    }  # fmt: skip
    return ModelConfig(**(row | changes))


def spec(model_id: str = "Qwen/Qwen3-0.6B", state: str = "Off", **options: object) -> RunSpec:
    return ParameterHandler(RunOptions.model_validate(options), sheet_directory=ROOT).resolve(
        config(model_id, state), run_id="run"
    )


def test_every_row_of_the_sheet_has_its_prompt_plan() -> None:
    assert [(row.model_id, row.reasoning_state) for row in SHEET] == [(name, state) for name, state, _ in PLANS]
    one = handler()
    for row, (name, _, expected) in zip(SHEET, PLANS, strict=True):
        assert one.plan(row).prompt_plan.model_dump(exclude_defaults=True) == expected, name


def test_no_row_of_the_sheet_is_refused_and_no_two_are_the_same_run() -> None:
    one = handler()
    specs = [one.resolve(row, run_id=f"{row.model_id} {row.reasoning_state}") for row in SHEET]
    assert len({spec.identity() for spec in specs}) == len(SHEET) == 60


def test_every_row_marked_on_has_room_to_think_and_every_other_row_exactly_ten_tokens() -> None:
    one = handler()
    for row in SHEET:
        if row.task == "text_gen":
            generation = one.resolve(row, run_id="run").generation
            limits = (generation.min_new_tokens, generation.max_new_tokens)
            assert limits == ((1, 8192) if row.reasoning_state.startswith("On") else (10, 10)), row.model_id


# A mode that the model cannot express runs as its default. The note has the cause, and how many rows have it.
CAUSES = {
    "Off cannot be expressed: the model always thinks. Its first tokens are measured, thoughts or not": 5,
    "On cannot be expressed: no reasoning mode exists; run as default": 5,
    "the model thinks by default: a row filed without reasoning reasons all the same": 3,
    "the model always thinks: a row filed without reasoning reasons all the same": 2,
}


def test_each_mode_that_cannot_be_expressed_is_a_note_that_names_its_cause_alone() -> None:
    one = handler()
    notes = [note for row in SHEET for note in one.resolve(row, run_id="run").notes]
    assert {cause: notes.count(cause) for cause in CAUSES} == CAUSES


def test_with_strict_modes_a_mode_that_cannot_be_expressed_is_refused() -> None:
    strict = handler(strict_modes=True)
    for name, state in (("deepseek-ai/DeepSeek-R1", "Off"), ("google/gemma-3-1b-it", "On")):
        row = config(name, state)
        with pytest.raises(
            RowRefusedError, match=rf"models\.csv:{row.line_number}: Reasoning State: '{state}' cannot be"
        ):
            strict.resolve(row, run_id="run")
    assert strict.resolve(config("Qwen/Qwen3-0.6B", "Off"), run_id="run").strict_modes


def test_gemma_marked_on_has_the_budget_of_on() -> None:
    generation = spec("google/gemma-3-1b-it", "On").generation
    assert (generation.min_new_tokens, generation.max_new_tokens) == (1, 8192)


def test_the_token_budgets_are_options() -> None:
    on, off = (spec(state=state, new_tokens_off=3, max_new_tokens_on=77).generation for state in ("On", "Off"))
    assert (on.min_new_tokens, on.max_new_tokens) == (1, 77)
    assert (off.min_new_tokens, off.max_new_tokens) == (3, 3)


def test_on_and_off_rows_never_share_a_spec() -> None:
    on, off = spec(state="On"), spec(state="Off")
    assert on.prompt_plan != off.prompt_plan
    assert on.identity() != off.identity()
    assert on.work_identity() != off.work_identity()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("official", 10, 1, 10, 30)),
        ({"query_count": 5}, ("quick", 1, 0, 0, 0)),
        ({"query_count": 5, "protocol": "official"}, ("official", 10, 1, 10, 30)),
        ({"protocol": "quick"}, ("quick", 1, 0, 0, 0)),
        ({"protocol": "quick", "repeats": 3}, ("quick", 3, 0, 0, 0)),
        ({"protocol": "quick", "repeats": 4}, ("quick", 4, 1, 0, 0)),
        ({"repeats": 2}, ("official", 2, 0, 10, 30)),
        ({"repeats": "auto"}, ("official", 5, 1, 10, 30, 0.01, 20)),
        ({"repeats": "auto", "ci_target": 0.05}, ("official", 5, 1, 10, 30, 0.05, 20)),
        ({"repeats": "auto", "query_count": 5}, ("quick", 5, 1, 0, 0, 0.01, 20)),
    ],
)
def test_the_protocol_follows_from_the_options(options: dict[str, Any], expected: tuple[object, ...]) -> None:
    policy = spec(**options).repeat_policy
    later = {"max_discarded_repeats", "dither_s", "shuffle_queries"}
    assert tuple(policy.model_dump(exclude_none=True, exclude=later).values()) == expected
    is_official, warms_up = expected[0] == "official", bool(expected[2])
    # Source: METHOD.md, "Transient faults, sensors, intervals".
    assert (policy.dither_s, policy.shuffle_queries) == ((0.1, True) if is_official else (0, False))
    assert policy.max_discarded_repeats == (5 if is_official and warms_up else None)
    assert RepeatPolicy.model_validate(policy.model_dump()) == policy


def test_an_official_run_with_other_repeats_says_so() -> None:
    assert spec(repeats=2).notes == ("official is 10 counted repeats; this run has 2",)
    assert spec(repeats=10).notes == ()
    (note,) = spec(repeats="auto", ci_target=0.02).notes
    assert note.startswith("official is 10 counted repeats; this run has 5 to 20, until the half-width of the total's")
    assert note.endswith(" 0.02 of its mean")
    assert spec(repeats="auto", query_count=3).notes == ()


@pytest.mark.parametrize("repeats", [None, 10])
def test_an_interval_without_adaptive_repeats_is_refused(repeats: int | None) -> None:
    with pytest.raises(UsageError, match="Use --repeats auto --ci 1%"):
        handler(repeats=repeats, ci_target=0.01)


def test_a_backend_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"unknown --backend 'onnx' .expected one of: pytorch, vllm, optimum"):
        handler(backend="onnx")


def test_a_task_that_the_backend_cannot_run_is_refused_for_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parameter_handler.RUNNABLE_TASKS, "pytorch", ("text_gen",))
    row = config("Qwen/Qwen-Image", "")
    with pytest.raises(RowRefusedError, match=rf"models\.csv:{row.line_number}: Task: image_gen cannot .* text_gen"):
        handler().resolve(row, run_id="run")


@pytest.mark.parametrize(
    ("task", "limits", "dtype", "truncates"),
    [
        ("text_gen", (10, 10), "bfloat16", False),
        ("summarization", (10, 10), "float32", True),
        ("asr", (1, 448), "float32", True),
        ("image_captioning", (1, 100), "float32", True),
        ("image_gen", (None, None), "float32", True),
        ("extractive_qa", (None, None), "float32", True),
    ],
)
def test_a_task_brings_its_limits_and_its_precision(
    task: str, limits: tuple[int | None, int | None], dtype: str, *, truncates: bool
) -> None:
    one = handler().resolve(of_task(task), run_id="run")
    assert (one.generation.min_new_tokens, one.generation.max_new_tokens) == limits
    assert (one.generation.dtype, one.truncation) == (dtype, truncates)


def test_a_number_of_new_tokens_is_for_every_task_that_generates() -> None:
    exactly = handler(new_tokens_off=100)
    assert exactly.resolve(of_task("asr"), run_id="run").generation.min_new_tokens == 100
    assert exactly.resolve(of_task("object_detection"), run_id="run").generation.max_new_tokens is None


@pytest.mark.parametrize("state", ["On", "Off", "On (High)"])
def test_a_reasoning_state_is_refused_where_no_model_reasons(state: str) -> None:
    row = of_task("asr", reasoning_state=state, reasoning_mode=SHEET_STATES[state])
    with pytest.raises(RowRefusedError, match=rf"Reasoning State: '{re.escape(state)}' is refused for asr: .*N/A"):
        handler().resolve(row, run_id="run")
    assert handler().resolve(of_task("asr", reasoning_state="Off (N/A)"), run_id="run").prompt_plan == PromptPlan()


def test_a_task_without_classes_runs_on_one_gpu() -> None:
    assert handler().resolve(of_task("asr"), run_id="run").gpu_requirement.count == 1
    assert handler().resolve(of_task("text_gen"), run_id="run").gpu_requirement.count is None
    assert handler(gpu_count=2).resolve(of_task("asr"), run_id="run").gpu_requirement.count == 2


def test_a_chat_template_cell_without_effect_is_told() -> None:
    row = of_task("asr", reasoning_params={"language": "en"})
    assert handler().resolve(row, run_id="run").notes == ("Chat Template cell: has no effect in asr",)


def test_only_summarization_tells_its_models_what_to_do() -> None:
    plan = handler().resolve(of_task("summarization"), run_id="run").prompt_plan
    assert plan.user_prefix == "Summarize the following text.\n\n"
    assert handler().resolve(of_task("text_gen"), run_id="run").prompt_plan.user_prefix == ""


def test_one_name_for_a_column_is_refused_where_a_task_reads_two() -> None:
    with pytest.raises(RowRefusedError, match="--text-column body names one column, but extractive_qa reads question"):
        handler(text_column="body").resolve(of_task("extractive_qa"), run_id="run")


def test_a_run_says_which_paths_it_reads(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(b"a")
    (tmp_path / "q.csv").write_text("image\nmedia/a.png\n")
    (tmp_path / "processor").mkdir()
    options = handler(prompts_file=tmp_path / "q.csv", processor=str(tmp_path / "processor"), meter="replay:r.json")
    one = options.resolve(of_task("image_classification"), run_id="run")
    expected = (tmp_path / "q.csv", tmp_path / "media", tmp_path / "processor", Path("r.json").resolve())
    assert one.local_paths() == expected
    assert handler(processor="org/processor").resolve(of_task("asr"), run_id="run").local_paths() == ()


def test_a_medium_that_is_not_there_is_refused_by_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("audio\nnone.wav\n")
    with pytest.raises(
        RowRefusedError,
        match=r"models\.csv:1: --prompts-file: .*row 1: column 'audio': "
        r"file 'none.wav' not found",
    ):
        handler(prompts_file=tmp_path / "q.csv").resolve(of_task("asr"), run_id="run")


def test_a_processor_folder_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"processor '\./none': no such folder"):
        handler(processor="./none")


def test_a_refusal_names_the_spreadsheet_it_is_about() -> None:
    named = ParameterHandler(RunOptions(strict_modes=True), sheet_directory=ROOT, sheet_name="mine.csv")
    with pytest.raises(RowRefusedError, match=r"^mine\.csv:\d+: Reasoning State: 'Off' cannot be expressed by"):
        named.resolve(config("deepseek-ai/DeepSeek-R1", "Off"), run_id="run")


def test_a_region_without_a_factor_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown region 'mars'"):
        handler(region="mars")
    assert spec(region="France").region == "france"


def test_the_spec_carries_the_row_and_the_options() -> None:
    one = spec("openai/gpt-oss-20b", "On (High)", seed=7, meter="none", save_text=True, no_weights=True, query_count=3)
    assert (one.model_id, one.model_class, one.reasoning_state) == ("openai/gpt-oss-20b", "B", "On (High)")
    assert (one.reasoning, one.task, one.backend) == (ReasoningMode.HIGH, "text_gen", "pytorch")
    assert (one.generation.seed, one.meter, one.query_count) == (7, "none", 3)
    assert (one.save_text, one.no_weights) == (True, True)
    assert (one.model_path, one.model_digest, one.image) == (None, None, None)


def test_the_precision_is_the_tasks_unless_it_is_named() -> None:
    assert spec().generation.dtype == "bfloat16"
    assert spec(dtype="float32").generation.dtype == "float32"


@pytest.mark.parametrize(
    ("name", "state", "count"),
    [
        ("Qwen/Qwen3-0.6B", "Off", 1),
        ("Qwen/Qwen3-30B-A3B", "Off", 1),
        ("Qwen/Qwen3-235B-A22B", "Off", None),
    ],
)
def test_classes_a_and_b_use_exactly_one_gpu(name: str, state: str, count: int | None) -> None:
    assert spec(name, state).gpu_requirement.count == count


def test_the_prompts_come_from_the_tasks_data_set() -> None:
    dataset = spec().dataset
    assert (dataset.name, dataset.path, dataset.split) == ("AIEnergyScore/text_generation", None, "train")
    assert dataset.columns == ("text",)


def test_another_data_set_and_column_can_be_named() -> None:
    dataset = spec(dataset="scottcha/reasoning_text_generation", text_column="prompt").dataset
    assert (dataset.name, dataset.text_column) == ("scottcha/reasoning_text_generation", "prompt")


def test_a_prompts_file_is_pinned_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts.txt").write_bytes(b"one\ntwo\n")
    monkeypatch.chdir(tmp_path)
    dataset = spec(prompts_file="prompts.txt").dataset
    assert dataset.path == str(tmp_path.resolve() / "prompts.txt")
    assert dataset.sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert dataset.name is None


def test_a_prompts_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--prompts-file .*absent\.txt: cannot be read: No such file"):
        handler(prompts_file=tmp_path / "absent.txt")


def test_a_path_that_no_record_can_hold_is_refused_before_anything_runs(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    (folder / "model").mkdir(parents=True)
    (folder / "prompts.txt").write_text("hello\n")
    with pytest.raises(UsageError, match="can't encode character"):
        handler(prompts_file=folder / "prompts.txt")
    with pytest.raises(RowRefusedError, match=r"'\./model' is not a path: .*can't encode character"):
        handler(folder).resolve(local("./model"), run_id="run")


@pytest.mark.parametrize("name", ["prompts.tsv", "prompts.XLSX", "prompts.yaml", "prompts.ndjson"])
def test_a_table_that_is_not_read_is_never_taken_for_plain_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text\tid\nhello\t1\n")
    with pytest.raises(UsageError, match=r"tables in \.\w+ format are not supported .expected a CSV, JSON"):
        handler(prompts_file=tmp_path / name)


def test_two_sources_of_prompts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("one\n")
    with pytest.raises(UsageError, match="two sources"):
        handler(prompts_file=tmp_path / "prompts.txt", dataset="org/set")


def local(folder: str, state: str = "Off") -> ModelConfig:
    return config("Qwen/Qwen3-0.6B", state).model_copy(update={"model_id": folder})


def test_a_local_model_is_found_from_the_spreadsheet_and_pinned_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-tiny").mkdir()
    (tmp_path / "Qwen3-tiny" / "config.json").write_text("{}")
    one = handler(tmp_path).resolve(local("./Qwen3-tiny"), run_id="run")
    assert one.model_id == "./Qwen3-tiny"
    assert one.model_path == str(tmp_path.resolve() / "Qwen3-tiny")
    assert one.model_digest == folder_digest(tmp_path / "Qwen3-tiny")
    assert one.prompt_plan.chat_template_kwargs == {"enable_thinking": False}


def test_a_folder_below_the_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "base").mkdir()
    assert handler().resolve(local("~/base"), run_id="run").model_path == str(tmp_path.resolve() / "base")


@pytest.mark.parametrize("folder", ["./absent", "~no-such-user/x", "./" + "x" * 5000])
def test_a_local_model_that_is_not_there_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(RowRefusedError, match=r"models\.csv:\d+: Models to Add: .*\. Use a Hub id"):
        handler(tmp_path).resolve(local(folder), run_id="run")


def test_the_refusal_of_a_folder_names_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(RowRefusedError) as caught:
        handler(tmp_path).resolve(local("./absent"), run_id="run")
    assert str(tmp_path.resolve() / "absent") in str(caught.value)


def test_a_folder_that_is_written_as_a_hub_id_is_named_as_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "models" / "Qwen3-tiny").mkdir(parents=True)
    resolved = handler(tmp_path).resolve(local("models/Qwen3-tiny"), run_id="run")
    assert resolved.model_path is None
    assert resolved.notes == (
        "models/Qwen3-tiny is read as a Hub id; the folder of that name is written ./models/Qwen3-tiny",
    )


def test_the_digest_of_a_folder_follows_names_and_contents(tmp_path: Path) -> None:
    def digest(files: dict[str, bytes], name: str) -> str:
        folder = tmp_path / name
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder_digest(folder)

    first = digest({"config.json": b"{}", "sub/vocab.txt": b"a"}, "first")
    assert digest({"sub/vocab.txt": b"a", "config.json": b"{}"}, "same") == first
    assert digest({"config.json": b"[]", "sub/vocab.txt": b"a"}, "content") != first
    assert digest({"config.json": b"{}", "sub/words.txt": b"a"}, "name") != first


def test_the_digest_of_large_files_follows_their_time_of_change(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as stream:
        stream.truncate(16 * 2**20 + 1)
    os.utime(weights, ns=(10**18, 10**18))
    before = folder_digest(tmp_path)
    assert folder_digest(tmp_path) == before
    os.utime(weights, ns=(10**18, 10**18 + 1))
    assert folder_digest(tmp_path) != before


@pytest.mark.parametrize(
    "options", [{"query_count": 0}, {"repeats": 0}, {"repeats": "some"}, {"new_tokens_off": 0}, {"unknown": 1}]
)
def test_options_without_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RunOptions.model_validate(options)


def test_a_budget_of_thinking_tokens_that_the_backend_cannot_apply_is_noted_or_refused() -> None:
    budget = {"reasoning_state": "On (budget 64)", "reasoning_mode": ReasoningMode.ON, "thinking_budget": 64}
    row = of_task("text_gen", model_id="Qwen/Qwen3-8B", **budget)
    fault = "the pytorch backend cannot apply a budget of thinking tokens; use --backend vllm"
    assert fault in handler().resolve(row, run_id="r").notes
    with pytest.raises(RowRefusedError, match=fault):
        handler(strict_modes=True).resolve(row, run_id="r")
    assert fault not in handler(backend="vllm").resolve(row, run_id="r").notes
