"""What vLLM's ``/metrics`` says: its token counters, and whether it caches prefixes."""

import re
from dataclasses import dataclass

from energy_score.contract.server_use import ServerTokens

# Source: vLLM 0.32.0, vllm/v1/metrics/loggers.py; several engines or models are several lines.
_PROMPT, _COMPLETION = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
_CACHE_CONFIG, _CACHE_LABEL = "vllm:cache_config_info", "enable_prefix_caching"
_CACHE_QUERIES = "vllm:prefix_cache_queries_total"
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)", re.ASCII)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class ServerMetrics:
    """The values of one reading of the metrics; None for those that it does not have."""

    tokens: ServerTokens | None = None
    prefix_caching: bool | None = None


def parse_metrics(text: str) -> ServerMetrics:
    """The figures in Prometheus' text format, summed over engines.

    A server that does not tell its configuration shows by its look-ups in the cache that it has one.
    """
    sums: dict[str, int] = {}
    told: set[bool] = set()
    for line in text.splitlines():
        match = _SAMPLE.match(line)
        if match is None:
            continue
        name, labels, value = match.groups()
        if name == _CACHE_CONFIG:
            flags = dict(_LABEL.findall(labels or ""))
            if _CACHE_LABEL in flags:
                told.add(flags[_CACHE_LABEL].lower() in ("true", "1"))
        elif name in (_PROMPT, _COMPLETION, _CACHE_QUERIES):
            sums[name] = sums.get(name, 0) + _whole(value)
    tokens = None
    if _PROMPT in sums and _COMPLETION in sums:
        tokens = ServerTokens(prompt=sums[_PROMPT], completion=sums[_COMPLETION])
    looks_up = True if sums.get(_CACHE_QUERIES) else None
    return ServerMetrics(tokens=tokens, prefix_caching=any(told) if told else looks_up)


def _whole(value: str) -> int:
    """A counter's value, which the format writes as a float; 0 where it is none."""
    try:
        return round(float(value))
    except (ValueError, OverflowError):
        return 0
