"""All ten tasks in one batch: tiny models, one sheet, and one data file from which each task takes its own columns.

``python -m examples.all_tasks FOLDER`` writes them; it then says how to run the batch.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from examples.task_models import make_task_models

SHEET = """\
Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template
./models/Qwen3-tiny,1,A,text_gen,Off,enable_thinking=False
./models/bart-tiny,1,,summarization,,
./models/bert-qa-tiny,1,,extractive_qa,,
./models/bert-classifier-tiny,1,,text_classification,,
./models/sentence-transformer-tiny,1,,sentence_similarity,,
./models/vit-tiny,1,,image_classification,,
./models/detr-tiny,1,,object_detection,,
./models/whisper-tiny,1,,asr,,
./models/stable-diffusion-tiny,1,,image_gen,,
./models/blip-tiny,1,,image_captioning,,
"""

COLUMNS = ("text", "question", "context", "sentence1", "sentence2", "image", "audio", "prompt")
ROWS = (
    (
        "A meter counts joules.", "what counts?", "the meter counts.", "it is hot.", "it is very hot.",
        "media/red.png", "media/low.wav", "a red square",
    ),
    (
        "Prefill reads, decode writes.", "who reads?", "prefill reads, decode writes.", "a cat sleeps.",
        "the cat is asleep.",
        "media/blue.png", "media/high.wav", "the blue sea at night",
    ),
)  # fmt: skip
# Name, width and height in pixels, colour.
IMAGES = (("red.png", 40, 32, (220, 30, 30)), ("blue.png", 48, 36, (30, 30, 220)))
# Name, frequency and length; 16 kHz is what speech models hear at, the other has to be resampled.
SOUNDS = (("low.wav", 220.0, 0.5, 16_000), ("high.wav", 880.0, 0.75, 8_000))


def write_all_tasks(folder: Path) -> None:
    """Write models, data file, media and sheet into ``folder``; models that are there stay."""
    make_task_models(folder / "models")
    media = folder / "media"
    media.mkdir(exist_ok=True)
    for name, width, height, colour in IMAGES:
        Image.new("RGB", (width, height), colour).save(media / name)
    for name, frequency_hz, duration_s, rate_hz in SOUNDS:
        times_s = np.arange(int(duration_s * rate_hz)) / rate_hz
        soundfile.write(media / name, 0.3 * np.sin(2 * np.pi * frequency_hz * times_s), rate_hz)
    with (folder / "queries.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([COLUMNS, *ROWS])
    (folder / "models.csv").write_text(SHEET, encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_all_tasks(target)
    sys.stdout.write(
        f"python batch_runner.py --executor local --csv {target}/models.csv --prompts-file {target}/queries.csv "
        f"--protocol quick --output-dir {target}/batch_results\n"
    )
