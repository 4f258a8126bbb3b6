"""The child program: loads config and tokenizer of each model, and prints one answer per line.

It never runs a repository's code, downloads no weights, and imports none of our modules.
"""

import json
import os
import sys
from typing import Any

# The class that prepares a query, by task; None if no class of transformers loads it as a whole.
_PREPARES = {
    "image_classification": "AutoImageProcessor",
    "object_detection": "AutoImageProcessor",
    "image_captioning": "AutoImageProcessor",
    "asr": "AutoFeatureExtractor",
    "image_gen": None,
}


def fault_of(order: dict[str, Any]) -> dict[str, str]:
    """Return nothing if all of it loads, otherwise ``fault`` or ``unknown`` with the exception."""
    import transformers  # noqa: PLC0415 - the host's own modules must not

    prepares = _PREPARES.get(order["task"], "AutoTokenizer")
    if prepares is None:
        return {"unknown": "the parts of a pipeline are only loaded by the run itself"}
    for part in ("AutoConfig", prepares):
        try:
            getattr(transformers, part).from_pretrained(
                order["location"], revision=order["revision"] or "main", trust_remote_code=False
            )
        except Exception as error:  # noqa: BLE001 - whatever a library raises at a foreign file is the answer
            kind = "unknown" if _is_network_error(error) else "fault"
            return {kind: f"{part}: {' '.join(str(error).split())[:400] or type(error).__name__}"}
    return {}


def _is_network_error(error: BaseException | None) -> bool:
    """Return whether ``error`` was caused by an unavailable Hub, and not by the model."""
    names = {"TransportError", "OfflineModeIsEnabled", "LocalEntryNotFoundError"}
    while error is not None:
        if names & {kind.__name__ for kind in type(error).__mro__}:
            return True
        error = error.__cause__ or error.__context__
    return False


def main() -> None:
    """Read the requests from standard input, and answer on the original standard output."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # a library's own output must not mix with the answers
        for order in json.load(sys.stdin):
            answers.write(json.dumps(fault_of(order)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
