"""The settings of a run's container: mounts, network and privileges. Does not talk to the container engine."""

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
# A memory file system, so that what the user's programs store of a token is lost at the latest when the power is.
_MEMORY_FOLDERS = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm")  # noqa: S108 - a private folder is made in it
_PIDS_MAX = 8192
_SHM_SIZE = "1g"
_LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "100m", "max-file": "2"})
# Compiled kernels are loaded from there, so it must allow execution.
_TMPFS = "rw,exec,nosuid,nodev,mode=1777"
_ALWAYS_PASSED_ON = ("OMP_", "MKL_", "TORCH", "PYTORCH_", "NCCL_", "TRITON_", "TZ")
_PASSED_ON_WITH_NETWORK = (
    "HF_ENDPOINT",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "HF_HUB_ETAG_TIMEOUT",
    "HF_HUB_DISABLE_XET",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)


# Privileges that none of our runs need, and that no code in a container gets.
_LOCKED_IN: dict[str, Any] = {
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "read_only": True,
    "init": True,  # without it, process 1 would not receive a request to stop before it handles signals
    "tmpfs": {"/tmp": f"{_TMPFS},size=8g", _HOME: f"{_TMPFS},size=1g"},  # noqa: S108 - the container's own
    "pids_limit": _PIDS_MAX,
    "shm_size": _SHM_SIZE,
    "log_config": _LOG,
}


@dataclass(frozen=True)
class ContainerSettings:
    """The container's ``command`` and ``environment``; ``host_config`` is in the SDK's format."""

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
    """Return the settings for the container of one run.

    Every host path has the same path in the container, so that a spec means the same inside: the run directory is
    writable, models and prompts are read-only. If neither the Hub nor an endpoint is needed, the container
    gets no network and no token.

    Raises:
        EnvironmentNotReadyError: Containers cannot reach the run's endpoint.
    """
    if spec.endpoint is not None and is_loopback(spec.endpoint):
        raise EnvironmentNotReadyError(
            f"--endpoint {spec.endpoint} is this machine's loopback address, which containers cannot reach. Use "
            "--executor local, or let the server listen on 0.0.0.0 and use http://host.docker.internal:PORT/v1."
        )
    run_folder = str(directory.path.resolve())
    reaches_hub = needs_hub(spec)
    # Otherwise foreign code would have network access and the token at the same time.
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
    """Return the container's variables: the caller's that affect a run, and those for what it may reach."""
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
    """Return the mounts: the run directory, what the run reads, the Hub caches, the token."""
    mounts = [Mount(run_folder, run_folder, "bind")]
    mounts += [Mount(str(path), str(path), "bind", read_only=True) for path in paths_read(spec)]
    if _uses_hub(spec):
        # If nothing is downloaded, foreign code cannot change the files of other models.
        keeps_out = spec.runs_foreign_code and not reaches_hub
        mounts.append(Mount(f"{_HUB_HOME}/hub", str(_make_folder(hub_cache())), "bind", read_only=keeps_out))
        mounts.append(Mount(f"{_HUB_HOME}/datasets", str(_make_folder(datasets_cache())), "bind", read_only=False))
    if token is not None:
        mounts.append(Mount(_TOKEN_FILE, str(token.resolve()), "bind", read_only=True))
    return mounts


def needs_hub(spec: RunSpec) -> bool:
    """Return whether the run needs the Hub: part of it is neither local nor cached, and we are not offline."""
    if hub_is_offline():
        return False
    model_is_here = (
        spec.endpoint is not None or spec.model_path is not None or is_model_cached(spec.model_id, spec.revision)
    )
    processor_is_here = spec.processor is None or _is_path(spec.processor) or is_model_cached(spec.processor, None)
    dataset_is_here = spec.dataset.name is None or is_dataset_cached(spec.dataset.name)
    return not (model_is_here and processor_is_here and dataset_is_here)


def paths_read(spec: RunSpec) -> list[Path]:
    """Return the host's files and folders that the run reads, and the folders outside that their links point to."""
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
    """Yield a file with the Hub token: the login's, or a temporary one while the context is open; None without one."""
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


def _make_folder(folder: Path) -> Path:
    """Return the folder's absolute path; create it if needed, because a container engine would create it as root."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
