"""A place in which batches of instant runs are real ones: an environment with a task and a backend of another package.

The engine, its process, its records and its files are the program's own; only the model answers without being one.
"""

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import PATIENCE_S
from tests.support.toy_package import install

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = """
import time
from pathlib import Path
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import DatasetRef
from energy_score.engine.query import Completion, PreparedQuery
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="echo", aliases=(), dataset=DatasetRef(name="toy/echo", columns=("words",)), phases=("forward",),
    dtype="float32", input_unit="token", has_classes=True,
)


class EchoBackend:
    work_phase = "forward"

    def __init__(self, spec):
        # A sheet asks for slower answers by its data: "sleep 0.05", "until /a/file/is/there".
        self._spec = spec

    def load(self):
        return LoadedModel(
            commit=None, dtype="float32", devices=("cpu",), parameter_count=1, attention=None, random_weights=False,
            offloaded=False, context_length=None,
        )

    def prepare(self, row):
        return PreparedQuery(rendered=row["words"], inputs=row["words"])

    def answer(self, query, limits):
        word, _, seconds = query.inputs.partition(" ")
        start_s = time.monotonic()
        if word == "sleep":
            time.sleep(float(seconds))
        while word == "until" and not Path(seconds).exists():
            time.sleep(0.02)
        return Completion(
            latency_s=time.monotonic() - start_s, output=query.inputs, prompt_tokens=len(query.inputs.split())
        )

    def decode(self, completion):
        return completion.output

    def synchronise(self):
        pass
"""
ENTRY_POINTS = "[energy_score.tasks]\necho = toy_echo:TASK\n\n[energy_score.backends]\necho = toy_echo:EchoBackend\n"


@dataclass(frozen=True)
class ToyWorkplace:
    """``folder`` holds the environment, sheets, queries, and one model folder for each of the rows."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "environment" / "bin" / "python"

    def build(self) -> None:
        """Make the environment: this one's packages, and a package of its own with the task and the backend."""
        site = self.folder / "site"
        write_extension(site)
        environment = self.folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        lines = [str(site), sysconfig.get_path("purelib"), str(ROOT)]
        (packages / "toy.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def sheet(self, rows: int, *, model_class: str = "A", name: str = "models.csv") -> Path:
        """A sheet of so many rows, each a model of its own."""
        lines = ["Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"]
        lines += [f"./models/{name[:-4]}-{number:05d},1,{model_class},echo,," for number in range(rows)]
        for number in range(rows):
            model = self.folder / "models" / f"{name[:-4]}-{number:05d}"
            model.mkdir(parents=True, exist_ok=True)
            (model / "config.json").write_text("{}", encoding="ascii")
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="ascii")
        return path

    def queries(self, *words: str) -> Path:
        """A file with the queries of every run."""
        path = self.folder / "queries.csv"
        path.write_text("\n".join(("words", *words)) + "\n", encoding="ascii")
        return path

    def command(self, sheet: Path, output: Path, *options: str) -> list[str]:
        return [
            str(self.python), str(ROOT / "batch_runner.py"), "--executor", "local", "--backend", "echo", "--csv",
            str(sheet), "--prompts-file", str(self.folder / "queries.csv"), "--protocol", "quick", "--meter", "none",
            "--warmup", "0", "--output-dir", str(output), *options,
        ]  # fmt: skip

    def start(self, sheet: Path, output: Path, *options: str, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(sheet, output, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(**variables),
        )  # fmt: skip

    def run(self, sheet: Path, output: Path, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(sheet, output, *options), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env=self.environment(**variables),
        )  # fmt: skip

    def environment(self, **variables: str) -> dict[str, str]:
        locks = str(self.folder / "locks")
        return os.environ | {"HF_HUB_OFFLINE": "1", "ENERGY_SCORE_LOCK_DIR": locks} | variables


def write_extension(site: Path) -> None:
    """Put the package with the task and the backend into ``site``, as an installer would."""
    install(site, "toy_echo", entry_points=ENTRY_POINTS, module=EXTENSION)


def mixed_sheet(toy: ToyWorkplace) -> Path:
    """Twelve rows of classes A and B, then two of class C, whose models have weights that any GPU holds."""
    sheet = toy.sheet(14, name="mixed.csv")
    header, *rows = sheet.read_text().splitlines()
    classes = ["A"] * 6 + ["B"] * 6 + ["C"] * 2
    rows = [row.replace(",1,A,", f",1,{model_class},") for row, model_class in zip(rows, classes, strict=True)]
    tensor = b'{"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'
    for model in sorted((toy.folder / "models").glob("mixed-*"))[12:]:
        (model / "model.safetensors").write_bytes(len(tensor).to_bytes(8, "little") + tensor + bytes(8))
    sheet.write_text("\n".join((header, *rows)) + "\n")
    return sheet
