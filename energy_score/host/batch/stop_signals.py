"""Count SIGINT and SIGTERM as requests to stop, which the batch loop checks regularly."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The first asks the runs to end after their current query, the second ends them at once, the third ends the program.
_GIVE_UP_AT = 3


class StopSignals:
    """How often the batch was asked to stop."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count both signals while the context is open.

        Raises:
            KeyboardInterrupt: On the third one, wherever the program is.
        """
        earlier = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count >= _GIVE_UP_AT:
            raise KeyboardInterrupt
