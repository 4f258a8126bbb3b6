"""The program of the child: loads config and tokenizer of each model, and answers a line for each.

It never runs a repository's code, downloads no weights, and imports nothing of ours.
"""

import json
import os
import sys
from typing import Any

# What prepares a query, by task; None where no class of transformers loads it as a whole.
_PREPARES = {
    "image_classification": "AutoImageProcessor",
    "object_detection": "AutoImageProcessor",
    "image_captioning": "AutoImageProcessor",
    "asr": "AutoFeatureExtractor",
    "image_gen": None,
}


def fault_of(order: dict[str, Any]) -> dict[str, str]:
    """Nothing where all of it loads; ``fault`` or ``unknown`` with what was raised."""
    import transformers  # noqa: PLC0415 - the host's own modules must not

    prepares = _PREPARES.get(order["task"], "AutoTokenizer")
    if prepares is None:
        return {"unknown": "only the run itself loads the parts of a pipeline"}
    for part in ("AutoConfig", prepares):
        try:
            getattr(transformers, part).from_pretrained(
                order["location"], revision=order["revision"] or "main", trust_remote_code=False
            )
        except Exception as error:  # noqa: BLE001 - whatever a library raises at a foreign file is the answer
            kind = "unknown" if _is_of_the_network(error) else "fault"
            return {kind: f"{part}: {' '.join(str(error).split())[:400] or type(error).__name__}"}
    return {}


def _is_of_the_network(error: BaseException | None) -> bool:
    """Whether ``error`` goes back to a Hub that gave no answer, and not to the model."""
    names = {"TransportError", "OfflineModeIsEnabled", "LocalEntryNotFoundError"}
    while error is not None:
        if names & {kind.__name__ for kind in type(error).__mro__}:
            return True
        error = error.__cause__ or error.__context__
    return False


def main() -> None:
    """Read the orders from standard input, and answer on what was standard output."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # a library's own prints are no answers
        for order in json.load(sys.stdin):
            answers.write(json.dumps(fault_of(order)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
