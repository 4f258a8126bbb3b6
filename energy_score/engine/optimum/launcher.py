"""Run optimum-benchmark's command line and mark where its tracked phases begin and end.

Executed by the Python of optimum-benchmark's environment, which has none of this project's packages: it uses only the
standard library and that environment. The first two arguments are file descriptors, one to write marks to and one to
read replies from; the others are the command line.

A mark is one JSON object per line, and the process waits for one line in reply, so that the meters can be read
at exactly that moment. The marks are outside of optimum-benchmark's own tracking: it measures what it always measures.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Method = Callable[[Any, dict[str, Any], dict[str, Any]], Any]


class Marks:
    """The two pipes to the engine."""

    def __init__(self, write_descriptor: int, read_descriptor: int) -> None:
        for descriptor in (write_descriptor, read_descriptor):
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keywords
        self._out = os.fdopen(write_descriptor, "w", encoding="utf-8")
        self._answers = os.fdopen(read_descriptor, encoding="utf-8")

    def send(self, mark: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Send a mark to the engine, and wait until it has read its meters."""
        self._out.write(json.dumps({"mark": mark, **facts}) + "\n")
        self._out.flush()
        if not self._answers.readline():  # the engine is gone
            os._exit(1)


def put_marks(marks: Marks, scenario_class: Any, backend_class: Any) -> None:  # noqa: ANN401 - their classes
    """Add marks around what the scenario tracks, and record the input and output of each model call."""
    track = scenario_class.track
    calls: list[tuple[int, int | None, float]] = []

    @contextmanager
    def marked_track(scenario: Any, task_name: str) -> Iterator[None]:  # noqa: ANN401 - their scenario
        calls.clear()
        marks.send("begin", phase=task_name)
        with track(scenario, task_name):
            yield
        facts: dict[str, Any] = {"calls": list(calls)}
        if task_name == "load_model":
            facts["model"] = read_model_facts(scenario.backend.pretrained_model)
        marks.send("end", phase=task_name, **facts)
        if task_name == "preprocess_dataset":  # read outside of the phase
            marks.send("inputs", input_ids=[list(map(int, row)) for row in scenario.dataset["input_ids"]])

    def noting(method: Method) -> Method:
        def call(backend: Any, inputs: dict[str, Any], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
            start_s = time.perf_counter()
            output = method(backend, inputs, kwargs)
            # The host knows shapes, so reading them does not wait for the device.
            prompt_tokens = inputs["input_ids"].shape[1]
            tokens = output.shape[1] - prompt_tokens if hasattr(output, "shape") else None
            calls.append((prompt_tokens, tokens, time.perf_counter() - start_s))
            return output

        return call

    scenario_class.track = marked_track
    for name in ("prefill", "generate", "forward"):
        setattr(backend_class, name, noting(getattr(backend_class, name)))


def read_model_facts(model: Any) -> dict[str, Any]:  # noqa: ANN401 - a model of transformers
    """Return the settings read back from the loaded model."""
    placement = {str(device) for device in getattr(model, "hf_device_map", {}).values()}
    devices = {str(parameter.device) for parameter in model.parameters()}
    on_gpu = any(device.startswith("cuda") for device in devices) or bool(placement - {"cpu", "disk"})
    quantizer = getattr(model, "hf_quantizer", None)
    method = getattr(getattr(quantizer, "quantization_config", None), "quant_method", None)
    return {
        "commit": getattr(model.config, "_commit_hash", None),
        "dtype": str(model.dtype).removeprefix("torch."),
        "devices": sorted(devices),
        "parameter_count": sum(parameter.numel() for parameter in model.parameters()),
        "attention": getattr(model.config, "_attn_implementation", None),
        # A model that is entirely on the CPU was not offloaded.
        "offloaded": "disk" in placement or (on_gpu and "cpu" in placement),
        "context_length": getattr(model.config.get_text_config(), "max_position_embeddings", None),
        "quantization": None if method is None else str(getattr(method, "value", method)),
    }


def main() -> None:
    """Run the command line with marks."""
    marks = Marks(int(sys.argv[1]), int(sys.argv[2]))
    sys.argv = ["optimum-benchmark", *sys.argv[3:]]
    from optimum_benchmark.backends.pytorch.backend import PyTorchBackend  # noqa: PLC0415 - only their environment
    from optimum_benchmark.cli import main as command_line  # noqa: PLC0415 - as above
    from optimum_benchmark.scenarios.energy_star.scenario import EnergyStarScenario  # noqa: PLC0415 - as above

    put_marks(marks, EnergyStarScenario, PyTorchBackend)
    command_line()
    marks.send("done")


if __name__ == "__main__":
    main()
