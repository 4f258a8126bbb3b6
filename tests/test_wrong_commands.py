"""Facts about wrong commands: each ends with its exit code and a message that says what to do, and nothing is written."""

import shlex
import shutil
from pathlib import Path

import pytest

from energy_score.reports.results_table.result_row import ResultRow
from tests.support.command_line import ROOT, program

# Exit code, what is typed, and what the message says. A batch is typed with --dry-run, so that a right one does nothing.
WRONG = [
    (2, "lst", "No such command 'lst'. Did you mean 'list'?"),
    (2, "Validate", "No such command 'Validate'. Did you mean 'validate'?"),
    (2, "models.csv", "No such command 'models.csv'. To run a spreadsheet: batch_runner.py --csv models.csv"),
    (2, "sheet.xlsx", "No such command 'sheet.xlsx'. To run a spreadsheet: batch_runner.py --csv sheet.xlsx"),
    (
        2,
        "openai/gpt-oss-20b",
        "No such command 'openai/gpt-oss-20b'. To run one model: batch_runner.py run openai/gpt-oss-20b",
    ),
    (
        2,
        "backend.model=openai/gpt-oss-20b",
        "backend.model=openai/gpt-oss-20b: key=value arguments describe one model, and a batch selects rows of a spreadsheet. Use --model-name openai/gpt-oss-2",
    ),
    (2, "help", "No such command 'help'. Use batch_runner.py --help, or batch_runner.py COMMAND --help."),
    (2, "--halp", "No such option '--halp'. Did you mean '--help'?"),
    (2, "--model gpt", "No such option '--model'. (Did you mean one of: '--help', '--model-name'?)"),
    (2, "--modelname gpt", "No such option '--modelname'. (Did you mean one of: '--managed', '--model-name'?)"),
    (2, "--class D", "Invalid value for '--class': 'D' is not a class. Use A, B or C."),
    (2, "--class", "Invalid value for '--class': '--dry-run' is not a class. Use A, B or C."),
    (
        2,
        "--num-prompts 0",
        "Invalid value for '--num-prompts' / '-n' / '--num-samples': 0 is out of range. Use a whole number, 1 or more.",
    ),
    (
        2,
        "--num-prompts x",
        "Invalid value for '--num-prompts' / '-n' / '--num-samples': 'x' is not a whole number. Use a whole number, 1 or more.",
    ),
    (
        2,
        "-n -1",
        "Invalid value for '--num-prompts' / '-n' / '--num-samples': -1 is out of range. Use a whole number, 1 or more.",
    ),
    (
        2,
        "--num_prompts 3",
        "No such option '--num_prompts'. (Did you mean one of: '--num-prompts', '--num-samples', '--prompts-file'?)",
    ),
    (2, "--csv missing.csv", "missing.csv: cannot be read: No such file or directory. Name a models spreadsheet (CSV)"),
    (2, "--csv empty", "empty: cannot be read: Is a directory. Name a models spreadsheet (CSV)"),
    (
        2,
        "--csv file.txt",
        "file.txt:1: file: not a models spreadsheet (expected a header with Models to Add, Priority (1=hi), Class, Task, Reasoning State, Chat Template)",
    ),
    (
        2,
        "--csv x.csv",
        "x.csv:1: file: not a models spreadsheet (expected a header with Models to Add, Priority (1=hi), Class, Task, Reasoning State, Chat Template)",
    ),
    (2, "--output-dir file.txt", "Invalid value for '--output-dir': Directory 'file.txt' is a file."),
    (2, "--backend tensorrt", "unknown --backend 'tensorrt' (expected one of: pytorch, vllm, optimum)"),
    (
        2,
        "--backend vllm --endpoint ftp://x",
        "--endpoint ftp://x: not an http:// or https:// address (expected http://HOST:PORT/v1 or https://HOST:PORT/v1)",
    ),
    (2, "--protocol fast", "Invalid value for '--protocol': 'fast' is not one of 'quick', 'official'."),
    (
        2,
        "--repeats 0",
        "Invalid value for '--repeats': '0' is not a number of repeats. Use a whole number, 1 or more, or auto.",
    ),
    (
        2,
        "--repeats many",
        "Invalid value for '--repeats': 'many' is not a number of repeats. Use a whole number, 1 or more, or auto.",
    ),
    (2, "--ci 1", "Invalid value for '--ci': '1' is not between 0 and 1. Use a percentage (1%) or a fraction (0.01)."),
    (2, "--ci 0", "Invalid value for '--ci': '0' is not between 0 and 1. Use a percentage (1%) or a fraction (0.01)."),
    (2, "--meter gpu", "--meter 'gpu' is not one of auto, none, nvml, nvml-power, rapl, estimate, replay:FILE"),
    (2, "--meter replay", "--meter 'replay' is not one of auto, none, nvml, nvml-power, rapl, estimate, replay:FILE"),
    (2, "--seed -1", "Invalid value for '--seed': -1 is out of range. Use a whole number, 0 or more."),
    (2, "--seed 1.5", "Invalid value for '--seed': '1.5' is not a whole number. Use a whole number, 0 or more."),
    (2, "--warmup -1", "Invalid value for '--warmup': -1 is out of range. Use a whole number, 0 or more."),
    (2, "--region mars", "unknown region 'mars' (expected one of: world, usa, france, china, gas_turbine)"),
    (2, "--dtype int8", "Invalid value for '--dtype': 'int8' is not one of 'float32', 'float16', 'bfloat16'."),
    (
        2,
        "--prompts-file missing.csv",
        "--prompts-file missing.csv: cannot be read: No such file or directory (expected a CSV, JSON, JSONL, Parquet or text file, or a folder of images or aud",
    ),
    (2, "--dataset a/b --prompts-file x.csv", "--prompts-file and --dataset name two sources of prompts"),
    (2, "--executor podman", "Invalid value for '--executor': 'podman' is not one of docker, local, slurm, ray"),
    (2, "--executor k8s", "Invalid value for '--executor': 'k8s' is not one of docker, local, slurm, ray"),
    (2, "--slurm-arg=-pgpu", "--slurm-arg has a meaning only with --executor slurm"),
    (2, "--ray-address 1.2.3.4:6", "--ray-address has a meaning only with --executor ray"),
    (2, "--node-gpus 2", "--node-gpus has a meaning only with --executor slurm or ray"),
    (
        2,
        "--executor slurm --jobs 2",
        "--jobs with --executor slurm: the cluster says what runs when, on which GPUs, and takes up what a lost node left; valid without, or with --executor do",
    ),
    (2, "--jobs 0", "Invalid value for '--jobs': 0 is out of range. Use a whole number, 1 or more."),
    (2, "--retry -1", "Invalid value for '--retry': -1 is out of range. Use a whole number, 0 or more."),
    (2, "--timeout 0", "Invalid value for '--timeout': 0 is out of range. Use a number, 1 or more."),
    (2, "--timeout nan", "Invalid value for '--timeout': nan is out of range. Use a number, 1 or more."),
    (
        2,
        "--memory lots",
        "Invalid value for '--memory': 'lots' is not a size. Use a number with b, k, m or g, such as 48g.",
    ),
    (2, "--only-new missing.csv", "--only-new missing.csv"),
    (
        2,
        "--only-new x.csv",
        "--only-new x.csv: missing column model_name or model (expected an earlier master_results.csv, a leaderboard.csv, or a cohort snapshot in .json format;",
    ),
    (2, "--concurrency 0", "Invalid value for '--concurrency': 0 is out of range. Use a whole number, 1 or more."),
    (2, "--concurrency 2", "--concurrency 2 has no effect with --backend pytorch. Use it with --backend vllm."),
    (2, "--managed", "--managed has no effect with --backend pytorch. Use it with --backend vllm."),
    (2, "--server-command foo", "--server-command has no effect with --backend pytorch. Use it with --backend vllm."),
    (2, "--request-timeout 0", "Invalid value for '--request-timeout': 0 is out of range. Use a number, 0.1 or more."),
    (2, "--meter-gpu 0", "--meter-gpu has no effect with --backend pytorch. Use it with --backend vllm."),
    (4, "--model-name nobody", "none of the 60 rows in models.csv match --model-name 'nobody'"),
    (
        4,
        "--task text-gen",
        "none of the 60 rows in models.csv match --task 'text-gen'; the sheet has tasks: image_gen, text_gen",
    ),
    (4, "--task foo", "none of the 60 rows in models.csv match --task 'foo'; the sheet has tasks: image_gen, text_gen"),
    (
        4,
        "--class A --task foo",
        "none of the 60 rows in models.csv match --class 'A' and --task 'foo'; the sheet has tasks: image_gen, text_gen; classes: A, B, C",
    ),
    (
        4,
        "--reasoning-state maybe",
        "none of the 60 rows in models.csv match --reasoning-state 'maybe'; the sheet has reasoning states: Off, Off (N/A), On, On (High), On (Low), On (Medium",
    ),
    (
        4,
        "--exact --task text",
        "none of the 60 rows in models.csv match --task 'text' (exactly); the sheet has tasks: image_gen, text_gen",
    ),
    (2, "--num-prompts 3 status", "'status' does not take --num-prompts. Its options: status --help"),
    (2, "--fail-fast list", "'list' does not take --fail-fast. Its options: list --help"),
    (
        2,
        "run --model models.csv",
        "models.csv is a spreadsheet, not a model. To run it: batch_runner.py --csv models.csv",
    ),
    (2, "run ./x.csv", "./x.csv is a spreadsheet, not a model. To run it: batch_runner.py --csv ./x.csv"),
    (
        2,
        "-n 5.5",
        "Invalid value for '--num-prompts' / '-n' / '--num-samples': '5.5' is not a whole number. Use a whole number, 1 or more.",
    ),
    (2, "--gpu-wait -5", "Invalid value for '--gpu-wait': -5 is out of range. Use a number, 0 or more."),
    (
        2,
        "--repeats 1.5",
        "Invalid value for '--repeats': '1.5' is not a number of repeats. Use a whole number, 1 or more, or auto.",
    ),
    (
        2,
        "--ci 101%",
        "Invalid value for '--ci': '101%' is not between 0 and 1. Use a percentage (1%) or a fraction (0.01).",
    ),
    (2, "--retry x", "Invalid value for '--retry': 'x' is not a whole number. Use a whole number, 0 or more."),
    (2, "help list", "No such command 'help'. Use batch_runner.py --help, or batch_runner.py COMMAND --help."),
    (2, "leaderbord", "No such command 'leaderbord'. Did you mean 'leaderboard'?"),
    (2, "statuss", "No such command 'statuss'. Did you mean 'status'?"),
    (2, "--timeout 5 rate", "'rate' does not take --timeout. Its options: rate --help"),
    (2, "status --json extra words", "Got unexpected extra argument (words)"),
    (
        4,
        "status nowhere",
        "no batch has run in nowhere: nowhere/batch_status.json: cannot be read: No such file or directory",
    ),
    (
        4,
        "status --output-dir nowhere",
        "no batch has run in nowhere: nowhere/batch_status.json: cannot be read: No such file or directory",
    ),
    (
        4,
        "watch nowhere",
        "no batch has run in nowhere: nowhere/batch_status.json: cannot be read: No such file or directory",
    ),
    (2, "aggregate nowhere", "nowhere: no batch has run here (no individual_runs). Name a batch's output directory."),
    (2, "aggregate empty", "empty: no batch has run here (no individual_runs). Name a batch's output directory."),
    (2, "collect empty", "empty: no batch has run here (no individual_runs). Name a batch's output directory."),
    (2, "cancel empty", "empty: no batch has run here (no individual_runs). Name a batch's output directory."),
    (2, "list missing.csv", "missing.csv: cannot be read: No such file or directory. Name a models spreadsheet (CSV)"),
    (2, "list x.csv --csv models.csv", "x.csv and --csv models.csv name two spreadsheets. Use one of them."),
    (
        2,
        "validate missing.csv",
        "missing.csv: cannot be read: No such file or directory. Name a models spreadsheet (CSV)",
    ),
    (
        2,
        "validate x.csv",
        "x.csv:1: file: not a models spreadsheet (expected a header with Models to Add, Priority (1=hi), Class, Task, Reasoning State, Chat Template)",
    ),
    (2, "validate a b", "Got unexpected extra argument (b)"),
    (2, "preflight nobody/nothing --revision", "Option '--revision' requires an argument."),
    (1, "preflight ./missing", "1 row: 0 pass, 0 warn, 1 fail; 0 can run, 0 can be submitted"),
    (2, "preflight --model-name gpt ./empty", "--model-name and --exact select rows of a sheet"),
    (2, "sweep", "Missing argument 'MODEL'."),
    (2, "sweep ./missing", "./missing: no such folder. Name a folder with a model, or a Hub id (org/name)."),
    (2, "sweep a b", "Got unexpected extra argument (b)"),
    (2, "run", "backend.model is missing. Use backend.model=org/name (a Hub id), or backend.model=./name (a folder)."),
    (2, "run a b", "a and b are 2 models. Name one; --csv runs several."),
    (2, "run --model a/b c/d", "c/d and a/b are 2 models. Name one; --csv runs several."),
    (2, "run foo=bar", "unknown key 'foo'."),
    (2, "run backend.modle=a/b", "unknown key 'backend.modle'."),
    (
        2,
        "run a/b scenario.num_samples=x",
        "scenario.num_samples=x: not a number (expected a whole number from 1, or null for the whole dataset)",
    ),
    (2, "run a/b --config-name nothing", "unknown --config-name 'nothing'"),
    (
        2,
        "run a/b --multirun",
        "Hydra's own flags (--multirun, --config-path, --cfg and the like) are not supported. Use --config-name (-cn) and key=value.",
    ),
    (2, "run ./missing", "backend.model=./missing: no such folder:"),
    (2, "run models.csv", "models.csv is a spreadsheet, not a model. To run it: batch_runner.py --csv models.csv"),
    (
        2,
        "rate --results nowhere",
        "nowhere: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "rate --results empty",
        "empty: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "rate --results models.csv",
        "models.csv: this is a models spreadsheet, not results. Name a batch's output directory or its master_results.csv; a spreadsheet is looked at with 'lis",
    ),
    (
        2,
        "rate --against nothing",
        "batch_results: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "list results.csv",
        "results.csv:1: file: this is a results table, not a models spreadsheet. Look at it with 'rate' or 'compare'.",
    ),
    (
        2,
        "preflight models.csv",
        "models.csv is a spreadsheet, not a model. To check its rows: batch_runner.py preflight --csv models.csv",
    ),
    (2, "modes models.csv", "models.csv is a spreadsheet, not a model."),
    (2, "sweep models.csv", "models.csv is a spreadsheet, not a model."),
    (
        4,
        "impact --queries-per-year 1e9 --results results.csv --model-name zzz",
        "no model id in results.csv contains 'zzz'",
    ),
    (2, "rate --results file.txt", "file.txt: not a results table of this version: missing column model_name"),
    (2, "rate extra", "Got unexpected extra argument (extra)"),
    (2, "snapshot", "Missing argument 'FILE'."),
    (
        2,
        'snapshot --name "a b" x.json',
        "Invalid value for '--name': 'a b' is not a name. Use up to 64 letters, digits, dots, dashes and underscores.",
    ),
    (
        2,
        "snapshot --name a --issued yesterday x.json",
        "Invalid value for '--issued': 'yesterday' is not a date. Use a day (2026-11-24) or a month (2026-11).",
    ),
    (2, "drift", "Missing argument 'BEFORE'."),
    (
        2,
        "drift 2025-02 nothing",
        "no such snapshot: 'nothing' is neither a file nor published (expected a file or one of: 2025-02)",
    ),
    (
        2,
        "drift 2025-02 file.txt",
        "file.txt: file: Invalid JSON: expected value at line 1 column 1; expected a CohortSnapshot of this program's schema version",
    ),
    (
        2,
        "compare modes --results nowhere",
        "nowhere: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (2, "compare models a", "Missing argument 'SECOND'."),
    (
        2,
        "compare results a b",
        "a: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "compare results --threshold 3 empty empty",
        "Invalid value for '--threshold': '3' is not between 0 and 1. Use a percentage (1%) or a fraction (0.01).",
    ),
    (
        2,
        "leaderboard --results nowhere",
        "nowhere: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "leaderboard --site file.txt",
        "batch_results: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "label --results empty",
        "empty: no results found (expected a batch's output directory, with individual_runs in it, or a master_results.csv)",
    ),
    (
        2,
        "label --snapshot nothing",
        "no such snapshot: 'nothing' is neither a file nor published (expected a file or one of: 2025-02)",
    ),
    (4, "label --snapshot 2025-02 --model-name nobody", "none of 95 rated models has 'nobody' in its id"),
    (2, "impact", "Missing option '--queries-per-year'."),
    (
        2,
        "impact --queries-per-year -1",
        "Invalid value for '--queries-per-year': -1 is out of range. Use a number greater than 0.",
    ),
    (
        2,
        "impact --queries-per-year many",
        "Invalid value for '--queries-per-year': 'many' is not a number. Use a number greater than 0.",
    ),
    (
        2,
        "impact --queries-per-year 1e9 --region mars",
        "unknown region 'mars' (expected one of: world, eea, usa, china, france, gas_turbine)",
    ),
    (2, "impact --queries-per-year 1e9 --factor pue", "invalid factor 'pue' (expected NAME=NUMBER, such as pue=1.1)"),
    (2, "impact --queries-per-year 1e9 --factor foo=1", "unknown factor 'foo'"),
    (2, "refresh --site file.txt", "file.txt: already exists and was not made by this program. Choose a new name."),
    (
        2,
        "refresh --against nothing",
        "no such snapshot: 'nothing' is neither a file nor published (expected a file or one of: 2025-02)",
    ),
    (2, "bundle", "Missing argument 'FILE'."),
    (2, "bundle out.zip", "nothing was written. Read the attestation above, and add --i-attest if you agree."),
    (2, "bundle out.zip --i-attest --results nowhere", "nowhere: no runs there"),
    (2, "verify", "Missing argument 'FILE'."),
    (2, "verify missing.zip", "missing.zip: cannot be read: No such file or directory"),
    (2, "verify file.txt", "file.txt: refused: not a zip archive, or cut short: File is not a zip file"),
    (2, "doctor --csv missing.csv extra", "Got unexpected extra argument (extra)"),
    (2, "list --format xml", "Invalid value for '--format': 'xml' is not one of 'table', 'json', 'markdown', 'csv'."),
    (2, "rate --format html", "Invalid value for '--format': 'html' is not one of 'table', 'json', 'markdown', 'csv'."),
    (
        2,
        "compare modes --format yaml",
        "Invalid value for '--format': 'yaml' is not one of 'table', 'json', 'markdown', 'csv'.",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a models sheet, a table that is none, an empty folder and a text."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copy(ROOT / "models.csv", folder)
    (folder / "empty").mkdir()
    (folder / "file.txt").write_text("hello\n", encoding="utf-8")
    columns = ",".join(ResultRow.model_fields)
    (folder / "results.csv").write_text(f"{columns}\n", encoding="utf-8")
    (folder / "x.csv").write_text("prompt\nhi\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("code", "typed", "said"), WRONG, ids=[typed for _, typed, _ in WRONG])
def test_a_wrong_command_is_answered_with_what_to_do(code: int, typed: str, said: str, folder: Path) -> None:
    words = shlex.split(typed)
    before = sorted(folder.rglob("*"))
    done = program(*words, *(["--dry-run"] if words[0].startswith("-") else []), folder=folder)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before
