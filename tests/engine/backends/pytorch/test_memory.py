import pytest
import torch

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.engine.backends.pytorch.memory import out_of_memory, raise_load_error, raise_query_error


def too_much() -> torch.Tensor:
    return torch.empty(2**55)


def test_memory_of_the_cpu_that_ran_out_is_told_with_figures() -> None:
    """The real allocator is asked for more than any machine has."""
    figures = r"out of CPU memory: \d+ MiB requested, \d+ of \d+ MiB free, peak of this run \d+ MiB"
    with pytest.raises(QueryError, match=figures), raise_query_error():
        too_much()
    with pytest.raises(ModelLoadError, match=r"org/m: out of CPU memory: .* while loading"), raise_load_error("org/m"):
        too_much()


def test_memory_of_the_gpu_that_ran_out_is_told_with_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1 * 2**30, 80 * 2**30))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 79 * 2**30)
    told = out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert told == "out of GPU memory: 80896 of 81920 MiB in use, peak of this run 80896 MiB"


def test_what_has_nothing_to_do_with_memory_keeps_its_words() -> None:
    assert out_of_memory(RuntimeError("shapes differ")) is None
    with pytest.raises(QueryError, match=r"^shapes differ$"), raise_query_error():
        raise RuntimeError("shapes\ndiffer")


def test_a_fault_of_this_program_is_no_failed_query() -> None:
    with pytest.raises(TypeError), raise_query_error():
        raise TypeError("a fault")
