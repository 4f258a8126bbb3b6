"""Detect out-of-memory errors and report them with figures: on a GPU from torch, on the CPU from the system."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import torch

from energy_score.contract.errors import EnergyScoreError, ModelLoadError, QueryError

_MIB = 2**20
# The message of torch's CPU allocator, which raises a plain RuntimeError (RECIPES, "Inference stack").
_CPU_OUT_OF_MEMORY = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")
_MEMINFO = Path("/proc/meminfo")


def out_of_memory(error: BaseException) -> str | None:
    """Return which memory ran out, with figures in MiB, or None if ``error`` is not about memory."""
    if isinstance(error, torch.OutOfMemoryError):
        free, total = (amount // _MIB for amount in torch.cuda.mem_get_info())
        peak = torch.cuda.max_memory_allocated() // _MIB
        return f"out of GPU memory: {total - free} of {total} MiB in use, peak of this run {peak} MiB"
    if isinstance(error, MemoryError) or any(words in str(error) for words in _CPU_OUT_OF_MEMORY):
        asked = str(error).partition("tried to allocate ")[2].partition(" bytes")[0]
        wanted = f"{int(asked) // _MIB} MiB requested, " if asked.isdecimal() else ""
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return f"out of CPU memory: {wanted}{_available_mib()} of {total} MiB free, peak of this run {peak} MiB"
    return None


@contextlib.contextmanager
def raise_query_error() -> Iterator[None]:
    """Turn exceptions of torch and the libraries during a query into a ``QueryError``; the model stays usable."""
    try:
        yield
    except EnergyScoreError:
        raise
    except (RuntimeError, ValueError, IndexError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        shortage = out_of_memory(error)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise QueryError(shortage or one_line(error)) from error


@contextlib.contextmanager
def raise_load_error(model_id: str) -> Iterator[None]:
    """Turn exceptions of the libraries during loading into a ``ModelLoadError``."""
    try:
        yield
    except EnergyScoreError:
        raise
    except Exception as error:  # transformers raises many types; each means that the model cannot be loaded
        shortage = out_of_memory(error)
        told = f"{shortage} while loading" if shortage else f"cannot be loaded: {one_line(error)}"
        raise ModelLoadError(f"{model_id}: {told}") from error


def one_line(error: BaseException) -> str:
    """Return the error's message on one line, or its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _available_mib() -> str:
    """Return the memory that the system could still provide, in MiB."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return "an unknown part"
    figures = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return str(int(next(figures, "0")) // 1024)
