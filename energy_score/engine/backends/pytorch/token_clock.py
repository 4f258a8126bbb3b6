"""When each token of an answer arrived."""

import time

import torch
from transformers.generation.streamers import BaseStreamer


class TokenClock(BaseStreamer):  # type: ignore[misc, unused-ignore]
    """Starts when it is made, and notes when each step's token arrives; generate calls ``put`` with the prompt first.

    The steps are the count of new tokens as well: outputs differ in what they hold beside them (a decoder-only model's
    prompt, an encoder-decoder's start token) and in what they leave out (Whisper's end token).
    """

    def __init__(self) -> None:
        self.step_times_s: list[float] = []
        self._prompt_seen = False
        self._start_s = time.perf_counter()

    def put(self, value: torch.Tensor) -> None:
        """Note a step; the first call brings the prompt."""
        del value  # only its arrival matters
        if self._prompt_seen:
            self.step_times_s.append(self.elapsed_s())
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is buffered."""

    def elapsed_s(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._start_s
