"""The stand-in Hub with all cases, and this process made to ask it."""

import os
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from energy_score.host.preflight import services
from energy_score.host.preflight.models import reading
from tests.support.model_cases import hub_models
from tests.support.model_hub import ModelHub, model_hub
from tests.support.patience import PATIENCE_S


@pytest.fixture(scope="module")
def asked_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelHub]:
    """A Hub that this process asks, without a token and with a cache of its own."""
    with pytest.MonkeyPatch.context() as patch, model_hub(hub_models()) as hub:
        ask(patch, hub.address, tmp_path_factory.mktemp("hub home"))
        yield hub


def ask(patch: pytest.MonkeyPatch, address: str, home: Path) -> None:
    """From now on this process and its children take ``address`` for the Hub, and wait for it with patience.

    One answer that is late on a busy machine would silence the Hub for all.
    """
    patch.setattr(services, "_SERVER_TIMEOUT_S", PATIENCE_S)
    patch.setattr(reading, "_PROBE_S", PATIENCE_S)
    patch.setenv("HF_ENDPOINT", address)
    patch.setenv("HF_HOME", str(home))
    patch.setenv("HF_HUB_OFFLINE", "0")
    patch.setenv("HF_HUB_ETAG_TIMEOUT", str(PATIENCE_S))
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE"):
        if variable in os.environ:
            patch.delenv(variable)
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)  # read once, at its import
