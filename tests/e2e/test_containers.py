"""Whole batches in containers, on the real engine and the real image: the same table, and every way to end."""

import csv
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from energy_score.host.executors.docker import RUN_LABEL
from tests.e2e.conftest import ROOT, DemoBatch, Workplace, accepts_gpu_requests
from tests.nvml_simulator.simulator import NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

BASE, QWEN = "./models/base-tiny,Off (N/A),N/A", "./models/Qwen3-tiny,Off,enable_thinking=False"
# What no two runs have in common, and what names the container.
OF_THE_RUN = {
    "total_duration_seconds", "avg_latency_seconds", "throughput_tokens_per_second", "timestamp", "cpu_energy_wh",
    "time_to_first_token_seconds", "inter_token_latency_p50_seconds", "inter_token_latency_p95_seconds",
    "inter_token_latency_p99_seconds", "run_id", "image", "spec_identity",
}  # fmt: skip
TOKEN = "hf_planted_for_this_test"  # noqa: S105 - no real one


def rows_of(output: Path) -> list[dict[str, str]]:
    with (output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def ours(engine: docker.DockerClient) -> list[Container]:
    return list(engine.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True))


def wait_for_container(engine: docker.DockerClient, batch: "subprocess.Popen[str]", run: str) -> Container:
    """The running container of the run whose directory is ``run``."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and batch.poll() is None:
        for container in ours(engine):
            if run in container.name and container.status == "running":
                return container
        time.sleep(0.05)
    raise AssertionError(f"no container of {run}: {batch.communicate()}")


@pytest.fixture
def stranger(engine: docker.DockerClient, image: str) -> Iterator[Container]:
    """A container that is none of ours, though its labels look a little like it."""
    container = engine.containers.run(
        image, ["-c", "import time; time.sleep(3600)"], entrypoint="python", detach=True, network_mode="none",
        labels={RUN_LABEL: "another batch's"},
    )  # fmt: skip
    yield container
    container.remove(force=True)


def test_the_demo_sheet_in_containers_gives_the_same_table(
    demo: DemoBatch, containers: Workplace, engine: docker.DockerClient, image: str, tmp_path: Path
) -> None:
    output = tmp_path / "--privileged out"
    done = containers.run(containers.folder / "models.csv", output, "--save-text")
    assert done.returncode == 0, done.stderr
    inside, outside = rows_of(output), rows_of(demo.output)
    assert len(inside) == 6
    for row, expected in zip(inside, outside, strict=True):
        assert {name for name in row if row[name] != expected[name]} <= OF_THE_RUN
        assert row["image"] == engine.images.get(image).id
    for texts in demo.output.glob("individual_runs/*/texts.jsonl"):
        assert (output / texts.relative_to(demo.output)).read_bytes() == texts.read_bytes()
    owned = {path.stat().st_uid for path in output.rglob("*")}
    assert owned == {os.getuid()}
    assert not ours(engine)

    again = containers.run(containers.folder / "models.csv", output, "--save-text")
    assert "6 skipped" in again.stderr


def test_optimum_benchmark_runs_in_the_images_second_environment(containers: Workplace, tmp_path: Path) -> None:
    done = containers.run(
        containers.sheet("optimum.csv", [QWEN]), tmp_path, "--backend", "optimum", "--dtype", "float32"
    )
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path)
    assert (row["backend"], row["total_completion_tokens"]) == ("optimum", str(10 * int(row["total_prompts"])))
    (report,) = tmp_path.glob("individual_runs/*/benchmark_report.json")
    assert json.loads(report.read_text())["optimum"]["versions"]["optimum-benchmark"] == "0.6.0"
    assert (report.parent / "optimum_benchmark" / "run_01_benchmark_report.json").exists()


# A server in the model's folder, which is all that a container sees of this machine.
SERVER = """
import sys, time
sys.path.insert(0, sys.argv[3])
from endpoint_server import Script, endpoint_server
with endpoint_server(Script(models=(sys.argv[2],)), port=int(sys.argv[1])):
    time.sleep(3600)
"""


def test_a_managed_server_runs_inside_the_runs_own_container(
    containers: Workplace, engine: docker.DockerClient, tmp_path: Path
) -> None:
    folder = containers.folder / "models" / "served-tiny"
    folder.mkdir(exist_ok=True)
    for file in (containers.folder / "models" / "base-tiny").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "endpoint_server.py").write_bytes(Path(ROOT / "tests" / "support" / "endpoint_server.py").read_bytes())
    (folder / "server.py").write_text(SERVER)
    sheet = containers.sheet("served.csv", ["./models/served-tiny,Off (N/A),"])
    command = "python {model}/server.py {port} {name} {model}"
    done = containers.run(
        sheet, tmp_path / "out", "--backend", "vllm", "--managed", "--server-command", command, "--num-prompts", "2"
    )
    assert done.returncode == 0, done.stderr
    (row,) = rows_of(tmp_path / "out")
    assert row["image"]
    assert row["server"]
    (report,) = (tmp_path / "out").glob("individual_runs/*/benchmark_report.json")
    assert json.loads(report.read_text())["server"]["managed"] is True
    assert not ours(engine)


def test_a_managed_server_that_the_image_has_not_is_told_by_its_name(containers: Workplace, tmp_path: Path) -> None:
    sheet = containers.sheet("unserved.csv", [BASE])
    done = containers.run(sheet, tmp_path, "--backend", "vllm", "--managed")
    assert done.returncode == 1
    message = rows_of(tmp_path)[0]["error_message"]
    assert "the server cannot be started: vllm: No such file or directory" in message
    assert "the PATH of the image" in message


def test_a_run_is_locked_in_and_told_no_secret(
    containers: Workplace, engine: docker.DockerClient, tmp_path: Path
) -> None:
    batch = containers.start(containers.sheet("locked.csv", [BASE]), tmp_path / "out", HF_TOKEN=TOKEN)
    container = wait_for_container(engine, batch, "models_base-tiny")
    seen = engine.api.inspect_container(container.id)
    batch.communicate(timeout=PATIENCE_S)
    assert TOKEN not in json.dumps(seen)
    assert not [entry for entry in seen["Config"]["Env"] if entry.startswith(("HF_TOKEN", "HUGGING_FACE"))]
    assert seen["Config"]["User"] == f"{os.getuid()}:{os.getgid()}"
    limits = seen["HostConfig"]
    assert limits["CapDrop"] == ["ALL"]
    assert not limits["CapAdd"]
    assert limits["SecurityOpt"] == ["no-new-privileges"]
    assert (limits["Privileged"], limits["ReadonlyRootfs"], limits["AutoRemove"]) == (False, True, False)
    assert limits["NetworkMode"] == "none"
    assert limits["PidsLimit"] > 0
    assert limits["ShmSize"] == 2**30
    run, model = tmp_path / "out/individual_runs/models_base-tiny_Off_N_A", containers.folder / "models/base-tiny"
    assert {(mount["Source"], mount["Destination"], mount["RW"]) for mount in seen["Mounts"]} == {
        (str(run), str(run), True),
        (str(model), str(model), False),
        (str(containers.folder / "prompts.txt"), str(containers.folder / "prompts.txt"), False),
    }
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


@pytest.fixture
def hub(engine: docker.DockerClient) -> Iterator[tuple[str, list[str | None]]]:
    """A Hub that knows no model, on the engine's own bridge, and the authorizations it was shown."""
    gateway = engine.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway")
    if gateway is None:
        pytest.skip("the engine has no bridge network")
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            shown.append(self.headers.get("Authorization"))
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((gateway, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{gateway}:{server.server_port}", shown
    server.shutdown()
    server.server_close()


def test_the_token_reaches_the_hub_and_nothing_else(
    containers: Workplace, engine: docker.DockerClient, hub: tuple[str, list[str | None]], tmp_path: Path
) -> None:
    address, shown = hub
    batch = containers.start(
        containers.sheet("gated.csv", ["org/gated,Off (N/A),N/A"]), tmp_path / "out", "--no-preflight",
        HF_TOKEN=TOKEN, HF_ENDPOINT=address, HF_HOME=str(tmp_path / "hf"), HF_HUB_OFFLINE="0",
    )  # fmt: skip
    container = wait_for_container(engine, batch, "org_gated")
    seen = engine.api.inspect_container(container.id)
    _, progress = batch.communicate(timeout=PATIENCE_S)
    assert f"Bearer {TOKEN}" in shown, progress
    assert TOKEN not in json.dumps(seen)
    assert TOKEN not in progress
    assert "org/gated" in rows_of(tmp_path / "out")[0]["error_message"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_killed_batch_leaves_no_running_container_and_its_re_run_no_trace(
    containers: Workplace, engine: docker.DockerClient, stranger: Container, tmp_path: Path
) -> None:
    sheet, output = containers.sheet("orphan.csv", [BASE, QWEN]), tmp_path / "out"
    batch = containers.start(sheet, output)
    orphan = wait_for_container(engine, batch, "models_base-tiny")
    batch.kill()
    batch.communicate()
    assert orphan.wait(timeout=PATIENCE_S)["StatusCode"] != 0

    again = containers.run(sheet, output)
    assert again.returncode == 0, again.stderr
    assert "a dead batch left" in again.stderr
    assert len(rows_of(output)) == 2
    assert [container.id for container in ours(engine)] == [stranger.id]
    stranger.reload()
    assert stranger.status == "running"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_takes_its_container_with_it(
    containers: Workplace, engine: docker.DockerClient, tmp_path: Path, signal_number: signal.Signals
) -> None:
    batch = containers.start(containers.sheet("interrupted.csv", [BASE]), tmp_path / "out")
    wait_for_container(engine, batch, "models_base-tiny")
    batch.send_signal(signal_number)
    batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 130
    assert not ours(engine)
    assert rows_of(tmp_path / "out")[0]["error_message"].startswith("interrupted: ")


def test_a_run_past_its_timeout_is_stopped(containers: Workplace, engine: docker.DockerClient, tmp_path: Path) -> None:
    done = containers.run(containers.sheet("slow.csv", [BASE]), tmp_path / "out", "--timeout", "1")
    assert done.returncode == 1
    assert "timed out after 1 s" in rows_of(tmp_path / "out")[0]["error_message"]
    assert not ours(engine)


def test_memory_that_ran_out_is_told_from_another_end(
    containers: Workplace, engine: docker.DockerClient, tmp_path: Path
) -> None:
    done = containers.run(containers.sheet("memory.csv", [BASE]), tmp_path / "out", "--memory", "100m")
    assert done.returncode == 1
    assert "out of memory" in rows_of(tmp_path / "out")[0]["error_message"]
    assert not ours(engine)


def test_a_removed_container_fails_only_its_row(
    containers: Workplace, engine: docker.DockerClient, tmp_path: Path
) -> None:
    batch = containers.start(containers.sheet("removed.csv", [BASE, QWEN]), tmp_path / "out")
    wait_for_container(engine, batch, "models_base-tiny").remove(force=True)
    batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    errors = {row["model_name"]: row["error_message"] for row in rows_of(tmp_path / "out")}
    assert errors.pop("./models/Qwen3-tiny") == ""
    assert "run the batch again" in errors["./models/base-tiny"] or "SIGKILL" in errors["./models/base-tiny"]


def test_on_a_full_disk_the_row_says_so(containers: Workplace, engine: docker.DockerClient, small_disk: Path) -> None:
    output = small_disk / "out"
    batch = containers.start(containers.sheet("full.csv", [BASE]), output)
    wait_for_container(engine, batch, "models_base-tiny")
    with (small_disk / "filler").open("wb", buffering=0) as stream:
        while _written(stream):
            pass
    batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1
    assert "No space left on device" in rows_of(output)[0]["error_message"]
    assert not ours(engine)


def _written(stream: Any) -> bool:
    try:
        stream.write(b"\0" * 4096)
    except OSError:
        return False
    return True


def test_without_an_engine_both_ways_out_are_named(containers: Workplace, tmp_path: Path) -> None:
    sheet = containers.sheet("engine.csv", [BASE])
    done = containers.run(sheet, tmp_path / "out", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 3
    assert "cannot connect to the container engine (" in done.stderr
    assert "--executor local" in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_image_both_ways_out_are_named(containers: Workplace, tmp_path: Path) -> None:
    done = containers.run(containers.sheet("image.csv", [BASE]), tmp_path / "out", "--image", "absent/image:this")
    assert done.returncode == 3
    assert "./build.sh" in done.stderr
    assert "--executor local" in done.stderr


def test_an_engine_that_cannot_hand_out_gpus_says_what_is_missing(
    containers: Workplace, engine: docker.DockerClient, image: str, nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    """The host sees a (simulated) GPU; the engine's own answer is passed on."""
    if accepts_gpu_requests(engine, image):
        pytest.skip("this engine accepts requests for GPUs; that of tests/host/executors/test_engine_loss.py does not")
    variables = nvml_simulator.environment(gpus=1, OMP_NUM_THREADS=1)
    done = containers.run(containers.sheet("gpu.csv", [BASE]), tmp_path / "out", **variables)
    assert done.returncode == 1
    message = rows_of(tmp_path / "out")[0]["error_message"]
    assert "could not select device driver" in message
    assert "NVIDIA Container Toolkit" in message
    assert not ours(engine)
