"""The local executor: runs the engine as a child process in its own session, in an empty working directory."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import energy_score
from energy_score.contract.errors import (
    CODE_NEEDS_A_CONTAINER,
    EnvironmentNotReadyError,
    RowRefusedError,
    UsageError,
)
from energy_score.contract.installation import install_command
from energy_score.contract.optimum_environment import VARIABLE, describe_optimum_setup, optimum_python
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.host.executors.engine_output import LineFeed, OnEvent, OnLogLine, dispatch
from energy_score.host.executors.executor import QUERY_GRACE_S, Execution
from energy_score.host.executors.witness import open_witness

# What an engine needs from its owner's environment; nothing else is passed on.
_PASSED_ON = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CACHE_HOME",
    "TIKTOKEN_ENCODINGS_BASE",
    VARIABLE,
}
_PASSED_ON_PREFIXES = (
    "HF_",
    "CUDA_",
    "NVIDIA_",
    "NVML_",
    "NCCL_",
    "OMP_",
    "MKL_",
    "TORCH",
    "PYTORCH_",
    "TRITON_",
    "VLLM_",
    "LC_",
)
_GRACE_S = 15.0
_READ_BYTES = 2**16
# Each backend's extra, and the packages in it that a run needs to start.
_PACKAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "pytorch": ("pytorch", ("torch", "transformers")),
    "vllm": ("endpoint", ("httpx2",)),
    "optimum": ("pytorch", ("torch", "transformers")),
}


class LocalExecutor:
    """Run engines with this interpreter on this machine."""

    name = "local"
    image: str | None = None

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._children: set[subprocess.Popen[bytes]] = set()
        self._stopping = threading.Event()

    def check(self, *, backend: str) -> None:
        """Return if the backend's packages, or its own environment, are installed here."""
        extra, packages = _PACKAGES.get(backend, ("pytorch", ()))  # backends of other packages check this themselves
        absent = [name for name in packages if importlib.util.find_spec(name) is None]
        if absent:
            raise EnvironmentNotReadyError(
                f"--executor local needs {' and '.join(absent)}, missing in {sys.prefix}. "
                f"Install with: {install_command(extra)}"
            )
        if backend == "optimum" and not (python := optimum_python(os.environ)).exists():
            raise EnvironmentNotReadyError(
                f"--backend optimum needs a separate environment for optimum-benchmark, and {python} does not exist: "
                f"{describe_optimum_setup(os.environ)}"
            )

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        """Run the spec in a child process; on Ctrl-C, it can finish its query before KeyboardInterrupt is raised.

        Raises:
            RowRefusedError: The run would execute code from the model's repository on this machine.
        """
        if spec.runs_foreign_code:
            raise RowRefusedError(f"Trust Remote Code: {spec.model_id}: {CODE_NEEDS_A_CONTAINER}")
        command = [
            sys.executable,
            "-m",
            "energy_score.engine",
            "--end-with-stdin",
            "--spec",
            str(directory.spec_file.resolve()),
            "--output",
            str(directory.path.resolve()),
        ]
        witness = open_witness(spec, leased=gpu_uuids)
        with witness, tempfile.TemporaryDirectory(prefix="energy-score-") as work_directory:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,  # closing it tells the child that this process is gone
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=work_directory,
                env=engine_environment(os.environ) | _gpus_by_uuid(spec, witness.uuids or gpu_uuids or ()),
                start_new_session=True,
            )
            self._children.add(child)
            witness.is_of_run = lambda process_id: os.getsid(process_id) == child.pid
            if self._stopping.is_set():
                _ask_to_stop(child)
            readers = [
                _start_reader(child.stdout, lambda line: dispatch(line, on_event, on_log_line)),
                _start_reader(child.stderr, on_log_line),
            ]
            try:
                execution = self._wait(child, readers)
            finally:
                self._children.discard(child)
        if directory.report_file.exists():
            witness.write(directory.witness_file)
        return replace(execution, gpu_was_shared=witness.gpu_was_shared)

    def stop(self, *, at_once: bool) -> None:
        """Ask every current engine to finish its query and end, or end it ``at_once``."""
        self._stopping.set()
        for child in tuple(self._children):
            if at_once:
                _signal_group(child, signal.SIGKILL)
            else:
                _ask_to_stop(child)

    def _wait(self, child: subprocess.Popen[bytes], readers: list[threading.Thread]) -> Execution:
        """Wait for the child's end, stop it on timeout or interrupt, and kill what is left of its group."""
        timed_out = False
        try:
            child.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _signal_group(child, signal.SIGTERM)
            _wait_for(child, _GRACE_S)
        except BaseException:
            _ask_to_stop(child)
            _wait_for(child, QUERY_GRACE_S)
            raise
        finally:
            _kill_group(child)
            for reader in readers:
                reader.join(_GRACE_S)
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        return Execution(exit_code=child.returncode, timed_out=timed_out, interrupted=self._stopping.is_set())


def open_local_executor(*, timeout_s: float, image: str, memory: str | None) -> LocalExecutor:
    """Return the local executor; ``image`` has no effect.

    Raises:
        UsageError: A memory limit was given, which only containers support.
    """
    del image
    if memory is not None:
        raise UsageError(f"--memory {memory}: only containers have a memory limit. Use --executor docker.")
    return LocalExecutor(timeout_s=timeout_s)


def engine_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that an engine needs, with this package's parent first in its module path."""
    passed_on = {
        name: value for name, value in environment.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    package_parent = str(Path(energy_score.__file__).resolve().parent.parent)
    return passed_on | {"PYTHONPATH": package_parent, "PYTHONUNBUFFERED": "1"}


def _gpus_by_uuid(spec: RunSpec, uuids: tuple[str, ...]) -> dict[str, str]:
    """Return the run's GPUs by UUID, which renumbering cannot change; empty if it wants GPUs and the host sees none."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(uuids)} if uuids or spec.gpu_requirement.count == 0 else {}


def _start_reader(stream: IO[bytes] | None, on_line: Callable[[str], None]) -> threading.Thread:
    def read() -> None:
        feed = LineFeed(on_line)
        while stream is not None and (data := os.read(stream.fileno(), _READ_BYTES)):
            feed.feed(data)
        feed.close()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _ask_to_stop(child: subprocess.Popen[bytes]) -> None:
    """Ask only the engine to stop: a server that it started must still answer the current query."""
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _wait_for(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """Wait ``grace_s`` for the child's end; a second interrupt ends the wait."""
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        child.wait(grace_s)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's group, including grandchildren."""
    _signal_group(child, signal.SIGKILL)
    child.wait()
