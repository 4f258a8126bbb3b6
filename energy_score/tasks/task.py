"""What every task states about itself."""

from dataclasses import dataclass

from energy_score.contract.run_spec import DatasetRef, Dtype


@dataclass(frozen=True)
class Task:
    """A task of the method. Source of names, data sets, columns and phases: the AI Energy Score documentation.

    ``name`` is the one written into specs and results (the sheet's name); ``aliases`` are other names understood, the
    Hugging Face task id among them. ``phases`` are measured apart and summed. ``has_classes``: rated per class.
    """

    name: str
    aliases: tuple[str, ...]
    dataset: DatasetRef
    phases: tuple[str, ...]
    dtype: Dtype
    has_classes: bool = False
