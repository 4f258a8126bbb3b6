"""What tests of several folders share."""

import atexit
import os
import re
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

from energy_score.contract.optimum_environment import describe_optimum_setup, optimum_python
from tests.nvml_simulator.simulator import NvmlSimulator
from tests.support.container_engine import engine, image  # noqa: F401 - fixtures of several folders
from tests.support.leaderboard_pages import browser, large_site, visit  # noqa: F401 - as above

# Whatever needs a part of its own, and whole batches: make test-slow.
_SLOW_PARTS = {"browser", "docker", "e2e", "endpoint", "gpu", "ray", "slurm"}
_SHARED_PARTS = re.compile(r"mark\.(docker|ray|slurm)\b")
_ROOT = Path(__file__).resolve().parents[1]
_REASONS_SHOWN = 10
_REASON_LENGTH = 110

# A test that takes long on a busy machine has not failed.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")
# Before any library reads them: nothing here may wait for a hub, and tiny models run slower on many threads.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell starts a job in the background with Ctrl-C ignored, and so would be the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Simulated GPUs have the same names in every session and worker, and must not be leased away from another one's.
if "ENERGY_SCORE_LOCK_DIR" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    _locks = tempfile.mkdtemp(prefix="energy-score-locks-")
    os.environ["ENERGY_SCORE_LOCK_DIR"] = _locks
    atexit.register(shutil.rmtree, _locks, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # before -m deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow whatever needs a part of its own."""
    for item in items:
        if {mark.name for mark in item.iter_markers()} & _SLOW_PARTS:
            item.add_marker(pytest.mark.slow)


class _OneWorkerForSharedParts(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Keeps the tests of a file on one worker, and those of all files that use containers or clusters too.

    There is one container engine and one set of ports. Groups of pytest-xdist 3.8 do not work with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        uses_shared_part = _SHARED_PARTS.search((_ROOT / file).read_text(encoding="utf-8"))
        return "containers and clusters" if uses_shared_part else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Return the scheduler of ``--dist loadfile``; None leaves the others as they are."""
    return _OneWorkerForSharedParts(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, by reason; the commonest first."""
    reasons = Counter(_skip_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("skipped, by reason")
    for reason, count in reasons.most_common(_REASONS_SHOWN):
        terminalreporter.write_line(f"{count:4}  {reason}")
    if len(reasons) > _REASONS_SHOWN:
        rest = sum(count for _, count in reasons.most_common()[_REASONS_SHOWN:])
        terminalreporter.write_line(f"{rest:4}  for {len(reasons) - _REASONS_SHOWN} further reasons: pytest -rs")


def _skip_reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    line = " ".join(reason.removeprefix("Skipped: ").split())
    return line if len(line) <= _REASON_LENGTH else f"{line[: _REASON_LENGTH - 1]}…"


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the three tiny models."""
    from examples.tiny_models import make_tiny_models  # noqa: PLC0415 - heavy, and most tests need no model

    folder = tmp_path_factory.mktemp("models")
    make_tiny_models(folder)
    return folder


@pytest.fixture(scope="session")
def all_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with tiny models for all ten tasks, one sheet, one data file, and the media that it names."""
    from examples.all_tasks import write_all_tasks  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("all tasks")
    write_all_tasks(folder)
    return folder


@pytest.fixture(scope="session")
def optimum_environment() -> Path:
    """The Python of optimum-benchmark's own environment."""
    python = optimum_python(os.environ)
    if not python.exists():
        pytest.skip(f"optimum-benchmark's environment does not exist: {describe_optimum_setup(os.environ)}")
    return python


@pytest.fixture(scope="session")
def nvml_simulator(tmp_path_factory: pytest.TempPathFactory) -> NvmlSimulator:
    simulator = NvmlSimulator(tmp_path_factory.mktemp("nvml_simulator"))
    if simulator.compiler is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    simulator.build()
    return simulator
