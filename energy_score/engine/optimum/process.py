"""One run of optimum-benchmark: its process, its marks, and its last lines of output."""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from energy_score.contract.errors import BenchmarkProcessError, EnvironmentNotReadyError
from energy_score.engine.child_process import make_child_environment, stop_process_tree

log = logging.getLogger(__name__)

_LAUNCHER = Path(__file__).with_name("launcher.py")
_GRACE_S = 10.0
_PROBE_S = 120.0
_LAST_WORDS = 4
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Imports what a run needs, so that a missing package is found before anything is loaded.
_PROBE = """
import json, sys
from importlib import metadata
import optimum_benchmark, codecarbon, torch, transformers
names = ("optimum-benchmark", "transformers", "tokenizers", "torch", "codecarbon", "datasets", "accelerate")
versions = {"python": sys.version.split()[0]} | {name: metadata.version(name) for name in names}
print(json.dumps({"versions": versions, "cuda": torch.cuda.is_available()}))
"""
# The meaning of its last lines of output, if they are not clear.
_NOT_THERE = (
    r"not a local folder|RepositoryNotFound|LocalEntryNotFound|no file named|not appear to have a file|"
    r"couldn't connect to|Can't load the configuration|proper library name"
)
_MEANINGS = {
    r"'NoneType' object has no attribute '(eos_token|pad_token)'": "the tokenizer could not be loaded "
    "(optimum-benchmark hides the reason). Use one that transformers 4.57.6 can read, for example with "
    "PreTrainedTokenizerFast in its tokenizer_config.json",
    r"does not recognize this architecture|Unrecognized model": "the model's architecture is not supported "
    "by transformers 4.57.6 in optimum-benchmark's environment. Use an older model, or --backend pytorch",
    _NOT_THERE: "the model, or a file of it, cannot be found. Use a folder with a model, or a Hub id that is "
    "cached or can be downloaded",
    r"OutOfMemoryError|DefaultCPUAllocator: (can't|not enough)|MemoryError": "out of memory",
    r"No space left on device": "the disk is full",
}


def probe(python: Path) -> dict[str, Any]:
    """Return the ``versions`` that affect the figures, by name, and whether ``cuda`` can be used there.

    Raises:
        EnvironmentNotReadyError: It cannot be started, or lacks a package; the message has its last line of output.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the environment that the user named
            [str(python), "-c", _PROBE],
            check=False,
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            env=make_child_environment(),
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise EnvironmentNotReadyError(f"optimum-benchmark's environment: {python}: {error}") from error
    if not answer:
        words = done.stderr.strip().splitlines() or ["nothing"]
        raise EnvironmentNotReadyError(
            f"optimum-benchmark's environment cannot be used: {python}: {words[-1]}. Recreate it with make optimum-env."
        )
    return answer


class OptimumProcess:
    """The process of one run in ``folder``, in this process's group, so that whatever kills the engine kills both.

    ``configuration`` is the name of the file in ``folder`` that its command line reads.
    """

    def __init__(self, python: Path, *, folder: Path, configuration: str, variables: Mapping[str, str]) -> None:
        self._python = python
        self._folder = folder
        self._configuration = configuration
        self._variables = dict(variables)
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)

    def __enter__(self) -> Self:
        marks, mark_end = os.pipe()
        answer_end, answers = os.pipe()
        command = [
            str(self._python),
            "-u",
            "-P",
            str(_LAUNCHER),
            str(mark_end),
            str(answer_end),
            "--config-dir",
            str(self._folder),
            "--config-name",
            self._configuration,
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the environment that the user named
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=make_child_environment() | self._variables,
                pass_fds=(mark_end, answer_end),
            )
        except OSError as error:
            os.close(marks)
            os.close(answers)
            raise EnvironmentNotReadyError(f"optimum-benchmark cannot be started: {self._python}: {error}") from error
        finally:
            os.close(mark_end)
            os.close(answer_end)
        self._marks = os.fdopen(marks, encoding="utf-8")
        self._answers = os.fdopen(answers, "w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read_log, name="optimum-log", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        stop_process_tree(self._process, grace_s=_GRACE_S)
        self._reader.join(_GRACE_S)
        self._marks.close()
        with contextlib.suppress(OSError):  # a reply that is not read any more
            self._answers.close()
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def next_mark(self) -> dict[str, Any]:
        """Return its next mark; it then waits for ``go_on``.

        Raises:
            BenchmarkProcessError: It ended without another mark; the message says how, with its last lines of output.
        """
        line = self._marks.readline()
        if not line:
            raise BenchmarkProcessError(self._why_gone())
        mark: dict[str, Any] = json.loads(line)
        return mark

    def go_on(self) -> None:
        """Reply to the last mark; its end is reported by the next one."""
        with contextlib.suppress(OSError):
            self._answers.write("\n")
            self._answers.flush()

    def _why_gone(self) -> str:
        exit_code = self._process.wait()
        self._reader.join(_GRACE_S)
        ended = f"exit code {exit_code}" if exit_code >= 0 else f"signal {signal.Signals(-exit_code).name}"
        words = " | ".join(self._last_words) or "nothing"
        meaning = explain_error(words)
        return f"optimum-benchmark ended with {ended}{f': {meaning}' if meaning else ''}. Last output: {words}"

    def _read_log(self) -> None:
        for raw in self._process.stdout or ():
            # A progress bar rewrites its line; only its final state is kept.
            line = _COLOUR.sub("", raw.decode("utf-8", errors="replace").rstrip().rpartition("\r")[2])
            if line.strip(" ^~"):  # skip the underlining in tracebacks
                self._last_words.append(line.strip())
                log.info("optimum: %s", line)


def explain_error(words: str) -> str | None:
    """Return the meaning of the process's last lines of output, or None if they are clear or unknown."""
    return next((meaning for pattern, meaning in _MEANINGS.items() if re.search(pattern, words)), None)
