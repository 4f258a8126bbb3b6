"""Speech to text: transcribe speech."""

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.tasks.task import Task

TASK = Task(
    name="asr",
    title="Automatic Speech Recognition",
    aliases=("automatic_speech_recognition", "automatic-speech-recognition", "speech_to_text", "speech-to-text"),
    dataset=DatasetRef(name="AIEnergyScore/ASR", columns=("audio",)),
    phases=("prefill", "decode"),
    dtype="float32",
    input_unit="second of audio",
    output_unit="token",
    # Decision 8, length of answers: Whisper's decoder has 448 positions.
    new_tokens=(1, 448),
)
