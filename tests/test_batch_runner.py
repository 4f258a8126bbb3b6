"""The command line as a user types it; nothing here runs a model."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from energy_score.host.batch.ledger import Ledger
from energy_score.host.locks.output_lock import lock_output
from tests.support.command_line import program
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]
FIVE_FAULTS = """\
Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template
openai/gpt-oss-20b,high,B,text_gen,On (High),
google/gemma-3-4b-pt,1,D,text_gen,Off (N/A),
google/gemma-3-1b-pt,1,A,text_generatoin,Off (N/A),
Qwen/Qwen3-0.6B,1,A,text_gen,Sometimes,
,1,A,text_gen,Off,
"""


def rows(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    return [line.split("\t") for line in done.stdout.splitlines()[1:]]


def test_three_filters_name_one_row_in_a_dry_run() -> None:
    done = program("--model-name", "gpt-oss", "--class", "B", "--reasoning-state", "High", "--dry-run")
    assert done.returncode == 0
    assert [row[1:6] for row in rows(done)] == [["openai/gpt-oss-20b", "B", "text_gen", "On (High)", "1-8192"]]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ("", 60),
        ("--model-name GPT-OSS", 7),
        ("--reasoning-state high", 2),
        ("--reasoning-state Off", 33),
        ("--reasoning-state On", 24),
        ("--class a", 19),
        ("--class B", 14),
        ("--class C", 24),
        ("--task image_gen", 3),
        ("--reasoning-state On --exact", 18),
        ("--model-name openai/gpt-oss-20b --exact", 4),
    ],
)
def test_the_documented_filter_counts_hold(filters: str, count: int) -> None:
    assert len(rows(program("list", *filters.split()))) == count


def test_options_before_a_command_are_options_of_the_command() -> None:
    assert len(rows(program("--class", "A", "list"))) == 19
    refused = program("--timeout", "5", "list")
    assert refused.returncode == 2
    assert "'list' does not take --timeout." in refused.stderr


def test_list_says_how_the_rows_would_be_measured() -> None:
    official, quick = (program("list", "--model-name", "gpt-oss", *words).stderr for words in ([], ["-n", "3"]))
    assert official == (
        "7 rows, 0 refused; pytorch backend, protocol official: 10 repeats, phases of at least 10 s, meter auto\n"
    )
    assert quick == "7 rows, 0 refused; pytorch backend, protocol quick: 1 repeat, phases of any length, meter auto\n"


def test_nothing_matched_exits_4() -> None:
    for command in (["--dry-run"], ["list"], []):
        done = program(*command, "--model-name", "absent")
        assert done.returncode == 4
        assert done.stdout == ""
        assert "none of the 60 rows" in done.stderr


def test_a_wrong_command_is_answered_with_the_right_ones() -> None:
    done = program("lits")
    assert done.returncode == 2
    assert "No such command 'lits'. Did you mean 'list'?" in done.stderr


def test_every_fault_of_a_sheet_is_named_at_once_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "models.csv").write_text(FIVE_FAULTS)
    for command in (["validate"], ["--dry-run"], []):
        done = program(*command, folder=tmp_path)
        assert done.returncode == 2
        for line, column in enumerate(
            ("Priority (1=hi)", "Class", "Task", "Reasoning State", "Models to Add"), start=2
        ):
            assert f"models.csv:{line}: {column}: " in done.stderr
    assert not (tmp_path / "batch_results").exists()


def test_validate_groups_notes_by_their_cause_and_tells_rows_that_would_be_refused(tmp_path: Path) -> None:
    whole = program("validate")
    assert (whole.returncode, whole.stdout) == (0, "models.csv: 60 rows, no fault, 0 would be refused\n")
    notes = whole.stderr.splitlines()
    always = "Off cannot be expressed: the model always thinks. Its first tokens are measured, thoughts or not"
    assert f"note: models.csv: 5 rows, lines 16, 30, 64, 69, 71: {always}" in notes
    assert len(notes) == len(set(notes)) <= 8
    strict = program("validate", "--strict-modes")
    assert strict.returncode == 1
    assert (
        "refused: models.csv:16: Reasoning State: 'Off' cannot be expressed by microsoft/Phi-4-reasoning-plus"
        in strict.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--csv", "nowhere.csv"], "nowhere.csv"),
        (["--backend", "onnx"], "unknown --backend 'onnx' (expected one of: pytorch, vllm, optimum"),
        (["--backend", "vllm", "--endpoint", "h:8021"], "expected http://HOST:PORT/v1"),
        (["--concurrency", "2"], "--concurrency 2 has no effect with --backend pytorch. Use it with --backend vllm"),
        (["--region", "mars"], "unknown region 'mars' (expected one of: world"),
        (["--prompts-file", "nowhere.txt"], "nowhere.txt"),
        (["--node-gpus", "8"], "--node-gpus has a meaning only with --executor slurm or ray"),
        (["--class", "D"], "'D' is not a class"),
        (["--no-such-flag"], "--no-such-flag"),
        (["-n", "0"], "0 is out of range"),
        (["-n", "many"], "'many' is not a whole number"),
        (["--seed", "4294967296"], "Use at most 4294967295"),
        (["--timeout", "long"], "'long' is not a number"),
        (["--meter", "thermometer"], "'thermometer' is not one of auto, none, nvml"),
    ],
)
def test_a_wrong_option_is_a_usage_error_without_a_traceback(arguments: list[str], words: str) -> None:
    done = program(*arguments, "--dry-run")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_backend_and_endpoint_come_from_the_environment_too() -> None:
    assert program("list", BENCHMARK_BACKEND="onnx").returncode == 2
    done = program("list", "--json", "--class", "B", BENCHMARK_BACKEND="vllm", VLLM_ENDPOINT="http://h:8021/v1")
    spec = json.loads(done.stdout.splitlines()[0])["spec"]
    assert (spec["backend"], spec["endpoint"]) == ("vllm", "http://h:8021/v1")


def test_variables_of_the_environment_never_disturb_a_command_without_that_option(tmp_path: Path) -> None:
    (tmp_path / "individual_runs").mkdir()
    done = program("aggregate", "--output-dir", str(tmp_path), DOCKER_IMAGE="x", BENCHMARK_BACKEND="pytorch")
    assert done.returncode == 0, done.stderr


def test_a_memory_limit_without_a_container_is_a_usage_error() -> None:
    done = program("--executor", "local", "--memory", "1g", "--model-name", "SmolLM3")
    assert done.returncode == 2
    assert "--executor docker" in done.stderr


def test_the_aliases_of_num_prompts_mean_the_same() -> None:
    specs = [
        json.loads(program("list", "--json", "--model-name", "SmolLM3", flag, "3").stdout.splitlines()[0])["spec"]
        for flag in ("-n", "--num-prompts", "--num-samples")
    ]
    assert [spec["query_count"] for spec in specs] == [3, 3, 3]
    assert {spec["repeat_policy"]["protocol"] for spec in specs} == {"quick"}


def test_help_names_every_documented_flag_and_command() -> None:
    done = program("--help")
    assert done.returncode == 0
    for name in (
        "--csv", "--output-dir", "--backend", "--endpoint", "--num-prompts", "-n", "--num-samples", "--prompts-file",
        "--model-name", "--class", "--task", "--reasoning-state", "--exact", "aggregate", "doctor", "list", "validate",
    ):  # fmt: skip
        assert name in done.stdout


def test_help_and_list_load_nothing_heavy() -> None:
    for command, allowed in ((["--help"], set()), (["list"], {"pydantic"})):
        done = program_with_import_log(*command)
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
        heavy = {"torch", "transformers", "pandas", "docker", "pynvml", "rich", "numpy", "pydantic"}
        assert loaded & heavy <= allowed


def program_with_import_log(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "batch_runner.py"), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip


def test_a_closed_pipe_ends_without_a_traceback() -> None:
    command = f"'{sys.executable}' '{ROOT / 'batch_runner.py'}' list --json | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True)  # noqa: S602
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_aggregate_of_a_folder_that_is_no_batch_is_a_usage_error(tmp_path: Path) -> None:
    done = program("aggregate", "--output-dir", str(tmp_path))
    assert done.returncode == 2
    assert "individual_runs" in done.stderr


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).parent / "energy-score"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout == program("--version").stdout


def test_an_interval_without_adaptive_repeats_is_a_usage_error() -> None:
    done = program("--ci", "1%", "--dry-run")
    assert done.returncode == 2
    assert "Use --repeats auto --ci 1%" in done.stderr


OLD = "import sys; sys.version_info = (3, 10, 4)"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["-S", "-E", "batch_runner.py", "list"], "not installed: click, hydra, "),
        (["-S", "-E", "model_config_parser.py", "models.csv"], "not installed: click, hydra, "),
        (["-c", f"{OLD}; import batch_runner"], "this is 3.10"),
        (["-c", f"{OLD}; import runpy; runpy.run_path('model_config_parser.py', run_name='__main__')"], "this is 3.10"),
    ],
)
def test_a_python_that_cannot_run_the_program_is_told_so_in_one_line(words: list[str], fault: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 3
    assert fault in done.stderr
    assert done.stderr.endswith("source .venv/bin/activate\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "option", "look"),
    [
        (["--csv", "one.csv", "--output-dir"], "--output-dir", "check it with 'status --output-dir "),
        (["run", "backend.model=./model", "--results"], "--results (or RESULTS_DIR)", "or choose another --results"),
    ],
)
def test_a_second_batch_is_refused_and_takes_nothing_from_the_first(
    words: list[str], option: str, look: str, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "one.csv").write_text(f"{FIVE_FAULTS.splitlines()[0]}\n./model,1,A,text_gen,,\n", encoding="utf-8")
    first = Ledger(tmp_path / "results")
    first.open()
    with lock_output(first.output_directory, option=option):
        done = program(*words, str(first.output_directory), "--executor", "local", folder=tmp_path)
    assert done.returncode == 3
    assert "Wait for it to end" in done.stderr
    assert look in done.stderr
    assert (first.output_directory / ".reserve").exists(), "the room for records of failures"


@pytest.mark.parametrize("command", ["list", "validate"])
def test_a_sheet_may_be_named_without_an_option(command: str, tmp_path: Path) -> None:
    sheet = tmp_path / "mine.csv"
    sheet.write_text(f"{FIVE_FAULTS.splitlines()[0]}\nopenai-community/gpt2,1,A,text_gen,,\n", encoding="utf-8")
    done = program(command, str(sheet))
    assert done.returncode == 0, done.stderr
    assert "1 row," in done.stdout + done.stderr
    both = program(command, str(sheet), "--csv", "other.csv")
    assert both.returncode == 2
    assert "name two spreadsheets. Use one of them." in both.stderr


def test_an_option_that_a_command_does_not_take_is_named_as_it_is_typed() -> None:
    done = program("-n", "3", "--fail-fast", "status")
    assert done.returncode == 2
    assert "'status' does not take --fail-fast, --num-prompts." in done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("lst", "Did you mean 'list'?"),
        ("Validate", "Did you mean 'validate'?"),
        ("leaderbord", "Did you mean 'leaderboard'?"),
        ("xyzzy", "The commands are aggregate, bundle, "),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(typed: str, said: str) -> None:
    done = program(typed)
    assert done.returncode == 2
    assert f"No such command {typed!r}. {said}" in done.stderr


def test_the_requirement_files_name_extras_that_there_are() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for file in ("requirements.txt", "requirements-dev.txt"):
        named = re.findall(r"\[([\w,]+)\]", (ROOT / file).read_text(encoding="utf-8"))
        assert named
        assert {extra for names in named for extra in names.split(",")} <= set(extras)
