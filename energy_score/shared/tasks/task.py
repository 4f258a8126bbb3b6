"""What every task states about itself."""

from dataclasses import dataclass
from typing import Literal

from energy_score.contract.choices import Dtype
from energy_score.contract.run_spec import DatasetRef

Unit = Literal["token", "image", "second of audio"]


@dataclass(frozen=True)
class Task:
    """A task of the method. Source of names, data sets, columns and phases: the AI Energy Score documentation.

    ``name`` is the one written into specs and results (the sheet's name), ``title`` the one for readers; ``aliases``
    are other names understood, the Hugging Face task id among them. ``phases`` are measured apart and summed.
    ``has_classes``: rated per class; ``has_reasoning``: its models may have a reasoning mode.

    ``input_unit`` and ``output_unit`` are what a query's input and answer are counted in; None where an answer is not
    counted. ``new_tokens`` is the least and the most of an answer's tokens without reasoning, ``new_tokens_thinking``
    with it; None where no tokens are generated, or no model of the task reasons. ``instruction`` is put before the text
    for models that are told what to do. ``truncates``: an input longer than the model's context is cut, not failed.
    ``runs_as`` is for a task from outside: the task of the method whose way of running a model it takes.
    """

    name: str
    aliases: tuple[str, ...]
    dataset: DatasetRef
    phases: tuple[str, ...]
    dtype: Dtype
    input_unit: Unit
    output_unit: Unit | None = None
    new_tokens: tuple[int, int] | None = None
    new_tokens_thinking: tuple[int, int] | None = None
    instruction: str = ""
    truncates: bool = True
    has_classes: bool = False
    has_reasoning: bool = False
    runs_as: str | None = None
    title: str = ""
    # The file that every model of the task has, by which libraries know what it is.
    index_file: str = "config.json"
