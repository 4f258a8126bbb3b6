"""How a run is stopped: the query under way is finished, what is between queries is left at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether the run was asked to stop, by SIGTERM once ``listen`` was called; all in the process's main thread.

    Loading a model, an idle window or the wait for a tick are left at once: nothing of them is worth waiting for. A
    second request leaves the query as well. Libraries may take the exception for a fault of their own (an interrupted
    import, a finalizer), so ``asked`` stays true, and no query begins after it.
    """

    def __init__(self) -> None:
        self.asked = False
        self._in_query = False

    def listen(self) -> None:
        """From now on SIGTERM asks."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def ask(self) -> None:
        """Ask the run to stop.

        Raises:
            KeyboardInterrupt: no query is under way, or it was asked before.
        """
        was_asked, self.asked = self.asked, True
        if was_asked or not self._in_query:
            raise KeyboardInterrupt  # no Exception, so that little on the way takes it for a failure of its own

    @contextmanager
    def query(self) -> Iterator[None]:
        """One query, which is finished whoever asks meanwhile.

        Raises:
            KeyboardInterrupt: the run was asked to stop, meanwhile (the query is finished) or before (it never began).
        """
        if self.asked:
            raise KeyboardInterrupt
        self._in_query = True
        try:
            yield
        finally:
            self._in_query = False
            if self.asked:
                raise KeyboardInterrupt

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self.ask()
