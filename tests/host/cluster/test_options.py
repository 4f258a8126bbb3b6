"""What a batch on a cluster refuses before anything is queued, and with which exit code."""

import socket
import sys
from pathlib import Path

import pytest

import batch_runner
from energy_score.contract.errors import RowRefusedError
from energy_score.contract.run_spec import GpuRequirement
from energy_score.host.cluster.gpu_count import gpu_count
from energy_score.host.preflight.clusters import ray_checks, slurm_checks
from tests.support.record_factory import make_spec
from tests.support.toy_installation import write_sheet


def refusal(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        batch_runner.main(options)
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.fixture
def batch(tmp_path: Path) -> tuple[str, ...]:
    """A batch's options but for the executor; its Slurm and its Ray are not there."""
    sheet = write_sheet(tmp_path / "models.csv", ["org/model"])
    return ("--csv", str(sheet), "--output-dir", str(tmp_path / "out"), "--node-executor", "local", "-n", "1")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--jobs", "2"), "--jobs"),
        (("--gpus", "0"), "--gpus"),
        (("--retry", "1", "--fail-fast"), "--retry, --fail-fast"),
    ],
)
@pytest.mark.parametrize("executor", ["slurm", "ray"])
def test_an_option_about_one_machine_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...], executor: str, options: tuple[str, ...], named: str
) -> None:
    code, told = refusal(capsys, *batch, "--executor", executor, *options)
    assert code == 2
    assert f"error: {named} with --executor {executor}: " in told


@pytest.mark.parametrize(
    ("options", "told_of"),
    [
        (("--slurm-arg=-pgpu",), "--slurm-arg has a meaning only with --executor slurm"),
        (("--ray-address", "h:1"), "--ray-address has a meaning only with --executor ray"),
        (("--node-executor", "docker"), "--node-executor has a meaning only with --executor slurm or ray"),
        (("--node-gpus", "8"), "--node-gpus has a meaning only with --executor slurm or ray"),
        (("--executor", "ray", "--slurm-arg=-pgpu"), "--slurm-arg has a meaning only with --executor slurm"),
    ],
)
def test_an_option_about_a_cluster_is_refused_elsewhere(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told_of: str
) -> None:
    code, told = refusal(capsys, *options)
    assert (code, told_of in told) == (2, True), told


def test_a_word_for_sbatch_that_the_batch_sets_is_refused_before_slurm_is_asked(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...]
) -> None:
    code, told = refusal(capsys, *batch, "--executor", "slurm", "--slurm-arg=--array=0-9")
    assert (code, "--array is set by the batch itself" in told) == (2, True), told


def test_a_server_elsewhere_cannot_be_measured_from_a_node(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...]
) -> None:
    code, told = refusal(capsys, *batch, "--executor", "slurm", "--backend", "vllm")
    assert (code, "Use --managed" in told) == (2, True), told


def test_a_machine_without_slurm_ends_with_3(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, told = refusal(capsys, *batch, "--executor", "slurm")
    assert (code, "sbatch, squeue, scancel not found on PATH" in told) == (3, True), told
    assert not (tmp_path / "out").exists()
    assert slurm_checks() == []


def test_a_machine_without_ray_ends_with_3(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, told = refusal(capsys, *batch, "--executor", "ray")
    assert code == 3
    assert "--executor ray needs the package ray, here and on every node. Install it with: pip install" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.ray
def test_a_ray_cluster_that_does_not_answer_ends_with_3(
    capsys: pytest.CaptureFixture[str], batch: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert [check.status for check in ray_checks()] == ["warning"]
    code, told = refusal(capsys, *batch, "--executor", "ray", "--ray-address", address)
    assert code == 3, told
    assert f"no Ray cluster answers at {address}" in told


def test_a_run_gets_the_gpus_that_its_order_its_weights_or_the_node_say() -> None:
    assert gpu_count(make_spec(gpu_requirement=GpuRequirement(count=1)), None) == 1
    big = make_spec(model_class="C", gpu_requirement=GpuRequirement(count=None))
    assert gpu_count(big, 8) == 8
    with pytest.raises(RowRefusedError, match=r"cannot determine how many GPUs it needs.*Use --node-gpus N"):
        gpu_count(big, None)


def test_a_big_model_gets_what_its_weights_need(tmp_path: Path) -> None:
    header = b'{"w": {"dtype": "BF16", "shape": [90000000000], "data_offsets": [0, 180000000000]}}'
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    big = make_spec(model_class="C", model_path=str(tmp_path), gpu_requirement=GpuRequirement(count=None))
    assert gpu_count(big, 8) == gpu_count(big, None) == 3  # 216 GB with what comes on top, 80 GB each
