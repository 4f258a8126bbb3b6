import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from energy_score.contract.errors import DatasetError
from energy_score.engine.media import decode_audio, decode_image


def test_an_image_of_any_mode_becomes_rgb(tmp_path: Path) -> None:
    for number, mode in enumerate(("L", "RGBA", "P", "CMYK")):
        path = tmp_path / f"{number}.{'tiff' if mode == 'CMYK' else 'png'}"
        Image.new(mode, (3, 2)).save(path)
        image = decode_image(path, where="q.csv: row 1")
        assert (image.mode, image.size) == ("RGB", (3, 2))
        assert decode_image(path.read_bytes(), where="").size == (3, 2)


def test_sound_becomes_one_channel_between_minus_one_and_one(tmp_path: Path) -> None:
    stereo = np.array([[0.5, 0.1], [-0.5, -0.1], [1.0, 0.0]])
    soundfile.write(tmp_path / "a.wav", stereo, 8_000)
    audio = decode_audio(tmp_path / "a.wav", where="")
    assert audio.samples == pytest.approx([0.3, -0.3, 0.5], abs=1e-3)
    assert (audio.sampling_rate_hz, audio.duration_s, audio.samples.dtype) == (8_000, 3 / 8_000, np.float32)


def test_sound_is_decoded_from_bytes(tmp_path: Path) -> None:
    content = io.BytesIO()
    soundfile.write(content, np.zeros(800), 8_000, format="FLAC")
    assert decode_audio(content.getvalue(), where="").duration_s == 0.1


def test_what_is_no_image_or_no_sound_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    with pytest.raises(DatasetError, match=r"^q.csv: row 3: column 'image': cannot read image: "):
        decode_image(tmp_path / "a", where="q.csv: row 3: column 'image'")
    with pytest.raises(DatasetError, match=r"^q.csv: row 3: column 'audio': cannot read audio: "):
        decode_audio(tmp_path / "a", where="q.csv: row 3: column 'audio'")
    with pytest.raises(DatasetError, match="cannot read audio"):
        decode_audio(b"text", where="")


def test_sound_without_a_sample_is_a_fault(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 8_000)
    with pytest.raises(DatasetError, match="the audio is empty"):
        decode_audio(tmp_path / "a.wav", where="q.csv: row 1")
