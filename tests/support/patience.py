"""How long a test waits for what must happen: never its claim, so far more than the slowest machine needs."""

import time
from collections.abc import Callable

PATIENCE_S = 600
_LOOK_EVERY_S = 0.05


def wait_until(happened: Callable[[], object]) -> None:
    """Wait until ``happened`` answers something true."""
    end_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end_s, f"did not happen within {PATIENCE_S} s"
        time.sleep(_LOOK_EVERY_S)
