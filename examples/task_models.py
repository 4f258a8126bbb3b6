"""One tiny model or more for each of the ten tasks, by name; all of them are made in a few seconds."""

from collections.abc import Callable
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from examples.diffusion_models import make_stable_diffusion_like
from examples.image_models import make_blip_like, make_detr_like, make_vit_classifier, make_vit_gpt2_like
from examples.speech_models import make_wav2vec2_like, make_whisper_like
from examples.text_models import (
    make_bart_like,
    make_bert_classifier,
    make_bert_encoder,
    make_bert_qa,
    make_sentence_transformer,
    make_t5_like,
)
from examples.tiny_models import make_qwen3_like

TASK_MODELS: dict[str, Callable[[Path], None]] = {
    "Qwen3-tiny": make_qwen3_like,
    "bart-tiny": make_bart_like,
    "t5-tiny": make_t5_like,
    "bert-qa-tiny": make_bert_qa,
    "bert-classifier-tiny": make_bert_classifier,
    "bert-encoder-tiny": make_bert_encoder,
    "sentence-transformer-tiny": make_sentence_transformer,
    "vit-tiny": make_vit_classifier,
    "detr-tiny": make_detr_like,
    "whisper-tiny": make_whisper_like,
    "wav2vec2-tiny": make_wav2vec2_like,
    "stable-diffusion-tiny": make_stable_diffusion_like,
    "blip-tiny": make_blip_like,
    "vit-gpt2-tiny": make_vit_gpt2_like,
}


def make_task_models(folder: Path) -> None:
    """Make every model under ``folder`` that is not there yet, with the same random weights each time."""
    disable_progress_bar()
    for name, make in TASK_MODELS.items():
        if not (folder / name).exists():
            torch.manual_seed(0)
            make(folder / name)
