"""Images and sound in the cells of a row, decoded with pillow and soundfile."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError


@dataclass(frozen=True)
class Audio:
    """One channel of sound: ``samples`` is a numpy array of float32 between -1 and 1."""

    samples: Any
    sampling_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Return the duration in s."""
        return len(self.samples) / self.sampling_rate_hz


def decode_image(source: Path | bytes, *, where: str) -> Any:  # noqa: ANN401 - an image of pillow
    """Return the image in RGB.

    Raises:
        DatasetError: Pillow cannot read it; the message starts with ``where``.
    """
    from PIL import Image  # noqa: PLC0415 - only tasks with images need it

    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{where}: cannot read image: {error}") from error


def decode_audio(source: Path | bytes, *, where: str) -> Audio:
    """Return the sound as one channel, the mean of all.

    Raises:
        DatasetError: soundfile cannot read it, or it is empty; the message starts with ``where``.
    """
    import soundfile  # noqa: PLC0415 - only speech needs it

    try:
        samples, rate_hz = soundfile.read(
            io.BytesIO(source) if isinstance(source, bytes) else source, dtype="float32", always_2d=True
        )
    except (OSError, RuntimeError) as error:  # soundfile's own error is a RuntimeError
        raise DatasetError(f"{where}: cannot read audio: {error}") from error
    if not len(samples):
        raise DatasetError(f"{where}: the audio is empty")
    return Audio(samples.mean(axis=1), rate_hz)
