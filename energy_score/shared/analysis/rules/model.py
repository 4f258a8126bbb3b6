"""Whether the model itself ran, and only where its class may run."""

from energy_score.contract.model_config import ModelClass
from energy_score.contract.reasons import invalid
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts

# The method: classes A and B run on exactly one GPU; C has no limit.
MAX_GPUS: dict[ModelClass, int] = {"A": 1, "B": 1}


def weights_are_random(facts: Facts) -> VerdictReason | None:
    """Invalid: the energy is of the model's shape, not of the model."""
    if not facts.model.random_weights:
        return None
    return invalid(
        "random_weights", "the weights are random, made from the config", observed="random", threshold="trained"
    )


def model_is_offloaded(facts: Facts) -> VerdictReason | None:
    """Invalid: a part of the model ran where the GPU meter does not see it."""
    if not facts.model.offloaded:
        return None
    return invalid(
        "offloaded",
        "a part of the model was offloaded to the CPU or a disk",
        observed=", ".join(facts.model.devices or ()) or "unknown",
        threshold="GPUs only",
    )


def model_is_not_on_the_gpu(facts: Facts) -> VerdictReason | None:
    """Invalid: no part of the model was on the GPUs that the meter counted; no finding if its place is unknown."""
    devices = facts.model.devices
    if not facts.gpu_windows or devices is None or any(device.startswith("cuda") for device in devices):
        return None
    return invalid(
        "model_not_on_gpu",
        "GPU energy was read, but the model was not on a GPU",
        observed=", ".join(devices),
        threshold="a CUDA device",
    )


def too_many_gpus(facts: Facts) -> VerdictReason | None:
    """Invalid: more GPUs spent energy than the model's class allows."""
    model_class = facts.spec.model_class
    used = {uuid for window in facts.gpu_windows for uuid in window.energy_j}
    if model_class is None or len(used) <= MAX_GPUS.get(model_class, len(used)):
        return None
    return invalid(
        "too_many_gpus",
        f"class {model_class} runs on exactly one GPU; show the run one (CUDA_VISIBLE_DEVICES), a server's included",
        observed=f"{len(used)} GPUs",
        threshold=f"{MAX_GPUS[model_class]} GPU",
    )
