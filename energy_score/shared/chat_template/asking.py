"""Asks a child process about chat templates: foreign code never runs in this process, and cannot hold it up."""

import atexit
import contextlib
import functools
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.template_source import TemplateSource

_CHILD = "energy_score.shared.chat_template.child"
# Where the package is found: beside the top-level modules of a clone, or in site-packages.
_ROOT = str(Path(__file__).resolve().parents[3])
# A real template takes 0.1 s at most, the start of a child about 0.2 s; both on one core of a laptop.
LIMIT_S = 10
_ANSWER_MAX_BYTES = 2**26
_KEPT = 512


class TemplateChildError(Exception):
    """The child gave no answer; the message has the reason, for a reader of the result."""


class TemplateChild:
    """One child process, started when it is first asked and again after a job that ended it."""

    def __init__(self, *, limit_s: int = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def render(
        self, source: TemplateSource, messages: Sequence[Mapping[str, Any]], *, day: date, kwargs: Mapping[str, Any]
    ) -> str:
        """Return the prompt that the template makes of ``messages``, with the answer begun.

        Raises:
            TemplateChildError: The template refuses them, or takes more time or memory than it may.
        """
        given = {**source.defaults, **kwargs}
        job = {"do": "render", "messages": list(messages), "day": day.isoformat(), "kwargs": given}
        told = self._ask(job, source)
        if "fault" in told:
            raise TemplateChildError(str(told["fault"]))
        return str(told["text"])

    def inspect(self, source: TemplateSource) -> TemplateFindings:
        """Return what the template shows of reasoning; a template that cannot be asked is a fault of the findings."""
        try:
            return TemplateFindings.model_validate(self._ask({"do": "inspect"}, source))
        except TemplateChildError as error:
            return TemplateFindings(fault=str(error))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            return TemplateFindings(fault=f"the inspection cannot be read: {first['loc']}: {first['msg']}")

    def close(self) -> None:
        """End the child."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was still to be written to it
                        stream.close()

    def _ask(self, job: Mapping[str, Any], source: TemplateSource) -> dict[str, Any]:
        whole = {
            **job,
            "template": source.template,
            "variables": source.variables,
            "defaults": source.defaults,
            "limit_s": self._limit_s,
        }
        if importlib.util.find_spec("jinja2") is None:
            raise TemplateChildError("jinja2 is not installed here: pip install jinja2")
        with self._lock:
            try:
                return self._exchange(json.dumps(whole).encode() + b"\n")
            except (OSError, ValueError) as error:
                self.close()
                raise TemplateChildError(f"the template's process gave no answer ({error})") from error
            except TemplateChildError:
                self.close()
                raise

    def _exchange(self, line: bytes) -> dict[str, Any]:
        process = self._running()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise TemplateChildError("the template's process has no streams")
        stdin.write(line)
        stdin.flush()
        end_s = time.monotonic() + self._limit_s + 1
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if not selector.select(timeout=max(0.0, end_s - time.monotonic())):
                    raise TemplateChildError(f"the template was not rendered within {self._limit_s} s")
                part = os.read(stdout.fileno(), 2**16)
                if not part:
                    raise TemplateChildError(f"the template was not rendered within {self._limit_s} s and its memory")
                answer += part
                if len(answer) > _ANSWER_MAX_BYTES:
                    raise TemplateChildError("the template writes without end")
        return cast("dict[str, Any]", json.loads(answer))

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of this package
                [sys.executable, "-m", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_environment(),
                start_new_session=True,
            )
        return self._process


def inspect_template(source: TemplateSource) -> TemplateFindings:
    """Return what the template shows, asked once for each template."""
    return _inspected(source.as_key())


@functools.lru_cache(maxsize=_KEPT)
def _inspected(key: str) -> TemplateFindings:
    return template_child().inspect(TemplateSource.of_key(key))


@functools.lru_cache(maxsize=1)
def template_child() -> TemplateChild:
    """Return the child of this process; it ends with it."""
    child = TemplateChild()
    atexit.register(child.close)
    return child


def _environment() -> dict[str, str]:
    """What a child needs, and no token of anybody's."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    return kept | {"PYTHONPATH": _ROOT, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
