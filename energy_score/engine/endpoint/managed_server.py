"""A server that the run starts for its model on a free loopback port, waits for, and stops."""

import contextlib
import logging
import os
import shlex
import socket
import subprocess
import threading
import time
from collections import deque
from typing import Self

from energy_score.contract.errors import ModelLoadError
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_command import fill_in_server_command
from energy_score.engine.child_process import make_child_environment, stop_process_tree
from energy_score.engine.endpoint.http_client import HttpClient, HttpError
from energy_score.shared.gpu.endpoint_gpus import EndpointGpus

log = logging.getLogger(__name__)

# A large model takes minutes to load, its graphs minutes to capture; --timeout ends what takes longer still.
_READY_WITHIN_S = 3600.0
_POLL_S = 0.25
_GRACE_S = 10.0
_LAST_WORDS = 12


class ManagedServer:
    """The server of ``spec.server_command``, in this process's group: whoever ends the engine for good ends both."""

    managed = True
    cpu_meters = ("rapl",)
    found: EndpointGpus | None = None

    def __init__(self, spec: RunSpec, *, ready_within_s: float = _READY_WITHIN_S) -> None:
        self._spec = spec
        self._ready_within_s = ready_within_s
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)

    @property
    def address(self) -> str:
        """Return the URL of the server's interface, ending in /v1."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ModelLoadError: It ended or did not answer in time; the message has the last lines of its log.
        """
        command = fill_in_server_command(
            self._spec, port=self._port, visible_gpus=os.environ.get("CUDA_VISIBLE_DEVICES")
        )
        log.info("server command: %s", shlex.join(command))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user asked to be started
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=make_child_environment() | _fixed_date(self._spec),
            )
        except OSError as error:
            raise ModelLoadError(
                f"the server cannot be started: {command[0]}: {error.strerror}. Use a --server-command "
                "whose program is on the PATH (for a run in a container: the PATH of the image)."
            ) from error
        self._reader = threading.Thread(target=self._read_log, name="server-log", daemon=True)
        self._reader.start()
        self._wait_until_ready()

    def why_gone(self) -> str | None:
        """Return how the server ended; None while it runs."""
        if self._process is None or self._process.poll() is None:
            return None
        if self._reader is not None:
            self._reader.join(_GRACE_S)  # its last words may still be on their way
        words = " | ".join(self._last_words) or "nothing"
        return f"the server ended with exit code {self._process.returncode}; its last words: {words}"

    def gpus(self) -> tuple[str, ...] | None:
        """Return the GPUs that were named; None for those that this process and the server can see."""
        return self._spec.meter_gpus or None

    def process_ids(self) -> frozenset[int]:
        """None: they descend from this process."""
        return frozenset()

    def _wait_until_ready(self) -> None:
        start_s = time.monotonic()
        with HttpClient(self.address, timeout_s=5.0) as client:
            while True:
                gone = self.why_gone()
                if gone is not None:
                    raise ModelLoadError(gone)
                with contextlib.suppress(HttpError):
                    client.get_text(f"{self.address}/models")
                    break
                if time.monotonic() - start_s > self._ready_within_s:
                    words = " | ".join(self._last_words) or "nothing"
                    raise ModelLoadError(
                        f"the server did not answer within {self._ready_within_s:g} s; its last words: {words}"
                    )
                time.sleep(_POLL_S)
        log.info("server ready: address=%s after_s=%.1f", self.address, time.monotonic() - start_s)

    def _read_log(self) -> None:
        stream = None if self._process is None else self._process.stdout
        for raw in stream or ():
            line = raw.decode("utf-8", errors="replace").rstrip()
            if line:
                self._last_words.append(line)
                log.info("server: %s", line)

    def _stop(self) -> None:
        """Ask the server to end, then end whatever is left of it."""
        process = self._process
        if process is None:
            return
        stop_process_tree(process, grace_s=_GRACE_S)
        if self._reader is not None:
            self._reader.join(_GRACE_S)
        if process.stdout is not None and (self._reader is None or not self._reader.is_alive()):
            process.stdout.close()
        log.info("server stopped: exit_code=%s", process.returncode)


def _fixed_date(spec: RunSpec) -> dict[str, str]:
    """What vLLM prints as today's date where it renders Harmony itself; no other server reads it."""
    return {} if spec.prompt_date is None else {"VLLM_SYSTEM_START_DATE": spec.prompt_date.isoformat()}


def _free_port() -> int:
    """Return a free port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
