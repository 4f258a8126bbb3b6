"""SIGINT and SIGTERM as a request to stop, counted: the batch loop looks at it between two things it does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# One asks the runs to end with their current query, a second ends them at once; a third ends the program itself.
_GIVE_UP_AT = 3


class StopSignals:
    """How often the batch was asked to stop."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """While the context is open both signals are counted.

        Raises:
            KeyboardInterrupt: at the third one, wherever the program is.
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
