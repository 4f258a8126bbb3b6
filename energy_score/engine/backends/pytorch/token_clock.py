"""Record when each token of an answer arrived."""

import time

import torch
from transformers.generation.streamers import BaseStreamer


class TokenClock(BaseStreamer):  # type: ignore[misc, unused-ignore]
    """Starts on creation, and records when each step's token arrives; generate calls ``put`` with the prompt first.

    The steps also count the new tokens, because outputs differ: some include other tokens (a decoder-only model's
    prompt, an encoder-decoder's start token) and some leave tokens out (Whisper's end token).
    """

    def __init__(self) -> None:
        self.step_times_s: list[float] = []
        self._prompt_seen = False
        self._start_s = time.perf_counter()

    def put(self, value: torch.Tensor) -> None:
        """Record a step; the first call has the prompt."""
        del value  # only its arrival matters
        if self._prompt_seen:
            self.step_times_s.append(self.elapsed_s())
        self._prompt_seen = True

    def end(self) -> None:
        """Do nothing, because nothing is buffered."""

    def elapsed_s(self) -> float:
        """Return the seconds since the clock was created."""
        return time.perf_counter() - self._start_s
