"""Whatever goes wrong in one row, the others complete, and the table has the reason."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Workplace
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

TWO_ROWS = ("./models/base-tiny,Off (N/A),N/A", "./models/Qwen3-tiny,Off,enable_thinking=False")


def rows_of(output: Path) -> dict[str, dict[str, str]]:
    with (output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        return {row["model_name"]: row for row in csv.DictReader(stream)}


def half_written(output: Path) -> list[Path]:
    return [path for path in output.rglob("*") if path.name.endswith(".tmp")]


def wait_for_engine(batch: "subprocess.Popen[str]", *, run: str, stage: str, output: Path) -> psutil.Process:
    """The engine process of the run whose directory is ``run``, once its log says that it reached ``stage``."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and batch.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(batch.pid).children():
                logs = list((output / "logs").glob(f"{run}*.log"))
                if run in " ".join(child.cmdline()) and logs and f"stage={stage}" in logs[0].read_text():
                    return child
        time.sleep(0.05)
    raise AssertionError(f"no engine of {run} reached {stage}: {batch.communicate()}")


def test_a_model_path_that_does_not_exist_fails_only_its_row(workplace: Workplace, tmp_path: Path) -> None:
    sheet = workplace.sheet("missing.csv", ["./models/nowhere,Off (N/A),N/A", TWO_ROWS[0]])
    done = workplace.run(sheet, tmp_path / "out")
    assert done.returncode == 1
    rows = rows_of(tmp_path / "out")
    assert "models/nowhere" in rows["./models/nowhere"]["error_message"]
    assert rows["./models/nowhere"]["total_tokens"] == ""
    assert rows["./models/base-tiny"]["error_message"] == ""


def test_a_folder_that_is_no_model_fails_with_the_loaders_words(workplace: Workplace, tmp_path: Path) -> None:
    (workplace.folder / "models" / "empty").mkdir(exist_ok=True)
    sheet = workplace.sheet("empty.csv", ["./models/empty,Off (N/A),N/A"])
    done = workplace.run(sheet, tmp_path / "out", "--no-preflight")
    assert done.returncode == 1
    assert rows_of(tmp_path / "out")["./models/empty"]["error_message"].startswith("load: ")


def test_a_killed_engine_fails_only_its_row_and_a_second_run_completes_it(workplace: Workplace, tmp_path: Path) -> None:
    output = tmp_path / "out"
    batch = workplace.start(workplace.sheet("killed.csv", TWO_ROWS), output)
    wait_for_engine(batch, run="models_base-tiny", stage="load", output=output).kill()
    batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    rows = rows_of(output)
    assert "SIGKILL" in rows["./models/base-tiny"]["error_message"]
    assert rows["./models/Qwen3-tiny"]["error_message"] == ""
    failure = json.loads((output / "individual_runs/models_base-tiny_Off_N_A/run_failure.json").read_text())
    assert failure["exit_code"] == -signal.SIGKILL
    assert "stage=load" in failure["log_tail"]
    assert not half_written(output)

    again = workplace.run(workplace.folder / "killed.csv", output)
    assert again.returncode == 0
    assert "1 done, 1 skipped" in again.stderr
    assert len(list((output / "aside").iterdir())) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_exits_130_and_goes_on_later(
    workplace: Workplace, tmp_path: Path, signal_number: signal.Signals
) -> None:
    output = tmp_path / "out"
    sheet = workplace.sheet("interrupted.csv", TWO_ROWS[:1])
    batch = workplace.start(sheet, output)
    engine = wait_for_engine(batch, run="models_base-tiny", stage="load", output=output)
    batch.send_signal(signal_number)
    _, progress = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 130
    assert "interrupted" in progress
    assert not engine.is_running()
    assert "interrupted" in rows_of(output)["./models/base-tiny"]["error_message"]
    assert workplace.run(sheet, output).returncode == 0


def test_an_engine_never_outlives_its_batch(workplace: Workplace, tmp_path: Path) -> None:
    batch = workplace.start(workplace.sheet("orphan.csv", TWO_ROWS[:1]), tmp_path / "out")
    engine = wait_for_engine(batch, run="models_base-tiny", stage="load", output=tmp_path / "out")
    batch.kill()
    batch.communicate()
    _, alive = psutil.wait_procs([engine], timeout=PATIENCE_S)
    assert not alive


def test_a_run_past_its_timeout_is_stopped_and_says_so(workplace: Workplace, tmp_path: Path) -> None:
    done = workplace.run(workplace.sheet("slow.csv", TWO_ROWS[:1]), tmp_path / "out", "--timeout", "1")
    assert done.returncode == 1
    message = rows_of(tmp_path / "out")["./models/base-tiny"]["error_message"]
    assert "timed out after 1 s" in message


def test_on_a_full_disk_no_row_is_lost_and_nothing_is_half_written(workplace: Workplace, small_disk: Path) -> None:
    output = small_disk / "out"
    sheet = workplace.sheet("full.csv", [*TWO_ROWS, "./models/gpt-oss-tiny,Off (N/A),N/A"])
    batch = workplace.start(sheet, output)
    # The first row has room; then something else fills the disk to the last byte while the second one runs.
    wait_for_engine(batch, run="models_Qwen3-tiny", stage="load", output=output)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 4096)
    _, progress = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1, progress
    rows = rows_of(output)
    assert rows["./models/base-tiny"]["error_message"] == ""
    assert "No space left on device" in rows["./models/Qwen3-tiny"]["error_message"]
    assert "disk full" in rows["./models/gpt-oss-tiny"]["error_message"]
    assert not half_written(output)

    filler.unlink()
    again = workplace.run(sheet, output)
    assert again.returncode == 0, again.stderr
    assert {row["error_message"] for row in rows_of(output).values()} == {""}


def test_an_output_directory_that_cannot_be_made_is_an_environment_fault(workplace: Workplace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = workplace.run(workplace.sheet("nodir.csv", TWO_ROWS[:1]), tmp_path / "file" / "out")
    assert done.returncode == 3
    assert "--output-dir" in done.stderr


def test_prompts_that_cannot_be_read_fail_the_row_at_the_data_stage(workplace: Workplace, tmp_path: Path) -> None:
    broken = tmp_path / "prompts.jsonl"
    broken.write_text("{not json}\n")
    sheet = workplace.sheet("broken.csv", TWO_ROWS[:1])
    done = workplace.run(sheet, tmp_path / "out", "--prompts-file", str(broken))
    assert done.returncode == 1
    assert rows_of(tmp_path / "out")["./models/base-tiny"]["error_message"].startswith("data: ")


def test_without_the_hub_a_hub_data_set_fails_once_it_was_asked_and_names_the_way_out(
    workplace: Workplace, tmp_path: Path
) -> None:
    sheet = workplace.sheet("hub.csv", TWO_ROWS[:1])
    command = workplace.command(sheet, tmp_path / "out")
    position = command.index("--prompts-file")
    del command[position : position + 2]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    # A silent address on this machine is used as the Hub.
    environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
    assert done.returncode == 1
    (log,) = (tmp_path / "out" / "logs").glob("*.log")
    assert "hub not reachable" in log.read_text()  # asked once: the libraries would wait for half a minute
    assert "--prompts-file" in rows_of(tmp_path / "out")["./models/base-tiny"]["error_message"]
