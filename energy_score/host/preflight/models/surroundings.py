"""What the rules need to know beside the model: where its runs would happen, and what was scored before."""

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
    """``gpus`` that a run may get and ``free_bytes`` for downloads, both None where runs happen on other machines.

    ``model_types`` are those that the transformers of the runs knows, None where that cannot be told from here.
    ``scored_in`` says where a row has a result already, and ``loaded`` how loading a model went; None: not asked.
    """

    gpus: Sequence[Gpu] | None = ()
    free_bytes: int | None = None
    model_types: frozenset[str] | None = None
    scored_in: ScoredIn | None = None
    loaded: LoadResult | None = None
    elsewhere: bool = False


def surroundings_here(*, executor: str, gpus: Sequence[Gpu]) -> Surroundings:
    """Those of runs by the ``local`` or ``docker`` executor of this machine, on ``gpus``.

    A container brings packages of its own, so what this machine's transformers knows says nothing of it.
    """
    return Surroundings(
        gpus=gpus,
        free_bytes=free_bytes_at(hub_cache()),
        model_types=known_model_types() if executor == "local" else None,
    )


# Of a cluster's nodes nothing can be seen from here: neither GPUs, disk, packages, nor what their tokens may read.
ELSEWHERE = Surroundings(gpus=None, elsewhere=True)


def visible_gpus() -> Sequence[Gpu]:
    """The GPUs that runs on this machine may get, none where there is none."""
    try:
        with open_nvml_devices() as devices:
            return devices.gpus
    except MeterError:
        return ()


def known_model_types() -> frozenset[str] | None:
    """The model types of the installed transformers, from its tables as text; None where it is not installed."""
    found = importlib.util.find_spec("transformers")
    folders = found.submodule_search_locations if found else None
    if not folders:
        return None
    texts = [
        path.read_text(encoding="utf-8")
        for name in ("auto_mappings.py", "configuration_auto.py")
        if (path := Path(folders[0]) / "models" / "auto" / name).exists()
    ]
    # Most are pairs, ("bert", "BertConfig"); the later ones are entries, "bert": "BertConfig".
    named = r"\(\s*\"([^\"]+)\",\s*\"\w+Config\"", r"\"([^\"]+)\":\s*\"\w+Config\""
    return frozenset(name for pattern in named for text in texts for name in re.findall(pattern, text)) or None


def transformers_version() -> str:
    """The installed version, for a message about what it knows."""
    return metadata.version("transformers")
