"""JSON that others wrote: a server, a model's code, a file from anywhere."""

import json
from typing import Any


def parsed(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """What ``text`` holds.

    Raises:
        ValueError: it is no JSON, or nested deeper than this program reads.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
