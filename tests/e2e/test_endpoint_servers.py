"""Batches against real servers: ``transformers serve`` by default, vLLM where ENERGY_SCORE_VLLM names its program."""

import contextlib
import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from energy_score.contract.run_report import RunReport
from tests.e2e.conftest import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.stand_in_server import unused_port

pytestmark = [pytest.mark.e2e, pytest.mark.endpoint]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROMPTS = ("What is energy?", "How many joules are in a watt-hour?", "What does a meter measure?")
TRANSFORMERS = Path(sys.executable).parent / "transformers"
VLLM = os.environ.get("ENERGY_SCORE_VLLM")
# The CPU build, without compilation: what is looked at is the interface.
VLLM_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_NO_USAGE_STATS": "1",
}  # fmt: skip
QWEN3, BASE, GPT_OSS = "tiny/Qwen3-tiny", "tiny/base-tiny", "tiny/gpt-oss-tiny"


@dataclass(frozen=True)
class Workshop:
    """A folder with a model cache, in which batches are run."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"HF_HOME": str(self.folder / "hub"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        return os.environ | VLLM_ENVIRONMENT | own

    def add_model(self, name: str, files: Path) -> None:
        """Lay ``files`` out as the cache of a Hub model has them."""
        cached = self.folder / "hub" / "hub" / f"models--{name.replace('/', '--')}"
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text(COMMIT)
        shutil.copytree(files, cached / "snapshots" / COMMIT)

    def run(self, output: Path, rows: list[str], *options: str) -> dict[str, RunReport]:
        """The reports of a batch, in which every row was done, by run directory."""
        sheet = output / "models.csv"
        output.mkdir(parents=True, exist_ok=True)
        sheet.write_text(
            "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n"
            + "".join(f"{model},1,A,text_gen,{rest}\n" for model, rest in (row.split(",", 1) for row in rows))
        )
        (output / "prompts.txt").write_text("\n".join(PROMPTS))
        done = subprocess.run(
            [sys.executable, str(ROOT / "batch_runner.py"), "--executor", "local", "--backend", "vllm",
             "--csv", str(sheet), "--prompts-file", str(output / "prompts.txt"), "--protocol", "quick", "--warmup", "1",
             "--max-new-tokens-on", "24", "--dtype", "float32", "--output-dir", str(output), *options],
            check=False, capture_output=True, text=True, env=self.environment, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with (output / "master_results.csv").open(newline="") as stream:
            table = list(csv.DictReader(stream))
        assert [row["error_message"] for row in table] == [""] * len(rows)
        return {path.parent.name: RunReport.read(path) for path in output.rglob("benchmark_report.json")}


@pytest.fixture(scope="module")
def workshop(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(tmp_path_factory.mktemp("endpoint"))
    for name in (QWEN3, BASE, GPT_OSS):
        made.add_model(name, tiny_models / name.partition("/")[2])
    return made


@pytest.fixture(scope="module")
def serving() -> None:
    absent = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
    if absent or not TRANSFORMERS.exists():
        pytest.skip(f"transformers[serving] is not installed: {', '.join(absent) or TRANSFORMERS.name} is missing")


@pytest.fixture(scope="module")
def transformers_serve(workshop: Workshop, serving: None) -> Iterator[str]:
    """The address of a real ``transformers serve``."""
    port = unused_port()
    address = f"http://127.0.0.1:{port}/v1"
    log = (workshop.folder / "server.log").open("wb")
    server = subprocess.Popen(
        [str(TRANSFORMERS), "serve", "--host", "127.0.0.1", "--port", str(port)],
        env=workshop.environment, stdout=log, stderr=subprocess.STDOUT, cwd=workshop.folder,
    )  # fmt: skip
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s and server.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/models", timeout=PATIENCE_S):  # noqa: S310
                break
            time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        log.close()


def codes(report: RunReport) -> set[str]:
    return {reason.code for reason in report.verdict.reasons}


def query_rows(output: Path, name: str) -> list[dict[str, Any]]:
    with (output / "individual_runs" / name / "benchmark_results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_batch_runs_on_transformers_serve(workshop: Workshop, transformers_serve: str, tmp_path: Path) -> None:
    rows = [f"{QWEN3},On,enable_thinking=True", f"{QWEN3},Off,enable_thinking=False", f"{BASE},Off (N/A),"]
    reports = workshop.run(tmp_path, rows, "--endpoint", transformers_serve)
    on, off, base = (reports[f"tiny_{name}"] for name in ("Qwen3-tiny_On", "Qwen3-tiny_Off", "base-tiny_Off_N_A"))
    # The empty think block of Off is the template's, so it is the prompt that grows: 6 tokens a query.
    assert off.tokens.prompt == (on.tokens.prompt or 0) + 6 * len(PROMPTS)
    assert (off.tokens.completion, base.tokens.completion) == (10 * len(PROMPTS), 10 * len(PROMPTS))
    assert [(report.server.interface if report.server else None) for report in (on, off, base)] == [
        "chat", "chat", "completions",
    ]  # fmt: skip
    for report in reports.values():
        assert report.server is not None
        assert (report.server.name, report.server.counted) == ("transformers serve", None)
        # One prefill pass of one token each, and one full pass.
        assert report.server.received.prompt == 2 * (report.tokens.prompt or 0)
        assert report.server.received.completion == (report.tokens.completion or 0) + len(PROMPTS)
        assert {"length_not_enforced", "prefix_caching_unknown", "server_work_unchecked"} <= codes(report)
        assert report.queries.mean_time_to_first_token_s is not None
        assert 0 < report.queries.mean_time_to_first_token_s < (report.queries.mean_latency_s or 0)


def test_the_rows_of_a_server_have_the_tokens_that_the_model_has_on_the_local_device(
    workshop: Workshop, transformers_serve: str, tiny_models: Path, tmp_path: Path
) -> None:
    workshop.run(tmp_path, [f"{QWEN3},Off,enable_thinking=False"], "--endpoint", transformers_serve)
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_models / "Qwen3-tiny")
    expected = [
        len(tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True,
                                          enable_thinking=False, return_dict=True)["input_ids"])
        for text in PROMPTS
    ]  # fmt: skip
    assert [int(row["prompt_tokens"]) for row in query_rows(tmp_path, "tiny_Qwen3-tiny_Off")] == expected


def token_counts(output: Path, name: str) -> list[tuple[str, str]]:
    return [(row["prompt_tokens"], row["completion_tokens"]) for row in query_rows(output, name)]


def test_the_three_backends_count_the_same_tokens_of_every_query(
    workshop: Workshop, transformers_serve: str, optimum_environment: Path, tmp_path: Path
) -> None:
    rows = [f"{QWEN3},Off,enable_thinking=False"]
    for backend in ("pytorch", "optimum", "vllm"):  # the endpoint is one that only the last looks at
        workshop.run(tmp_path / backend, rows, "--backend", backend, "--endpoint", transformers_serve)
    counts = {name: token_counts(tmp_path / name, "tiny_Qwen3-tiny_Off") for name in ("pytorch", "optimum", "vllm")}
    assert counts["pytorch"] == counts["optimum"] == counts["vllm"]
    assert [completion for _, completion in counts["pytorch"]] == ["10"] * len(PROMPTS)


def test_one_command_runs_a_sheet_of_three_rows_on_a_server_of_its_own_for_each(
    workshop: Workshop, serving: None, tmp_path: Path
) -> None:
    rows = [f"{QWEN3},On,enable_thinking=True", f"{QWEN3},Off,enable_thinking=False", f"{BASE},Off (N/A),"]
    command = f"'{TRANSFORMERS}' serve --host 127.0.0.1 --port {{port}} --dtype {{dtype}}"
    reports = workshop.run(tmp_path, rows, "--managed", "--server-command", command)
    assert len(reports) == len(rows)
    ports = []
    for report in reports.values():
        assert report.server is not None
        assert report.server.managed
        assert any(window.phase == "load" for window in report.phases)
        ports.append(report.server.address.rpartition(":")[2].removesuffix("/v1"))
    left = [process for process in psutil.process_iter(["cmdline"]) if {*ports} & {*(process.info["cmdline"] or [])}]
    assert not left
    for log in (tmp_path / "logs").glob("*.log"):
        words = log.read_text()
        assert "server ready" in words
        assert "server stopped" in words
    with (tmp_path / "master_results.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["server"].startswith("transformers serve") for row in table] == [True] * len(rows)
    assert [row["concurrency"] for row in table] == ["1"] * len(rows)


@pytest.mark.skipif(VLLM is None, reason="ENERGY_SCORE_VLLM does not name a vllm program")
@pytest.mark.timeout(3 * PATIENCE_S)  # several servers one after another
class TestVllm:
    """A real vLLM, started by managed mode for each row: a minute a row on two cores."""

    @staticmethod
    def command(*more: str) -> str:
        return " ".join((
            f"'{VLLM}' serve {{model}} --host 127.0.0.1 --port {{port}} --served-model-name {{name}} --dtype {{dtype}}",
            "--max-model-len 1024 --enforce-eager", *(more or ("--no-enable-prefix-caching",)),
        ))  # fmt: skip

    def run(self, workshop: Workshop, output: Path, rows: list[str], *more: str) -> list[RunReport]:
        reports = workshop.run(output, rows, "--managed", "--server-command", self.command(*more))
        return [reports[name] for name in sorted(reports)]

    def test_tokens_are_exact_and_equal_the_servers_counters(self, workshop: Workshop, tmp_path: Path) -> None:
        rows = [f"{QWEN3},On,enable_thinking=True", f"{QWEN3},Off,enable_thinking=False", f"{BASE},Off (N/A),"]
        off, on, base = self.run(workshop, tmp_path, rows)
        assert off.tokens.prompt == (on.tokens.prompt or 0) + 6 * len(PROMPTS)
        for report in (base, off, on):
            assert report.server is not None
            assert (report.server.name, report.server.prefix_caching) == ("vllm", False)
            assert report.server.counted == report.server.received
            assert not codes(report) & {"server_did_other_work", "server_work_unchecked", "prefix_caching_unknown"}
            assert not report.server.notes or report is base
        assert (off.tokens.completion_min, off.tokens.completion_max) == (10, 10)
        assert base.server is not None
        assert (base.server.interface, base.server.interface_guessed) == ("completions", False)

    def test_pytorch_and_optimum_count_the_tokens_that_it_counts(
        self, workshop: Workshop, optimum_environment: Path, tmp_path: Path
    ) -> None:
        rows = [f"{QWEN3},Off,enable_thinking=False", f"{BASE},Off (N/A),"]
        self.run(workshop, tmp_path / "vllm", rows)
        for backend in ("pytorch", "optimum"):
            workshop.run(tmp_path / backend, rows, "--backend", backend)
            for name in ("tiny_Qwen3-tiny_Off", "tiny_base-tiny_Off_N_A"):
                assert token_counts(tmp_path / backend, name) == token_counts(tmp_path / "vllm", name)

    def test_prefix_caching_is_seen(self, workshop: Workshop, tmp_path: Path) -> None:
        rows = [f"{QWEN3},Off,enable_thinking=False"]
        (report,) = self.run(workshop, tmp_path, rows, "--enable-prefix-caching")
        assert "prefix_caching" in codes(report)

    def test_the_efforts_of_gpt_oss_differ_in_the_prompt(self, workshop: Workshop, tmp_path: Path) -> None:
        files = tmp_path / "gpt-oss"
        shutil.copytree(workshop.folder / "hub/hub/models--tiny--gpt-oss-tiny/snapshots" / COMMIT, files)
        config = json.loads((files / "config.json").read_text())
        # The server renders Harmony itself, with the ids of the real vocabulary.
        yarn = {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "truncate": False, "original_max_position_embeddings": 64}  # fmt: skip
        wide = {"vocab_size": 201088, "eos_token_id": 200002, "rope_parameters": yarn}
        (files / "config.json").write_text(json.dumps(config | wide))
        (files / "model.safetensors").unlink()
        workshop.add_model("tiny/gpt-oss-wide", files)
        rows = [f"tiny/gpt-oss-wide,On ({effort}),reasoning_effort: {effort.lower()}" for effort in ("High", "Medium")]
        reports = self.run(workshop, tmp_path, rows, "--no-enable-prefix-caching", "--load-format", "dummy")
        # An effort is one token, so the counts are equal; that each changes the prompt was seen when it was loaded.
        for report in reports:
            assert report.server is not None
            assert report.server.counted == report.server.received
            assert report.server.notes == ()
