"""A Python of the tests' own in which a further package is installed: a backend that answers without a model.

Everything of this checkout's environment is there too. Each run costs little more than the start of its processes, and
every execution is written to one file outside of all output directories, which is only ever appended to.
"""

import os
import site
import venv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.toy_package import install

ROOT = Path(__file__).resolve().parents[2]
HEADER = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"

_BACKEND = """
import os
import time
from pathlib import Path

from energy_score.contract.run_report import LoadedModel
from energy_score.engine.query import Completion, PreparedQuery

FOLDER = Path(__file__).parent


def tell(event, run_id):
    line = f"{event} {run_id} {os.environ.get('CUDA_VISIBLE_DEVICES', '-')} {time.time()}\\n".encode()
    log = os.open(FOLDER / "executions.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, line)
    os.close(log)


class ToyBackend:
    work_phase = "forward"

    def __init__(self, spec):
        self._spec = spec

    def load(self):
        tell("began", self._spec.run_id)
        return LoadedModel(
            commit=None, dtype="float32", devices=("cpu",), parameter_count=1, attention=None, random_weights=False,
            offloaded=False, context_length=None,
        )

    def prepare(self, row):
        return PreparedQuery(rendered=row["text"], inputs=row["text"])

    def answer(self, query, limits):
        if "broken" in self._spec.model_id:
            raise RuntimeError("this model is broken")
        began_s = time.monotonic()
        while (left_s := began_s + float((FOLDER / "delay_s").read_text()) - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.05))
        tell("answered", self._spec.run_id)
        latency_s = max(time.monotonic() - began_s, 1e-6)
        return Completion(latency_s=latency_s, output="yes", prompt_tokens=len(query.inputs.split()))

    def decode(self, completion):
        return completion.output

    def synchronise(self):
        pass
"""


@dataclass(frozen=True)
class ToyInstallation:
    """The environment in ``folder``; ``install`` makes it."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that has the toy backend."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages lie."""
        return next((self.folder / "lib").glob("python*")) / "site-packages"

    def install(self) -> None:
        """Make the environment: nothing is downloaded."""
        venv.create(self.folder, with_pip=False, symlinks=True)
        others = "".join(f"import site; site.addsitedir({folder!r})\n" for folder in site.getsitepackages())
        (self.site / "of_this_checkout.pth").write_text(others, encoding="utf-8")
        entry_points = "[energy_score.backends]\ntoy = toy_backend:ToyBackend\n"
        install(self.site, "toy_backend", entry_points=entry_points, module=_BACKEND)
        self.answer_after(0)

    def answer_after(self, delay_s: float) -> None:
        """From now on every query takes so long, those under way too."""
        new = self.site / "delay_s.new"
        new.write_text(str(delay_s), encoding="ascii")
        new.replace(self.site / "delay_s")  # at once: engines read it all the time

    def held(self) -> set[str]:
        """Let no query be answered any more, and return the runs whose query is under way, by their run ids."""
        self.answer_after(3600)
        return set(self.executions("began") - self.executions("answered"))

    def executions(self, event: str) -> Counter[str]:
        """How often each run ``began`` or ``answered``, by its run id."""
        log = self.site / "executions.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return Counter(line.split()[1] for line in lines if line.split()[0] == event)

    def forget_executions(self) -> None:
        """Begin a new log."""
        (self.site / "executions.log").unlink(missing_ok=True)

    def command(self, sheet: Path, output: Path, *options: str) -> list[str]:
        """A batch over ``sheet`` with one query a run and no meter; ``options`` come last."""
        prompts = sheet.with_name("prompts.txt")
        prompts.write_text("one query\n", encoding="ascii")
        return [
            str(self.python), str(ROOT / "batch_runner.py"), "--csv", str(sheet), "--prompts-file", str(prompts),
            "--backend", "toy", "--protocol", "quick", "--warmup", "0", "--meter", "none", "--output-dir", str(output),
            *options,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """This process's environment, for a child that must find this checkout first."""
        return os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def write_sheet(path: Path, models: list[str], *, model_class: str = "") -> Path:
    """A sheet whose rows are the given models."""
    rows = [f"{model},1,{model_class},text_classification,," for model in models]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path
