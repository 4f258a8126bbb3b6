"""Tiny models that see: classification, detection, and two that write captions."""

from pathlib import Path
from typing import Any

from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessorPil,
    GPT2Config,
    ResNetConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

from examples.saving import save
from examples.tiny_models import tiny_tokenizer

_SIDE = 32
_SIZE = {"height": _SIDE, "width": _SIDE}
_LETTERS = "abcdefghijklmnopqrstuvwxyz.,"


def make_vit_classifier(folder: Path) -> None:
    """A ViT with three labels."""
    names = ("red", "green", "blue")
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}
    save(folder, ViTForImageClassification(_vit_config(**labels)), ViTImageProcessorPil(size=_SIZE))


def make_detr_like(folder: Path) -> None:
    """A DETR with five queries on a ResNet of its own, so that no other package is needed."""
    backbone = ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    config = DetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone, d_model=32,
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
        decoder_ffn_dim=64, num_queries=5, num_labels=3,
    )  # fmt: skip
    processor = DetrImageProcessorPil(size={"shortest_edge": _SIDE, "longest_edge": 2 * _SIDE})
    save(folder, DetrForObjectDetection(config), processor)


def make_blip_like(folder: Path) -> None:
    """A BLIP that writes letter by letter."""
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    tokenizer = BertTokenizer({entry: number for number, entry in enumerate(entries)}, model_max_length=128)
    text = {
        "vocab_size": len(entries), "hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 64,
        "projection_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 128,
        "bos_token_id": 2, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": _SIDE, "patch_size": 16,
    }  # fmt: skip
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=32, image_text_hidden_size=32)
    save(folder, BlipForConditionalGeneration(config), BlipProcessor(BlipImageProcessorPil(size=_SIZE), tokenizer))


def make_vit_gpt2_like(folder: Path) -> None:
    """A ViT that is read by a GPT-2, as one generic encoder-decoder."""
    tokenizer = tiny_tokenizer(["<|endoftext|>"], end="<|endoftext|>", template=None)
    decoder = GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=32, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(_vit_config(), decoder)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 0
    save(folder, VisionEncoderDecoderModel(config=config), tokenizer, ViTImageProcessorPil(size=_SIZE))


def _vit_config(**labels: Any) -> ViTConfig:  # noqa: ANN401 - what the config takes
    return ViTConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, image_size=_SIDE,
        patch_size=16, **labels,
    )  # fmt: skip
