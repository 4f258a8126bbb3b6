"""How a run's container is set up: what it may see, reach and do. Nothing here asks the engine."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from energy_score.contract.endpoint_address import is_loopback
from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.host.model_files.hub_cache import datasets_cache, hub_cache, is_dataset_cached, is_model_cached
from energy_score.host.model_files.hub_home import hub_is_offline, hub_token

_HOME = "/home/user"
_HUB_HOME = f"{_HOME}/.cache/huggingface"
_TOKEN_FILE = "/run/secrets/hf_token"  # noqa: S105 - a path
# A memory file system, so that what the user's programs see of a token goes with the machine's power at the latest.
_MEMORY_FOLDERS = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")  # noqa: S108 - a private folder is made in it
_PIDS_MAX = 8192
_SHM_SIZE = "1g"
_LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "100m", "max-file": "2"})
# Compiled kernels are loaded from there, so it must allow execution.
_TMPFS = "rw,exec,nosuid,nodev,mode=1777"
_ALWAYS_PASSED_ON = ("OMP_", "MKL_", "TORCH", "PYTORCH_", "NCCL_", "TRITON_", "TZ")
_PASSED_ON_WITH_NETWORK = (
    "HF_ENDPOINT", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DISABLE_XET",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip


# What no run of ours needs, and no code in a container gets.
_LOCKED_IN: dict[str, Any] = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "read_only": True,
    "init": True,  # a first process of its own would hear no request to stop before it asks for signals
    "tmpfs": {"/tmp": f"{_TMPFS},size=8g", _HOME: f"{_TMPFS},size=1g"},  # noqa: S108 - the container's own
    "pids_limit": _PIDS_MAX,
    "shm_size": _SHM_SIZE,
    "log_config": _LOG,
}


@dataclass(frozen=True)
class ContainerSettings:
    """What the engine is asked for: the container's ``command`` and ``environment``; ``host_config`` as for the SDK."""

    command: list[str]
    environment: dict[str, str]
    host_config: dict[str, Any]


def container_settings(
    spec: RunSpec,
    *,
    directory: RunDirectory,
    gpu_uuids: Sequence[str],
    memory: int | None,
    token_file: Path | None,
) -> ContainerSettings:
    """The container of one run.

    Every host path is seen under its own name, so that a spec means the same inside: the run directory to be written,
    models and prompts to be read. Without a need for the Hub or an endpoint there is no network and no token.

    Raises:
        EnvironmentNotReadyError: the run's endpoint is one that no container reaches.
    """
    if spec.endpoint is not None and is_loopback(spec.endpoint):
        raise EnvironmentNotReadyError(
            f"--endpoint {spec.endpoint} is this machine's loopback, which no container reaches: --executor local, or "
            "a server on 0.0.0.0 and http://host.docker.internal:PORT/v1"
        )
    run_folder = str(directory.path.resolve())
    reaches_hub = needs_hub(spec)
    # Foreign code would have the network and the token at once.
    token = token_file if reaches_hub and not spec.runs_foreign_code else None
    command = ["--end-with-stdin", "--spec", str(directory.spec_file.resolve()), "--output", run_folder]
    if gpu_uuids:
        command += ["--gpus", ",".join(gpu_uuids)]
    return ContainerSettings(
        command=command,
        environment=_environment(spec, gpu_uuids=gpu_uuids, reaches_hub=reaches_hub, has_token=token is not None),
        host_config=_LOCKED_IN
        | {
            "mounts": _mounts(spec, run_folder, reaches_hub=reaches_hub, token=token),
            "network_mode": "bridge" if reaches_hub or spec.endpoint else "none",
            "extra_hosts": {"host.docker.internal": "host-gateway"} if spec.endpoint else None,
            "device_requests": [DeviceRequest(device_ids=list(gpu_uuids), capabilities=[["gpu"]])] if gpu_uuids else [],
            "mem_limit": memory,
            "memswap_limit": memory,
        },
    )


def _environment(spec: RunSpec, *, gpu_uuids: Sequence[str], reaches_hub: bool, has_token: bool) -> dict[str, str]:
    """Return the variables of the container: the caller's that matter to a run, and what it may reach."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_ALWAYS_PASSED_ON) or (reaches_hub and name in _PASSED_ON_WITH_NETWORK)
    }
    if not reaches_hub:
        environment["HF_HUB_OFFLINE"] = "1"
    if has_token:
        environment["HF_TOKEN_PATH"] = _TOKEN_FILE
    if gpu_uuids or spec.gpu_requirement.count == 0:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpu_uuids)
    return environment


def _mounts(spec: RunSpec, run_folder: str, *, reaches_hub: bool, token: Path | None) -> list[Mount]:
    """Return what the container sees of the host: its run directory, what it reads, the Hub's caches, the token."""
    mounts = [Mount(run_folder, run_folder, "bind")]
    mounts += [Mount(str(path), str(path), "bind", read_only=True) for path in paths_read(spec)]
    if _uses_hub(spec):
        # Where nothing is downloaded, foreign code leaves other models' files as they are.
        keeps_out = spec.runs_foreign_code and not reaches_hub
        mounts.append(Mount(f"{_HUB_HOME}/hub", str(_made(hub_cache())), "bind", read_only=keeps_out))
        mounts.append(Mount(f"{_HUB_HOME}/datasets", str(_made(datasets_cache())), "bind", read_only=False))
    if token is not None:
        mounts.append(Mount(_TOKEN_FILE, str(token.resolve()), "bind", read_only=True))
    return mounts


def needs_hub(spec: RunSpec) -> bool:
    """Whether the run must reach the Hub: something of it is neither local nor in the cache, and we are not offline."""
    if hub_is_offline():
        return False
    model_is_here = (
        spec.endpoint is not None or spec.model_path is not None or is_model_cached(spec.model_id, spec.revision)
    )
    processor_is_here = spec.processor is None or _is_path(spec.processor) or is_model_cached(spec.processor, None)
    dataset_is_here = spec.dataset.name is None or is_dataset_cached(spec.dataset.name)
    return not (model_is_here and processor_is_here and dataset_is_here)


def paths_read(spec: RunSpec) -> list[Path]:
    """The host's files and folders that the run reads, and the folders outside of them to which their links lead."""
    paths = spec.local_paths()
    targets = {
        link.resolve().parent
        for path in paths
        for link in (path.rglob("*") if path.is_dir() else (path,))
        if link.is_symlink() and link.exists() and not link.resolve().is_relative_to(path)
    }
    return sorted({*paths, *targets})


@contextmanager
def readable_token() -> Iterator[Path | None]:
    """A file with the Hub token: the login's own, or one that is there while the context is open; None without one."""
    token = hub_token()
    if token is None or token.file is not None:
        yield token.file if token else None
        return
    folder = next((folder for folder in _MEMORY_FOLDERS if os.access(folder, os.W_OK)), None)
    with tempfile.TemporaryDirectory(prefix="energy-score-", dir=folder) as private:
        file = Path(private) / "token"
        file.touch(mode=0o600)
        file.write_text(token.value, encoding="utf-8")
        file.chmod(0o400)
        yield file


def _uses_hub(spec: RunSpec) -> bool:
    by_name = spec.processor is not None and not _is_path(spec.processor)
    loads_model = spec.model_path is None and spec.endpoint is None
    return loads_model or spec.dataset.path is None or by_name


def _is_path(name: str) -> bool:
    return name.startswith("/")


def _made(folder: Path) -> Path:
    """The folder's absolute path, the folder made where there was none: an engine would make it as root's."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
