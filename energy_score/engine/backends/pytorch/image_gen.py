"""Images drawn by the text-to-image pipelines of diffusers."""

from typing import Any

import torch

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.task_model import Output
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import PreparedQuery, Row, TokenLimits, WorkPhase

# Source: METHOD.md, "Ten tasks": 30 steps, 1 image; everything else is the pipeline's own default.
_STEPS = 30
_IMAGES = 1


class ImageGenerator:
    """Draws one image from each prompt, always from the same noise."""

    work_phase: WorkPhase = "call"
    context_length: int | None = None

    def __init__(self, source: ModelSource) -> None:
        from diffusers import AutoPipelineForText2Image  # noqa: PLC0415 - 3 s, and only this task needs it

        spec = source.spec
        if spec.no_weights:
            raise ModelLoadError(f"{spec.model_id}: random weights are not made for pipelines; leave out --no-weights")
        if spec.processor is not None:
            raise ModelLoadError(f"{spec.model_id}: a pipeline brings its own tokenizer; leave out the processor")
        source.refuse_spreading("a pipeline")
        load: Any = AutoPipelineForText2Image.from_pretrained
        remote = {"trust_remote_code": True} if spec.trust_remote_code else {}
        self._pipeline = load(source.location, dtype=source.dtype, revision=source.commit, **remote).to(source.device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._truncation, self._seed, self._device = spec.truncation, spec.generation.seed, source.device
        parts = self._pipeline.components
        self._tokenizers = [part for name, part in parts.items() if name.startswith("tokenizer") and part is not None]
        modules = {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}
        main = next((name for name in ("unet", "transformer") if name in modules), next(iter(modules)))
        self.modules: tuple[torch.nn.Module, ...] = (modules.pop(main).eval(), *modules.values())

    def prepare(self, row: Row) -> PreparedQuery:
        """As the protocol says. The pipeline takes the text; what it would cut off is counted here."""
        prompt = row["prompt"]
        longest = [(len(tokenizer(prompt)["input_ids"]), tokenizer.model_max_length) for tokenizer in self._tokenizers]
        truncated = bool(longest) and all(count > most for count, most in longest)
        if truncated and not self._truncation:
            count, most = longest[-1]
            raise QueryError(f"the prompt has {count} tokens, but the pipeline reads {most}")
        return PreparedQuery(prompt, prompt, truncated=truncated)

    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        """As the protocol says."""
        del limits, clock  # an image is no token
        noise = torch.Generator(self._device).manual_seed(self._seed)
        drawn = self._pipeline(query.inputs, num_inference_steps=_STEPS, num_images_per_prompt=_IMAGES, generator=noise)
        return Output(value=drawn.images, images=len(drawn.images))

    def decode(self, value: Any) -> str:  # noqa: ANN401 - images of pillow
        """The size of each image: a picture is no text."""
        return ", ".join(f"image of {image.width} x {image.height} pixels" for image in value)
