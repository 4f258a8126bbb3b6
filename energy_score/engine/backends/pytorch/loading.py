"""Load a model onto its devices: from one commit, in the spec's data type, quantized according to its config."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from energy_score.contract.errors import ModelLoadError
from energy_score.contract.run_spec import RunSpec

# A tokenizer that knows no limit says so with a number like 1e30.
_NO_LIMIT = 10**9


@dataclass
class ModelSource:
    """The source of the model, its tokenizer and its processor; ``notes`` are for readers of the result.

    Everything of the model is loaded from one ``commit``, though the branch may move in between; None for a folder.
    """

    spec: RunSpec
    commit: str | None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, spec: RunSpec, *, index_file: str = "config.json") -> "ModelSource":
        """Return the source in ``spec``; for a Hub model, with the current commit of its revision.

        ``index_file`` is the file that every such model has; it is in the cache afterwards.
        """
        if spec.model_path is not None:
            return cls(spec, None)
        file = Path(hf_hub_download(spec.model_id, index_file, revision=spec.revision or "main"))
        return cls(spec, file.parent.name)  # the cache keeps each commit in snapshots/COMMIT/

    @property
    def device(self) -> torch.device:
        """Return the device of a model that is not spread: the first visible GPU, else the CPU."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Return the requested data type of the weights."""
        dtype: torch.dtype = getattr(torch, self.spec.generation.dtype)
        return dtype

    @property
    def location(self) -> str:
        """Return the model's folder or Hub id."""
        return self.spec.model_path or self.spec.model_id

    @property
    def origin(self) -> dict[str, Any]:
        """Return the keyword arguments for loading every part of the model."""
        revision = {} if self.commit is None else {"revision": self.commit}
        return {"trust_remote_code": self.spec.trust_remote_code, **revision}

    @cached_property
    def config(self) -> PreTrainedConfig:
        """Return the model's configuration."""
        config: PreTrainedConfig = AutoConfig.from_pretrained(self.location, **self.origin)
        return config

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer: the model's own, or from the spec's ``processor``."""
        tokenizer: PreTrainedTokenizerBase = self.processor(AutoTokenizer)
        return tokenizer

    def processor(self, auto_class: Any, **options: Any) -> Any:  # noqa: ANN401 - the Auto classes are untyped
        """Return what ``auto_class`` loads: from the model itself, or from the spec's ``processor``."""
        if self.spec.processor is None:
            return auto_class.from_pretrained(self.location, **self.origin, **options)
        trust = self.spec.trust_remote_code
        return auto_class.from_pretrained(self.spec.processor, trust_remote_code=trust, **options)

    def model(self, auto_class: Any) -> Any:  # noqa: ANN401 - as above
        """Load the model with ``auto_class``, in inference mode on its devices."""
        if self.spec.no_weights:
            return self._random(auto_class)
        placement: dict[str, Any] = {}
        if self._is_spread:
            placement = {"device_map": "auto"}
        elif getattr(self.config, "quantization_config", None) is not None:
            placement = {"device_map": {"": self.device}}  # quantized weights cannot be moved afterwards
        model, loading = auto_class.from_pretrained(
            self.location, dtype=self.dtype, output_loading_info=True, **placement, **self.origin
        )
        self._note_missing(sorted(loading["missing_keys"]))
        return (model if placement else model.to(self.device)).eval()

    def refuse_spreading(self, what: str) -> None:
        """Raise ModelLoadError if the spec asks to spread the model, which ``what`` does not support."""
        if self.spec.gpu_requirement.device_map is not None:
            raise ModelLoadError(f"{self.spec.model_id}: {what} is not spread over GPUs; leave out the device map")

    @property
    def _is_spread(self) -> bool:
        requirement = self.spec.gpu_requirement
        return requirement.device_map == "auto" or (requirement.count != 1 and torch.cuda.device_count() > 1)

    def _random(self, auto_class: Any) -> Any:  # noqa: ANN401 - as above
        if getattr(self.config, "quantization_config", None) is not None:
            raise ModelLoadError(
                f"{self.spec.model_id}: random weights cannot be quantized as the config says; leave out --no-weights"
            )
        # On the device itself: the meta device would leave rotary buffers zero (RECIPES, size-true random weights).
        with self.device:
            model = auto_class.from_config(self.config, dtype=self.dtype, trust_remote_code=self.spec.trust_remote_code)
        return model.eval()

    def _note_missing(self, names: list[str]) -> None:
        if names:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004 - enough to know them by
            self.notes.append(f"{len(names)} weights are not in the checkpoint and were made at random: {shown}")


def get_context_length(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return how many tokens the model reads, the least that its config and its tokenizer say; None if neither does.

    The tokenizer knows better where a config counts positions that no token may take (RoBERTa).
    """
    text = config.get_text_config()
    stated = [
        getattr(text, "max_position_embeddings", None),
        getattr(text, "max_encoder_position_embeddings", None),  # LED
        tokenizer.model_max_length if tokenizer.model_max_length < _NO_LIMIT else None,
    ]
    known = [length for length in stated if isinstance(length, int) and length > 0]
    return min(known, default=None)


def on_device(inputs: Any, module: torch.nn.Module) -> dict[str, Any]:  # noqa: ANN401 - what a processor gave
    """Return the tensors of ``inputs`` on the module's device, floating ones in its data type."""
    parameter = next(module.parameters())
    return {
        name: value.to(parameter.device, parameter.dtype if value.is_floating_point() else None)
        if isinstance(value, torch.Tensor)
        else value
        for name, value in inputs.items()
    }
