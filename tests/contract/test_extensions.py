"""Parts from another package, which is in its own folder and is found like installed packages."""

import importlib
import sys
from pathlib import Path

import pytest

from energy_score.contract.errors import ModelLoadError, RowRefusedError, UsageError
from energy_score.contract.extensions import BACKENDS, TASKS, extension_names, load_extension
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.contract.run_directory import RunDirectory
from energy_score.engine.backends.pytorch.registry import get_base_task
from energy_score.engine.run import Run
from energy_score.shared.tasks.registry import find_task
from parameter_handler import ParameterHandler, RunOptions
from tests.support.toy_package import install

TOY = """
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import DatasetRef
from energy_score.engine.query import Completion, PreparedQuery
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="shouting",
    aliases=(),
    dataset=DatasetRef(name="toy/shouting", columns=("words",)),
    phases=("forward",),
    dtype="float32",
    input_unit="token",
    runs_as="text_classification",
)


class ShoutingBackend:
    work_phase = "forward"

    def __init__(self, spec):
        self._spec = spec

    def load(self):
        return LoadedModel(
            commit=None, dtype="float32", devices=("cpu",), parameter_count=1, attention=None, random_weights=False,
            offloaded=False, context_length=None,
        )

    def prepare(self, row):
        return PreparedQuery(rendered=row["words"], inputs=row["words"])

    def answer(self, query, limits):
        return Completion(latency_s=0.001, output=query.inputs.upper(), prompt_tokens=len(query.inputs.split()))

    def decode(self, completion):
        return completion.output

    def synchronise(self):
        pass
"""
ENTRY_POINTS = """\
[energy_score.tasks]
shouting = toy_extension:TASK
misnamed = toy_extension:TASK
broken = toy_extension_that_is_not_there:TASK

[energy_score.backends]
toy = toy_extension:ShoutingBackend
no-backend = toy_extension:TASK
"""


@pytest.fixture
def others() -> dict[str, tuple[str, ...]]:
    """What whoever runs the tests has installed beside the program: a guide makes such a package."""
    return {group: extension_names(group) for group in (TASKS, BACKENDS)}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that another package with a task and a backend is installed in."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "toy_extension.py").write_text(TOY, encoding="ascii")
    install(folder, "toy", entry_points=ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "toy_extension", raising=False)
    return folder


def row(task: str) -> ModelConfig:
    return ModelConfig(
        model_id="toy/model", priority=1, model_class=None, task=task, reasoning_state="",
        reasoning_mode=ReasoningMode.NOT_APPLICABLE, line_number=2,
    )  # fmt: skip


def test_a_task_and_a_backend_of_another_package_run_to_a_report(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("words\nbe quiet please\nno\n")
    options = RunOptions(backend="toy", prompts_file=tmp_path / "q.csv", protocol="quick", meter="none")
    spec = ParameterHandler(options, sheet_directory=tmp_path).resolve(row("Shouting"), run_id="toy-1")
    assert (spec.task, spec.backend, spec.generation.max_new_tokens) == ("shouting", "toy", None)
    (tmp_path / "run").mkdir()
    report = Run(spec=spec, directory=RunDirectory(tmp_path / "run")).execute()
    assert (report.queries.succeeded, report.tokens.prompt, report.tokens.completion) == (2, 4, None)
    assert [window.phase for window in report.phases if window.counted] == ["preprocess", "forward"]


def test_a_task_of_another_package_says_how_the_pytorch_backend_runs_it(toy: Path, tmp_path: Path) -> None:
    options = ParameterHandler(RunOptions(), sheet_directory=tmp_path)
    assert options.resolve(row("shouting"), run_id="run").task == "shouting"
    assert get_base_task("shouting") == "text_classification"


def test_names_of_other_packages_are_told_and_nothing_of_theirs_is_imported(
    others: dict[str, tuple[str, ...]], toy: Path
) -> None:
    tasks = sorted((*others[TASKS], "broken", "misnamed", "shouting"))
    backends = sorted((*others[BACKENDS], "no-backend", "toy"))
    assert extension_names(TASKS) == tuple(tasks)
    assert extension_names(BACKENDS) == tuple(backends)
    assert "toy_extension" not in sys.modules
    with pytest.raises(
        RowRefusedError,
        match=rf"unknown task 'other' .expected one of: text_gen, .*, "
        rf"{', '.join(tasks)}",
    ):
        find_task("other")
    with pytest.raises(
        UsageError,
        match=rf"unknown --backend 'other' \(expected one of: pytorch, vllm, optimum, {', '.join(backends)}\)",
    ):
        ParameterHandler(RunOptions(backend="other"), sheet_directory=toy)


def test_a_broken_part_is_named_with_its_package(toy: Path) -> None:
    with pytest.raises(
        UsageError, match=r"cannot load entry point 'broken' of energy_score.tasks .toy_extension_that.* of toy"
    ):
        find_task("broken")
    with pytest.raises(
        UsageError,
        match=r"entry point 'misnamed' of energy_score.tasks: .* is not a Task "
        r"with that name",
    ):
        find_task("misnamed")


def test_a_part_that_two_packages_have_is_refused(toy: Path) -> None:
    install(toy, "twin", entry_points="[energy_score.tasks]\nshouting = toy_extension:TASK\n")
    importlib.invalidate_caches()
    with pytest.raises(
        UsageError, match=r"two packages have the entry point 'shouting' of energy_score.tasks: .* of \w+ and .* of \w+"
    ):
        find_task("shouting")


def test_nobodys_part_is_none() -> None:
    assert load_extension(BACKENDS, "absent") is None


def test_the_pytorch_backend_refuses_a_task_that_says_no_way_to_run_it(
    monkeypatch: pytest.MonkeyPatch, toy: Path
) -> None:
    toy_file = toy / "toy_extension.py"
    toy_file.write_text(TOY.replace('    runs_as="text_classification",\n', ""), encoding="ascii")
    with pytest.raises(ModelLoadError, match=r"task shouting: not supported by the pytorch backend.* runs_as"):
        get_base_task("shouting")
