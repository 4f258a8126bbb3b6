"""Check in a separate process whether transformers can load config and tokenizer without the repository's code.

The host does not import transformers. One child process checks all models, and ends with its answers.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energy_score.contract.installation import install_command
from energy_score.host.preflight.models.facts import Model

_CHILD = Path(__file__).with_name("loading_child.py")
# Importing transformers takes seconds, and a tokenizer can too; a hanging Hub must not.
_LIMIT_S = 90.0


class LoadResult(NamedTuple):
    """``fault`` is the exception and the part that raised it; without one, ``unknown`` is why the answer is missing."""

    fault: str | None = None
    unknown: str | None = None


def load_results(
    wanted: Mapping[tuple[Model, str], str | None], *, limit_s: float = _LIMIT_S
) -> dict[tuple[Model, str], LoadResult]:
    """Return how loading each model for a task, without its weights, went; the values of ``models`` are commits."""
    if not wanted:
        return {}
    if importlib.util.find_spec("transformers") is None:
        missing = LoadResult(unknown=f"transformers is missing here. Install it with: {install_command('pytorch')}")
        return dict.fromkeys(wanted, missing)
    order = [
        {"location": model.path or model.model_id, "revision": commit, "task": task}
        for (model, task), commit in wanted.items()
    ]
    answers = _answers(json.dumps(order), limit_s)
    silent = LoadResult(unknown=f"loading gave no answer within {limit_s:g} s, or its process died")
    return {asked: answers[at] if at < len(answers) else silent for at, asked in enumerate(wanted)}


def _answers(order: str, limit_s: float) -> Sequence[LoadResult]:
    """Return one answer per model, as many as there were within the limit."""
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false"}
    child = subprocess.Popen(  # noqa: S603 - this interpreter, and a file beside this one
        [sys.executable, str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | quiet,
    )
    try:
        told, _ = child.communicate(order, timeout=limit_s)
    except subprocess.TimeoutExpired as error:
        child.kill()
        told, _ = child.communicate()
        told = told or (error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout) or ""
    finally:
        child.kill()
        child.wait()
    return [LoadResult(**json.loads(line)) for line in told.splitlines() if line.endswith("}")]
