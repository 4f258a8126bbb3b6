"""How a run is stopped: the current query is finished, and anything else is stopped immediately."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether the run was asked to stop, by SIGTERM once ``listen`` was called; all in the process's main thread.

    Loading a model, an idle window or the wait for a tick are stopped immediately, because nothing in them is worth
    waiting for. A second request also stops the query. Libraries can mistake the exception for their own error (an
    interrupted import, a finalizer), so ``asked`` stays true, and no query starts after it.
    """

    def __init__(self) -> None:
        self.asked = False
        self._in_query = False

    def listen(self) -> None:
        """Make SIGTERM call ``ask``."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def ask(self) -> None:
        """Ask the run to stop.

        Raises:
            KeyboardInterrupt: No query is in progress, or it was asked before.
        """
        was_asked, self.asked = self.asked, True
        if was_asked or not self._in_query:
            raise KeyboardInterrupt  # not an Exception, so that little code on the way handles it

    @contextmanager
    def query(self) -> Iterator[None]:
        """Protect one query, which is finished even if a stop is requested meanwhile.

        Raises:
            KeyboardInterrupt: A stop was requested, meanwhile (the query is finished) or before (it never started).
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
