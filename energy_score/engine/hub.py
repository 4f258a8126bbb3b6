"""Check once, before anything waits for it, whether the Hub answers."""

import logging
import os
import threading
import urllib.error
import urllib.request

log = logging.getLogger(__name__)

_PROBE_S = 3.0


def go_offline_if_unreachable() -> None:
    """Set HF_HUB_OFFLINE if the Hub does not answer within 3 s, so that only cached files are used, without waiting.

    Call it before importing huggingface_hub, which reads the variable once. Without this, a tokenizer waits
    46 s and a dataset 23 s for an unreachable Hub (RECIPES, November 2026).
    """
    if os.environ.get("HF_HUB_OFFLINE"):
        return
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if not _answers(endpoint):
        log.warning("hub not reachable, only cached models and datasets can be used: endpoint=%s", endpoint)
        os.environ["HF_HUB_OFFLINE"] = "1"


def _answers(endpoint: str) -> bool:
    answered = threading.Event()

    def probe() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_PROBE_S)  # noqa: S310
        except urllib.error.HTTPError:
            pass  # any response counts
        except (OSError, ValueError):
            return
        answered.set()

    # In a thread, because the name lookup has no time limit of its own.
    threading.Thread(target=probe, daemon=True).start()
    return answered.wait(_PROBE_S + 0.5)
