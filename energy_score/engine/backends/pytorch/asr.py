"""Speech to text: token by token (Whisper), or labeling each frame in one pass (CTC: Wav2Vec2, HuBERT)."""

import math
from typing import Any

import torch
from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CTC_MAPPING, MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING
from typing_extensions import override

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.engine.backends.pytorch.generation import Generator
from energy_score.engine.backends.pytorch.loading import ModelSource, on_device
from energy_score.engine.backends.pytorch.task_model import Output, TaskModel
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.media import Audio
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase

# The start tokens of Whisper's decoder: start of transcript, language, task, no timestamps.
_START_TOKENS = 4


def load(source: ModelSource) -> TaskModel:
    """Load the model of ``source`` by the type in its config.

    Raises:
        ModelLoadError: It is of neither type.
    """
    if type(source.config) in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING:
        return SpeechWriter(source)
    if type(source.config) in MODEL_FOR_CTC_MAPPING:
        return SpeechLabeller(source)
    raise ModelLoadError(
        f"{source.spec.model_id}: {source.config.model_type!r} is not a speech model (expected an encoder-decoder "
        "such as whisper, or a CTC model such as wav2vec2)"
    )


class _Listener(TaskModel):
    """The common part of both types: sound to features."""

    def __init__(self, source: ModelSource) -> None:
        self._truncation = source.spec.truncation
        self._extractor = source.processor(AutoFeatureExtractor)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        audio: Audio = row["audio"]
        rate_hz = self._extractor.sampling_rate
        samples = resample(audio, rate_hz)
        most = getattr(self._extractor, "n_samples", None)  # Whisper's maximum input length
        truncated = most is not None and len(samples) > most
        if truncated and not self._truncation:
            raise QueryError(
                f"the audio lasts {audio.duration_s:.1f} s, but the model accepts at most {most / rate_hz:g} s"
            )
        mask = {} if most is None else {"return_attention_mask": True}
        inputs = dict(self._extractor(samples, sampling_rate=rate_hz, return_tensors="pt", **mask))
        rendered = f"audio of {audio.duration_s:.2f} s at {audio.sampling_rate_hz} Hz"
        return PreparedQuery(rendered, inputs, truncated=truncated, audio_s=audio.duration_s)


class SpeechWriter(_Listener):
    """An encoder-decoder that writes the transcript."""

    work_phase: WorkPhase = "full"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        super().__init__(source)
        self._tokenizer = source.tokenizer()
        self._model = source.model(AutoModelForSpeechSeq2Seq)
        self.context_length = getattr(source.config, "max_target_positions", None)
        room = None if self.context_length is None else self.context_length - _START_TOKENS
        self._generator = Generator(self._model, source, room=room)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        inputs = on_device(query.inputs, self._model)
        return self._generator.generate(inputs, limits, clock, prompt_tokens=None)

    @override
    def decode(self, value: Any) -> str:
        return str(self._tokenizer.decode(value, skip_special_tokens=True))


class SpeechLabeller(_Listener):
    """A model that labels every frame with a letter."""

    work_phase: WorkPhase = "forward"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        super().__init__(source)
        self._source = source
        self._model = source.model(AutoModelForCTC)

    @property
    @override
    def modules(self) -> tuple[torch.nn.Module, ...]:
        return (self._model,)

    @override
    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        del limits, clock  # nothing is generated
        return Output(value=self._model(**on_device(query.inputs, self._model)).logits)

    def decode(self, value: Any) -> str:  # noqa: ANN401 - logits
        """Return the transcript; for a checkpoint without letters (wav2vec2-base), the numbers of the labels."""
        ids = value[0].argmax(dim=-1)
        try:
            tokenizer = self._source.processor(AutoTokenizer)
        except (OSError, ValueError, TypeError):
            return " ".join(map(str, torch.unique_consecutive(ids).tolist()))
        return str(tokenizer.decode(ids))


def resample(audio: Audio, rate_hz: int) -> Any:  # noqa: ANN401 - a numpy array
    """Return the samples of ``audio`` at ``rate_hz``, resampled with scipy's polyphase filter if needed."""
    if audio.sampling_rate_hz == rate_hz:
        return audio.samples
    from scipy.signal import resample_poly  # noqa: PLC0415 - only another rate needs it

    common = math.gcd(audio.sampling_rate_hz, rate_hz)
    return resample_poly(audio.samples, rate_hz // common, audio.sampling_rate_hz // common).astype("float32")
