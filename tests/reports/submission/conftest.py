from collections.abc import Callable
from pathlib import Path

import pytest

from energy_score.contract.run_directory import RunDirectory
from energy_score.reports.submission.make import Bundle, make_bundle
from tests.support.finished_runs import NAME, write_finished_run

MakeBundle = Callable[..., Bundle]


@pytest.fixture(autouse=True)
def no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment of the tests could occur in a made-up file by chance."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "VLLM_API_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One official run, in a bundle."""
    directory = write_finished_run(tmp_path_factory.mktemp("official"))
    return make_bundle({NAME: directory}, against="2025-02").content


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """As ``bundle``, of six queries: rateable, and so quick to check that it can be mutated many times."""
    directory = write_finished_run(tmp_path_factory.mktemp("small"), query_count=6)
    return make_bundle({NAME: directory}, against="2025-02").content


@pytest.fixture
def make() -> MakeBundle:
    def of(directory: RunDirectory | Path, **options: object) -> Bundle:
        run = directory if isinstance(directory, RunDirectory) else RunDirectory(directory)
        return make_bundle({NAME: run}, **({"against": "2025-02"} | options))  # type: ignore[arg-type]

    return of
