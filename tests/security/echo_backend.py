"""A backend of another package whose models say, while they load and where they fail, what a file in their folder says.

In that text ``$HF_TOKEN`` and ``$VLLM_API_KEY`` are what the engine's environment holds, as a library's error may quote
them. A folder with a file ``fails`` cannot be loaded; a query with the word ``refuse`` is refused, and quoted.
"""

ENTRY_POINTS = "[energy_score.backends]\necho = echo_backend:EchoBackend\n"
MODULE = """
import json
import logging
import os
import sys
from pathlib import Path

from energy_score.contract.errors import QueryError
from energy_score.contract.run_report import LoadedModel
from energy_score.engine.query import Completion, PreparedQuery


class EchoBackend:
    work_phase = "forward"

    def __init__(self, spec):
        self._folder = Path(spec.model_path)
        self._said = (self._folder / "says.txt").read_bytes().decode()
        for name in ("HF_TOKEN", "VLLM_API_KEY"):
            self._said = self._said.replace(f"${name}", os.environ.get(name, ""))

    def load(self):
        logging.getLogger("echo").warning("%s", self._said)
        for stream in (sys.stdout, sys.stderr):
            stream.buffer.write(self._said.encode() + b"\\n\\xff\\xfe\\n")
            stream.flush()
        for event in ("stage", "progress", "run_finished"):
            print(json.dumps({"event": event, "stage": self._said, "phase": self._said}), flush=True)
        if (self._folder / "fails").exists():
            raise RuntimeError(self._said)
        return LoadedModel(
            commit=None, dtype="float32", devices=("cpu",), parameter_count=1, attention=None, random_weights=False,
            offloaded=False, context_length=None, notes=(self._said,),
        )

    def prepare(self, row):
        return PreparedQuery(rendered=row["text"], inputs=row["text"])

    def answer(self, query, limits):
        if "refuse" in query.inputs:
            raise QueryError(f"{self._said} does not like {query.inputs}")
        answers = self._folder / "answers.txt"
        output = answers.read_text(encoding="utf-8") if answers.exists() else self._said
        return Completion(latency_s=1e-6, output=output, prompt_tokens=1)

    def decode(self, completion):
        return completion.output

    def synchronise(self):
        pass
"""
