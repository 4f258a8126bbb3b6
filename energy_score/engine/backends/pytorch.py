"""Text generation by transformers' Auto classes on the local device."""

import copy
import time
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedConfig
from transformers.generation.streamers import BaseStreamer

from energy_score.contract.errors import ModelLoadError, PromptRenderError, QueryError
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.backend import Completion, FinishReason, PreparedQuery, Row, TokenLimits, WorkPhase
from energy_score.engine.prompts import PromptRenderer


class PyTorchBackend:
    """One causal language model, greedy, batch size 1."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._on_cuda = torch.cuda.is_available()
        self._model: Any = None
        self._tokenizer: Any = None
        self._renderer: PromptRenderer
        self._commit: str | None = None
        self._context_length: int | None = None
        self._generation_configs: dict[tuple[int, int], GenerationConfig] = {}

    def load(self) -> LoadedModel:
        """As the protocol says."""
        spec = self._spec
        torch.manual_seed(spec.generation.seed)
        source = spec.model_path or spec.model_id
        origin: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code}
        try:
            if spec.model_path is None:
                # Everything is loaded from one commit, though the branch may move in between.
                self._commit = origin["revision"] = _commit_of(spec.model_id, spec.revision or "main")
            self._tokenizer = AutoTokenizer.from_pretrained(source, **origin)
            config = AutoConfig.from_pretrained(source, **origin)
            self._renderer = PromptRenderer(tokenizer=self._tokenizer, plan=spec.prompt_plan)
            self._model = self._load_model(source, origin, config)
        except PromptRenderError:
            raise
        except torch.OutOfMemoryError as error:
            raise ModelLoadError(f"{spec.model_id}: out of GPU memory while loading: {_memory_figures()}") from error
        except Exception as error:  # transformers raises many kinds; each means that the model cannot be loaded
            raise ModelLoadError(f"{spec.model_id}: cannot be loaded: {_one_line(error)}") from error
        self._model.eval()
        self._context_length = getattr(config.get_text_config(), "max_position_embeddings", None)
        return self._read_back()

    @property
    def work_phase(self) -> WorkPhase:
        """Text is generated token by token."""
        return "full"

    def prepare(self, row: Row) -> PreparedQuery:
        """As the protocol says."""
        rendered, ids = self._renderer.render(row["text"])
        needed = len(ids) + self._spec.generation.min_new_tokens
        if self._context_length is not None and needed > self._context_length:
            raise QueryError(
                f"the prompt has {len(ids)} tokens and {self._spec.generation.min_new_tokens} must follow, "
                f"but the model's context holds {self._context_length}"
            )
        if not ids:
            raise QueryError("the prompt is empty")
        return PreparedQuery(rendered=rendered, inputs=torch.tensor([ids]))

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        """As the protocol says."""
        assert limits is not None  # noqa: S101 - the work phase is full
        room, prompt_tokens = limits.max_new_tokens, query.inputs.shape[1]
        if self._context_length is not None:
            room = min(room, self._context_length - prompt_tokens)
        config = self._generation_config(max_new_tokens=room, min_new_tokens=limits.min_new_tokens)
        clock = _TokenClock()
        try:
            with torch.inference_mode():
                ids = query.inputs.to(self._model.device)
                output = self._model.generate(
                    input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config, streamer=clock
                )
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise QueryError(f"out of GPU memory: {_memory_figures()}") from error
        except RuntimeError as error:
            raise QueryError(_one_line(error)) from error
        self.synchronise()
        latency_s = clock.elapsed_s()
        answer = output[0, prompt_tokens:]
        return Completion(
            prompt_tokens=prompt_tokens,
            completion_tokens=len(answer),
            token_times_s=tuple(clock.step_times_s),
            latency_s=latency_s,
            finish_reason=self._finish_reason(answer, room=room, asked=limits.max_new_tokens, config=config),
            output=answer,
        )

    def decode(self, completion: Completion) -> str:
        """As the protocol says; special tokens are kept, so that thinking blocks stay visible."""
        return str(self._tokenizer.decode(completion.output, skip_special_tokens=False))

    def synchronise(self) -> None:
        """As the protocol says."""
        if self._on_cuda:
            torch.cuda.synchronize()

    def _load_model(self, source: str, origin: dict[str, Any], config: PreTrainedConfig) -> torch.nn.Module:
        dtype = getattr(torch, self._spec.generation.dtype)
        device = torch.device("cuda" if self._on_cuda else "cpu")
        # Both are untyped in transformers.
        from_config: Any = AutoModelForCausalLM.from_config
        from_pretrained: Any = AutoModelForCausalLM.from_pretrained
        if self._spec.no_weights:
            # On the device itself: the meta device would leave rotary buffers zero (RECIPES, size-true random weights).
            with device:
                empty: torch.nn.Module = from_config(
                    config, dtype=dtype, trust_remote_code=self._spec.trust_remote_code
                )
            return empty
        several_gpus = self._spec.gpu_requirement.count != 1 and torch.cuda.device_count() > 1
        placement = {"device_map": "auto"} if several_gpus else {}
        model: torch.nn.Module = from_pretrained(source, dtype=dtype, **placement, **origin)
        return model if several_gpus else model.to(device)

    def _read_back(self) -> LoadedModel:
        model = self._model
        placement = {str(device) for device in getattr(model, "hf_device_map", {}).values()}
        return LoadedModel(
            commit=self._commit,
            dtype=str(model.dtype).removeprefix("torch."),
            devices=tuple(sorted({str(parameter.device) for parameter in model.parameters()})),
            parameter_count=sum(parameter.numel() for parameter in model.parameters()),
            attention=getattr(model.config, "_attn_implementation", None),
            random_weights=self._spec.no_weights,
            offloaded=bool(placement & {"cpu", "disk"}),
            context_length=self._context_length,
        )

    def _generation_config(self, *, max_new_tokens: int, min_new_tokens: int) -> GenerationConfig:
        """The model's own defaults (its end tokens above all), made greedy and limited."""
        key = (max_new_tokens, min_new_tokens)
        if key not in self._generation_configs:
            config = copy.deepcopy(self._model.generation_config)
            config.update(
                do_sample=False, num_beams=1, temperature=None, top_p=None, top_k=None, max_length=None,
                max_new_tokens=max_new_tokens, min_new_tokens=min_new_tokens,
            )  # fmt: skip
            if config.pad_token_id is None:
                config.pad_token_id = (_end_tokens(config) or [0])[0]
            self._generation_configs[key] = config
        return self._generation_configs[key]

    @staticmethod
    def _finish_reason(answer: torch.Tensor, *, room: int, asked: int, config: GenerationConfig) -> FinishReason:
        if len(answer) and int(answer[-1]) in _end_tokens(config):
            return "stop"
        return "context" if room < asked else "length"


class _TokenClock(BaseStreamer):  # type: ignore[misc, unused-ignore]
    """Notes when each step's token arrives; generate calls ``put`` with the prompt first."""

    def __init__(self) -> None:
        self.step_times_s: list[float] = []
        self._prompt_seen = False
        self._start_s = time.perf_counter()

    def put(self, value: torch.Tensor) -> None:
        del value  # only its arrival matters
        if self._prompt_seen:
            self.step_times_s.append(self.elapsed_s())
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is buffered."""

    def elapsed_s(self) -> float:
        return time.perf_counter() - self._start_s


def _commit_of(model_id: str, revision: str) -> str:
    """The commit that ``revision`` of a Hub model names now; its config lies in the cache afterwards."""
    config = Path(hf_hub_download(model_id, "config.json", revision=revision))
    return config.parent.name  # the cache keeps each commit in snapshots/COMMIT/


def _end_tokens(config: GenerationConfig) -> list[int]:
    end = config.eos_token_id
    return [] if end is None else [end] if isinstance(end, int) else list(end)


def _memory_figures() -> str:
    free, total = (amount // 2**20 for amount in torch.cuda.mem_get_info())
    return f"{total - free} of {total} MiB in use, peak of this run {torch.cuda.max_memory_allocated() // 2**20} MiB"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
