"""Read back the settings of the loaded model from its modules."""

from itertools import chain

import torch

from energy_score.contract.run_report import LoadedModel
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.task_model import TaskModel


def read_back(source: ModelSource, loaded: TaskModel) -> LoadedModel:
    """Return the report's facts about ``loaded``."""
    main = loaded.modules[0]
    parameters = list(chain.from_iterable(module.parameters() for module in loaded.modules))
    placement = {str(device) for device in getattr(main, "hf_device_map", {}).values()}
    devices = {str(parameter.device) for parameter in parameters}
    on_gpu = any(device.startswith("cuda") for device in devices) or bool(placement - {"cpu", "disk"})
    return LoadedModel(
        commit=source.commit,
        dtype=str(get_dtype(main)).removeprefix("torch."),
        devices=tuple(sorted(devices)),
        parameter_count=sum(parameter.numel() for parameter in parameters),
        attention=_get_attention(main),
        random_weights=source.spec.no_weights,
        # A model that is entirely on the CPU was not offloaded.
        offloaded="disk" in placement or (on_gpu and "cpu" in placement),
        context_length=loaded.context_length,
        quantization=get_quantization(main),
        notes=tuple(source.notes),
    )


def get_dtype(module: torch.nn.Module) -> torch.dtype:
    """Return the data type of the module's floating weights: as stated, or else that of most of them."""
    own = getattr(module, "dtype", None)
    if isinstance(own, torch.dtype):
        return own
    sizes: dict[torch.dtype, int] = {}
    for parameter in module.parameters():
        if parameter.is_floating_point():
            sizes[parameter.dtype] = sizes.get(parameter.dtype, 0) + parameter.numel()
    return max(sizes, key=lambda dtype: sizes[dtype])


def get_quantization(module: torch.nn.Module) -> str | None:
    """Return the quantization method of the loaded module; None if not quantized, or unpacked while loading."""
    quantizer = getattr(module, "hf_quantizer", None)
    config = getattr(quantizer, "quantization_config", None)
    if config is None or getattr(config, "dequantize", False):
        return None
    method = getattr(config, "quant_method", None)
    return str(getattr(method, "value", method))


def _get_attention(module: torch.nn.Module) -> str | None:
    config = getattr(module, "config", None)
    implementation = getattr(config, "_attn_implementation", None)
    if isinstance(implementation, str):
        return implementation
    processors = getattr(module, "attn_processors", None)  # diffusers
    if isinstance(processors, dict):
        return ", ".join(sorted({type(processor).__name__ for processor in processors.values()})) or None
    return None
