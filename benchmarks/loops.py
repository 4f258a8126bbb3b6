"""The same loaded model and token ids in two loops: a bare greedy ``generate``, and the harness's own full pass."""

import io
from collections.abc import Sequence
from typing import Any

import torch

from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.pytorch.backend import PyTorchBackend
from energy_score.engine.benchmark import Benchmark
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.meter import Meter
from energy_score.engine.query import Row, TokenLimits


class Loops:
    """Both loops over ``rows`` with the model of ``spec``, loaded and warmed up."""

    def __init__(self, spec: RunSpec, rows: Sequence[Row], meters: Sequence[Meter]) -> None:
        self._backend = PyTorchBackend(spec)
        self.model: LoadedModel = self._backend.load()
        self.measurement = Measurement(meters, synchronise=self._backend.synchronise)
        self._benchmark = Benchmark(
            spec=spec,
            backend=self._backend,
            rows=rows,
            measurement=self.measurement,
            events=EventStream(io.StringIO()),
        )
        self._new_tokens = spec.generation.max_new_tokens or 1
        self._inputs = [self._backend.prepare(row).inputs for row in rows]
        self._benchmark.warm_up()

    def bare(self) -> None:
        """What anyone would write around ``generate``, with a generation config made once, as the backend has it."""
        text: Any = self._backend._loaded  # noqa: SLF001 - the peer must have the very same model
        model = text._model  # noqa: SLF001 - as above
        config = text._generator._config(  # noqa: SLF001 - and the very same settings
            TokenLimits(self._new_tokens, self._new_tokens)
        )
        with torch.inference_mode():
            for ids in self._inputs:
                on_device = ids.to(model.device)
                model.generate(input_ids=on_device, attention_mask=torch.ones_like(on_device), generation_config=config)

    def harness(self) -> None:
        """The full pass of a run: streamer, per-query records, progress events."""
        self._benchmark._work_pass()  # noqa: SLF001 - without the window around it
