"""Sentence similarity: compare two sentences."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="sentence_similarity",
    title="Sentence Similarity",
    aliases=("sentence-similarity",),
    dataset=DatasetRef(name="AIEnergyScore/sentence_similarity", columns=("sentence1", "sentence2")),
    phases=("forward",),
    dtype="float32",
    input_unit="token",
)
