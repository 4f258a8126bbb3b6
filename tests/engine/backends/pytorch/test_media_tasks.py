"""Tasks that see, hear and draw."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.engine.backends.pytorch.asr import resample
from energy_score.engine.media import Audio
from energy_score.engine.query import TokenLimits
from tests.engine.backends.pytorch.conftest import Load

TEN = TokenLimits(10, 10)
IMAGE = Image.new("RGB", (40, 32), (220, 30, 30))


def sound(duration_s: float, rate_hz: int = 16_000) -> Audio:
    times_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    return Audio(np.sin(2 * np.pi * 220 * times_s).astype("float32"), rate_hz)


def test_an_image_gets_a_label_in_one_pass(load_task: Load) -> None:
    loaded = load_task("image_classification", "vit-tiny")
    query, completion = loaded.ask(image=IMAGE)
    assert (query.rendered, query.images, query.audio_s) == ("image of 40 x 32 pixels", 1, None)
    assert (completion.prompt_tokens, completion.completion_tokens, completion.images) == (None, None, None)
    assert loaded.backend.decode(completion) in ("red", "green", "blue")
    assert loaded.backend.work_phase == "forward"


def test_objects_are_found_in_one_pass(load_task: Load) -> None:
    loaded = load_task("object_detection", "detr-tiny")
    query, completion = loaded.ask(image=IMAGE)
    assert completion.output.pred_boxes.shape == (1, 5, 4)
    assert query.inputs["pixel_values"].shape == (1, 3, 32, 40)
    completion.output.logits = torch.tensor([[[0.0, 9.0, 0.0, 0.0]] + [[0.0, 0.0, 0.0, 9.0]] * 4])
    assert loaded.backend.decode(completion) == "LABEL_1"


@pytest.mark.parametrize("name", ["blip-tiny", "vit-gpt2-tiny"])
def test_a_caption_is_written_from_the_image_alone(load_task: Load, name: str) -> None:
    loaded = load_task("image_captioning", name)
    query, completion = loaded.ask(TEN, image=IMAGE)
    assert loaded.backend.work_phase == "full"
    assert (query.images, completion.prompt_tokens, completion.completion_tokens) == (1, None, 10)
    assert len(completion.output) == len(completion.token_times_s) == 10
    assert loaded.ask(TokenLimits(1, 1), image=IMAGE)[1].completion_tokens == 1


def test_a_model_that_speaks_in_turns_is_refused_for_captions(load_task: Load) -> None:
    with pytest.raises(ModelLoadError, match="with a chat template"):
        load_task("image_captioning", "Qwen3-tiny")


def test_whisper_writes_token_by_token(load_task: Load) -> None:
    loaded = load_task("asr", "whisper-tiny")
    query, completion = loaded.ask(TEN, audio=sound(0.5))
    assert loaded.backend.work_phase == "full"
    assert (query.rendered, query.audio_s) == ("audio of 0.50 s at 16000 Hz", 0.5)
    assert (completion.prompt_tokens, completion.completion_tokens, len(completion.output)) == (None, 10, 10)


def test_the_end_token_that_whisper_leaves_out_of_its_output_counts(load_task: Load) -> None:
    loaded = load_task("asr", "whisper-tiny")
    model = loaded.inside._model
    script = iter([0, 5, 6, 7, model.generation_config.eos_token_id])  # the first says which language it is

    def scripted(states: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*states.shape[:-1], model.config.vocab_size)
        logits[..., next(script)] = 1
        return logits

    model.proj_out.forward = scripted
    _, completion = loaded.ask(TokenLimits(1, 10), audio=sound(0.5))
    assert completion.output.tolist() == [5, 6, 7]
    assert (completion.finish_reason, completion.completion_tokens) == ("stop", 4)


def test_whisper_stops_where_its_decoder_is_full(load_task: Load) -> None:
    _, completion = load_task("asr", "whisper-tiny").ask(TokenLimits(1, 448), audio=sound(0.5))
    assert (completion.completion_tokens, completion.finish_reason) == (64 - 4, "context")


def test_audio_longer_than_whisper_hears_is_cut_or_fails(load_task: Load) -> None:
    query, _ = load_task("asr", "whisper-tiny", truncation=True).ask(TokenLimits(1, 1), audio=sound(31))
    assert (query.truncated, query.audio_s) == (True, 31.0)
    with pytest.raises(QueryError, match=r"the audio lasts 31.0 s, but the model accepts at most 30 s"):
        load_task("asr", "whisper-tiny").ask(TokenLimits(1, 1), audio=sound(31))


def test_a_ctc_model_labels_all_frames_in_one_pass(load_task: Load) -> None:
    loaded = load_task("asr", "wav2vec2-tiny")
    query, completion = loaded.ask(audio=sound(0.5))
    assert loaded.backend.work_phase == "forward"
    assert completion.output.shape == (1, 25, 31)  # 8,000 samples in strides of 10 x 8 x 4
    assert (query.audio_s, completion.completion_tokens) == (0.5, None)
    assert set(loaded.backend.decode(completion)) <= set("abcdefghijklmnopqrstuvwxyz <>/sunkpad")


def test_a_model_that_hears_nothing_is_refused_for_speech(load_task: Load) -> None:
    with pytest.raises(ModelLoadError, match=r"'bert' is not a speech model .*whisper.* wav2vec2"):
        load_task("asr", "bert-encoder-tiny")


def test_sound_of_another_rate_is_resampled() -> None:
    slow = sound(1.0, 8_000)
    assert resample(slow, 8_000) is slow.samples
    fast = resample(slow, 16_000)
    assert (len(fast), fast.dtype) == (16_000, np.float32)
    assert np.abs(fast[100:-100] - sound(1.0).samples[100:-100]).max() < 0.01


def test_an_image_is_drawn_in_30_steps_from_the_same_noise(load_task: Load) -> None:
    loaded = load_task("image_gen", "stable-diffusion-tiny")
    steps: list[int] = []
    original = loaded.inside._pipeline.scheduler.set_timesteps

    def noting(count: int, **rest: Any) -> Any:
        steps.append(count)
        return original(count, **rest)

    loaded.inside._pipeline.scheduler.set_timesteps = noting
    (_, first), (query, second) = (loaded.ask(prompt="a red square") for _ in range(2))
    assert steps == [30, 30]
    assert loaded.backend.work_phase == "call"
    assert (second.images, second.completion_tokens, second.prompt_tokens) == (1, None, None)
    assert np.array_equal(np.asarray(first.output[0]), np.asarray(second.output[0]))
    assert loaded.backend.decode(second) == "image of 32 x 32 pixels"
    assert query.rendered == "a red square"
    assert loaded.facts.attention == "AttnProcessor2_0"
    assert loaded.facts.parameter_count > sum(p.numel() for p in loaded.inside.modules[0].parameters())


def test_a_prompt_past_the_pipelines_tokenizer_is_cut_or_fails(load_task: Load) -> None:
    long = "red " * 40
    assert load_task("image_gen", "stable-diffusion-tiny", truncation=True).backend.prepare({"prompt": long}).truncated
    with pytest.raises(QueryError, match=r"the prompt has \d+ tokens, but the pipeline reads 32"):
        load_task("image_gen", "stable-diffusion-tiny").backend.prepare({"prompt": long})


def test_random_weights_of_a_pipeline_are_refused(load_task: Load) -> None:
    with pytest.raises(ModelLoadError, match="random weights are not supported for pipelines"):
        load_task("image_gen", "stable-diffusion-tiny", no_weights=True)
