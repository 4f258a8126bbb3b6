"""What the rules need besides the model: where its runs would happen, and what was scored before."""

import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from energy_score.contract.errors import MeterError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.run_report import Gpu
from energy_score.host.model_files.hub_cache import hub_cache
from energy_score.host.preflight.files import free_bytes_at
from energy_score.host.preflight.models.loading import LoadResult
from energy_score.shared.gpu.nvml_devices import open_nvml_devices

ScoredIn = Callable[[ModelConfig], str | None]


@dataclass(frozen=True)
class Surroundings:
    """``gpus`` that a run can get and ``free_bytes`` for downloads; both None if runs happen on other machines.

    ``model_types`` are supported by the runs' version of transformers, None if that is unknown here.
    ``scored_in`` says where a row already has a result, and ``loaded`` how loading a model went; None: not checked.
    """

    gpus: Sequence[Gpu] | None = ()
    free_bytes: int | None = None
    model_types: frozenset[str] | None = None
    scored_in: ScoredIn | None = None
    loaded: LoadResult | None = None
    elsewhere: bool = False


def surroundings_here(*, executor: str, gpus: Sequence[Gpu]) -> Surroundings:
    """Return the surroundings of runs with the ``local`` or ``docker`` executor of this machine, on ``gpus``.

    A container has its own packages, so this machine's version of transformers does not matter for it.
    """
    return Surroundings(
        gpus=gpus,
        free_bytes=free_bytes_at(hub_cache()),
        model_types=known_model_types() if executor == "local" else None,
    )


# Nothing is known here about a cluster's nodes: GPUs, disk, packages, or what their tokens can read.
ELSEWHERE = Surroundings(gpus=None, elsewhere=True)


def visible_gpus() -> Sequence[Gpu]:
    """Return the GPUs that runs on this machine can get; empty if there are none."""
    try:
        with open_nvml_devices() as devices:
            return devices.gpus
    except MeterError:
        return ()


def known_model_types() -> frozenset[str] | None:
    """Return the model types in the source of the installed transformers, or None if it is not installed."""
    found = importlib.util.find_spec("transformers")
    folders = found.submodule_search_locations if found else None
    if not folders:
        return None
    texts = [
        path.read_text(encoding="utf-8")
        for name in ("auto_mappings.py", "configuration_auto.py")
        if (path := Path(folders[0]) / "models" / "auto" / name).exists()
    ]
    # Most are pairs, ("bert", "BertConfig"); later ones are entries, "bert": "BertConfig".
    named = r"\(\s*\"([^\"]+)\",\s*\"\w+Config\"", r"\"([^\"]+)\":\s*\"\w+Config\""
    return frozenset(name for pattern in named for text in texts for name in re.findall(pattern, text)) or None


def transformers_version() -> str:
    """Return the installed version, for messages."""
    return metadata.version("transformers")
