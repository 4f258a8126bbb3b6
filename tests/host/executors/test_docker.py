"""Facts about the docker executor that need no engine."""

import re

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.host.executors.docker import container_name, open_docker_executor


@pytest.mark.parametrize("run_id", ["org_model_On_20261124", "a+b=c@d,e", "res ults", "ö/../x", "-" * 300, ""])
def test_a_container_is_named_as_engines_allow_and_never_twice(run_id: str) -> None:
    first, second = container_name(run_id), container_name(run_id)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}", first)
    assert first != second


def test_a_memory_limit_that_is_no_size_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="48g"):
        open_docker_executor(timeout_s=1, image="x", memory="much")


def test_an_engine_of_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(EnvironmentNotReadyError, match="--executor local"):
        open_docker_executor(timeout_s=1, image="x", memory=None).check(backend="pytorch")
