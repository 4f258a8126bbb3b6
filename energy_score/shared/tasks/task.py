"""What every task defines."""

from dataclasses import dataclass
from typing import Literal

from energy_score.contract.choices import Dtype
from energy_score.contract.run_spec import DatasetRef

Unit = Literal["token", "image", "second of audio"]


@dataclass(frozen=True)
class Task:
    """A task. Source of names, datasets, columns and phases: the AI Energy Score documentation.

    ``name`` is used in specs and results (the sheet's name), ``title`` is for readers; ``aliases``
    are other accepted names, including the Hugging Face task id. ``phases`` are measured separately and added up.
    ``has_classes``: rated per class; ``has_reasoning``: its models can have a reasoning mode.

    ``input_unit`` and ``output_unit`` are the units of a query's input and answer; None if an answer is not counted.
    ``new_tokens`` is the minimum and maximum number of an answer's tokens without reasoning, ``new_tokens_thinking``
    with it; None if no tokens are generated, or no model of the task reasons. ``instruction`` is put before the text
    for instruction-tuned models. ``truncates``: an input longer than the model's context is cut instead of failed.
    ``runs_as`` is for tasks from other packages: the built-in task whose way of running a model is used.
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
    # The file that every model of the task has, which libraries use to identify it.
    index_file: str = "config.json"
