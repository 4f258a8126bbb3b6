"""Registries are the only list of their names: whatever else names a part is held equal here."""

from importlib import import_module

import click
import pytest

import batch_runner
import parameter_handler
from energy_score.contract import choices
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.pytorch.registry import TASK_MODELS
from energy_score.engine.backends.registry import BACKENDS
from energy_score.engine.meters.registry import METERS
from energy_score.engine.optimum.job import TASK_NAMES
from energy_score.host.cli.option_types import PartName
from energy_score.host.cli.reference import reference
from energy_score.host.executors.registry import EXECUTORS
from energy_score.shared.tasks.registry import TASKS
from tests.support.command_line import program

PATHS = {
    **METERS,
    **BACKENDS,
    **EXECUTORS,
    **{name: f"energy_score.engine.backends.pytorch.{path}" for name, path in TASK_MODELS.items()},
    **{name: f"energy_score.host.cli.commands.{path}" for name, (path, _) in batch_runner.COMMANDS.items()},
}


@pytest.mark.parametrize("name", PATHS)
def test_every_registered_path_leads_to_something_that_can_be_called(name: str) -> None:
    module, _, attribute = PATHS[name].partition(":")
    assert callable(getattr(import_module(module), attribute))


def test_a_spec_may_name_exactly_the_meters_of_the_engine() -> None:
    assert tuple(METERS) == choices.METERS


def test_a_spec_may_name_exactly_the_backends_of_the_engine_and_optimums_whole_job() -> None:
    assert (*BACKENDS, "optimum") == choices.BACKENDS
    assert tuple(parameter_handler.RUNNABLE_TASKS) == choices.BACKENDS


def test_the_pytorch_backend_runs_exactly_the_tasks_that_have_a_task_model() -> None:
    assert set(parameter_handler.RUNNABLE_TASKS["pytorch"]) == set(TASK_MODELS)


def test_the_optimum_backend_runs_exactly_the_tasks_that_its_job_knows() -> None:
    assert set(parameter_handler.RUNNABLE_TASKS["optimum"]) == set(TASK_NAMES)


def test_every_task_that_a_backend_runs_is_a_task() -> None:
    runnable = {task for tasks in parameter_handler.RUNNABLE_TASKS.values() for task in tasks}
    assert runnable == set(TASKS)


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("--backend", choices.BACKENDS),
        ("--meter", (*(name for name in choices.METER_CHOICES if name != "replay"), "replay:FILE")),
        ("--executor", (*EXECUTORS, *choices.CLUSTER_ENGINES)),
        ("--node-executor", tuple(EXECUTORS)),
        ("--protocol", choices.PROTOCOLS),
    ],
)
def test_the_help_lists_exactly_the_names_of_the_registry(option: str, names: tuple[str, ...]) -> None:
    assert f"{option} [{'|'.join(names)}]" in " ".join(program("--help").stdout.split())


def test_the_help_lists_every_command() -> None:
    shown = program("--help").stdout
    assert [name for name in batch_runner.COMMANDS if f"\n    {name} " not in shown] == []
    assert set(batch_runner.cli.list_commands(click.Context(batch_runner.cli))) == set(batch_runner.COMMANDS)


def test_an_executor_that_nobody_has_is_refused_with_those_there_are() -> None:
    done = program("--executor", "teleport", "--dry-run")
    assert done.returncode == 2
    assert "'teleport' is not one of docker, local, slurm, ray" in done.stderr


def test_the_words_of_a_spec_are_those_of_the_options() -> None:
    schema = RunSpec.model_json_schema()["$defs"]
    assert tuple(schema["GenerationSettings"]["properties"]["dtype"]["enum"]) == choices.DTYPES
    assert tuple(schema["RepeatPolicy"]["properties"]["protocol"]["enum"]) == choices.PROTOCOLS


def test_a_part_that_is_installed_later_is_listed_when_it_is_asked_for() -> None:
    part = PartName(("docker",), "energy_score.executors", further=("ray",))
    assert part.names()[0] == "docker"
    assert part.names()[-1] == "ray"


def test_the_reference_names_the_parts_of_this_program_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energy_score.host.cli.option_types.extension_names_quickly", lambda _: ("lab-part",))
    assert "lab-part" in program("--help").stdout
    assert "lab-part" not in reference(batch_runner.cli)
