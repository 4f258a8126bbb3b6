"""From the spreadsheet to the results table, by the program as a user starts it."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.contract.run_report import RunReport
from energy_score.reports.results_table.result_row import DOCUMENTED_COLUMNS
from examples.demo import PROMPTS
from tests.e2e.conftest import ROOT, DemoBatch, Workplace, manifest_of_a_bundle

pytestmark = pytest.mark.e2e

RUNS = {
    "models_Qwen3-tiny_On": "On",
    "models_Qwen3-tiny_Off": "Off",
    "models_gpt-oss-tiny_On_High": "On (High)",
    "models_gpt-oss-tiny_On_Low": "On (Low)",
    "models_gpt-oss-tiny_Off_N_A": "Off (N/A)",
    "models_base-tiny_Off_N_A": "Off (N/A)",
}


def rows_of(output: Path) -> list[dict[str, str]]:
    with (output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def first_prompt(demo: DemoBatch, name: str) -> str:
    with (demo.output / "individual_runs" / name / "texts.jsonl").open(encoding="utf-8") as stream:
        return str(json.loads(stream.readline())["prompt"])


def test_every_row_ends_with_a_result(demo: DemoBatch) -> None:
    assert demo.first_run.returncode == 0, demo.first_run.stderr
    rows = rows_of(demo.output)
    assert sorted(row["reasoning_state"] for row in rows) == sorted(RUNS.values())
    assert {row["error_message"] for row in rows} == {""}
    assert {row["successful_prompts"] for row in rows} == {str(demo.prompt_count)}


def test_the_documented_columns_come_first(demo: DemoBatch) -> None:
    with (demo.output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        header = next(csv.reader(stream))
    assert tuple(header[:19]) == DOCUMENTED_COLUMNS


def test_off_rows_have_exactly_ten_new_tokens_per_query(demo: DemoBatch) -> None:
    for name, state in RUNS.items():
        with (demo.output / "individual_runs" / name / "benchmark_results.csv").open(newline="") as stream:
            tokens = {int(row["completion_tokens"]) for row in csv.DictReader(stream)}
        if state.startswith("Off"):
            assert tokens == {10}, name
        else:
            assert max(tokens) > 10, name


def test_on_rows_of_a_model_send_another_prompt_than_off_rows(demo: DemoBatch) -> None:
    on, off = (first_prompt(demo, f"models_Qwen3-tiny_{state}") for state in ("On", "Off"))
    assert "<think>" not in on
    assert off.endswith("<think>\n\n</think>\n\n")
    efforts = [first_prompt(demo, f"models_gpt-oss-tiny_{state}") for state in ("On_High", "On_Low", "Off_N_A")]
    assert [prompt.partition("Reasoning: ")[2].partition("<")[0] for prompt in efforts] == ["high", "low", "medium"]


def test_a_model_without_template_gets_the_raw_prompt(demo: DemoBatch) -> None:
    assert first_prompt(demo, "models_base-tiny_Off_N_A") == "What is energy?"


def test_cpu_energy_never_stands_in_a_gpu_column(demo: DemoBatch) -> None:
    for row in rows_of(demo.output):
        if row["energy_source"]:
            pytest.skip("this machine has a GPU meter")
        assert row["energy_status"] == "unmeasured"
        assert row["rateable"] == "false"
        assert {row[column] for column in ("gpu_energy_wh", "co2_emissions_g", "tokens_per_joule", "decode_wh")} == {""}
        assert float(row["cpu_energy_wh"]) > 0
        assert row["cpu_energy_source"] in ("estimate", "rapl")
        assert not (demo.output / "individual_runs" / "models_base-tiny_Off_N_A" / "GPU_ENERGY_WH.txt").exists()


def test_decode_is_the_full_pass_less_the_prefill_pass(demo: DemoBatch) -> None:
    for name in RUNS:
        report = RunReport.read(demo.output / "individual_runs" / name / "benchmark_report.json")
        windows = {window.phase: window for window in report.phases if window.domain == "cpu"}
        figures = {figure.phase: figure for figure in report.statistics if figure.domain == "cpu"}
        expected_j = (windows["full"].total_j or 0) - (windows["prefill"].total_j or 0)
        assert figures["decode"].mean_energy_j == pytest.approx(expected_j)
        assert windows["load"].counted is False


def test_the_table_is_rebuilt_to_the_same_bytes(demo: DemoBatch) -> None:
    table = demo.output / "master_results.csv"
    before = table.read_bytes()
    table.unlink()
    command = [sys.executable, str(ROOT / "batch_runner.py"), "aggregate", "--output-dir", str(demo.output)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(table)
    assert table.read_bytes() == before


def test_a_bundle_of_the_runs_is_verified_and_holds_no_prompts(demo: DemoBatch, tmp_path: Path) -> None:
    manifest = manifest_of_a_bundle(demo.output, tmp_path / "demo.zip")
    assert len(manifest.runs) == len(rows_of(demo.output))
    assert {run.wh_per_1000_queries for run in manifest.runs} == {None}
    assert {Path(left.path).name for left in manifest.left_out} == {"texts.jsonl"}
    # The first one is also the fixed question whose prompt each report shows.
    bundle = (tmp_path / "demo.zip").read_bytes()
    assert [prompt for prompt in PROMPTS.splitlines()[1:] if prompt.encode() in bundle] == []


def test_a_second_run_repeats_nothing(demo: DemoBatch) -> None:
    reports = sorted(demo.output.glob("individual_runs/*/benchmark_report.json"))
    before = {report: (report.stat().st_mtime_ns, report.read_bytes()) for report in reports}
    again = demo.again()
    assert again.returncode == 0
    assert "6 skipped" in again.stderr
    assert {report: (report.stat().st_mtime_ns, report.read_bytes()) for report in reports} == before
    assert not (demo.output / "aside").exists()


def test_standard_output_is_data_and_standard_error_is_progress(demo: DemoBatch) -> None:
    lines = demo.first_run.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["model", "state", "outcome"]
    assert len(lines) == 1 + len(RUNS)
    assert "[6/6]" in demo.first_run.stderr
    assert "\x1b" not in demo.first_run.stderr + demo.first_run.stdout


def test_json_output_is_one_object_a_line(demo: DemoBatch) -> None:
    again = demo.again("--json", "--model-name", "Qwen3")
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "batch_started", "run_finished", "run_finished", "batch_finished",
    ]  # fmt: skip


def test_the_log_of_a_run_has_the_documented_line_format(demo: DemoBatch) -> None:
    logs = sorted((demo.output / "logs").glob("models_Qwen3-tiny_On_*.log"))
    assert len(logs) == 1
    for line in logs[0].read_text(encoding="utf-8").splitlines():
        assert line[0] == "["
        assert line[20:22] == "] "
        assert line[22:].split(":")[0] in ("INFO", "WARNING", "ERROR")


def test_gpu_energy_of_a_known_meter_comes_out_in_every_column(workplace: Workplace, tmp_path: Path) -> None:
    """A recorded meter gains 720 J in load, preprocess and prefill, and 2160 J in full; each window reads it twice."""
    counter_j = (0, 720, 720, 1440, 1440, 2160, 2160, 4320)
    readings = [{"time_s": float(n), "energy_j": {"GPU-r": float(energy_j)}} for n, energy_j in enumerate(counter_j)]
    gpu = {"uuid": "GPU-r", "name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559}
    recording = tmp_path / "meter.json"
    recording.write_text(json.dumps({"domain": "gpu", "gpus": [gpu], "readings": readings}))
    sheet = workplace.sheet("metered.csv", ["./models/base-tiny,Off (N/A),N/A"])
    done = workplace.run(sheet, tmp_path / "out", "--meter", f"replay:{recording}", "--region", "france")
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path / "out")
    total_wh = 2880 / 3600  # preprocess + full; the prefill pass is a witness of its own
    assert float(row["gpu_energy_wh"]) == pytest.approx(total_wh)
    assert float(row["wh_per_1000_queries"]) == pytest.approx(1000 * total_wh / 6)
    assert float(row["avg_energy_per_prompt_wh"]) == pytest.approx(total_wh / 6)
    assert float(row["tokens_per_joule"]) == pytest.approx(int(row["total_tokens"]) / 2880)
    assert float(row["co2_emissions_g"]) == pytest.approx(total_wh / 1000 * 56)
    assert float(row["prefill_wh"]) == pytest.approx(0.2)
    assert float(row["decode_wh"]) == pytest.approx(0.4)
    assert float(row["load_energy_wh"]) == pytest.approx(0.2)
    assert float(row["energy_per_output_token_j"]) == pytest.approx(2880 / int(row["total_completion_tokens"]))
    assert float(row["energy_per_input_token_j"]) == pytest.approx(720 / int(row["total_prompt_tokens"]))
    assert (row["energy_source"], row["energy_status"], row["rateable"]) == ("replay", "measured", "false")
    assert "not_a_gpu_measurement" in row["verdict_reasons"]
    assert "no_host_witness" not in row["verdict_reasons"]

    folder = tmp_path / "out" / "individual_runs" / "models_base-tiny_Off_N_A"
    assert (folder / "GPU_ENERGY_WH.txt").read_text() == "0.8000\n"
    summary = json.loads((folder / "GPU_ENERGY_SUMMARY.json").read_text())
    assert (summary["units"], summary["total"], summary["prefill_wh"]) == ("Wh", pytest.approx(0.8), pytest.approx(0.2))
    emissions = (folder / "emissions" / "emissions.csv").read_text().splitlines()
    assert "france,56.0" in emissions[1]
    assert "estimate" in emissions[1]


def test_a_hub_model_is_filed_with_the_commit_that_was_loaded(workplace: Workplace, tmp_path: Path) -> None:
    """A cache in huggingface_hub's layout; the requested branch name is not a revision."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hf" / "hub" / "models--tiny--Qwen3-tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(workplace.folder / "models" / "Qwen3-tiny", repository / "snapshots" / commit)
    sheet = workplace.sheet("hub_model.csv", ["tiny/Qwen3-tiny,Off,enable_thinking=False"])
    done = workplace.run(sheet, tmp_path / "out", HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path / "out")
    assert (row["model_name"], row["model_commit"], row["total_completion_tokens"]) == ("tiny/Qwen3-tiny", commit, "60")
