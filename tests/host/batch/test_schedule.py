"""Facts about the order of runs, and about what waits for what; leases are real locks over two GPUs of a list."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import GpuRequirement
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.schedule import Ended, Schedule
from energy_score.host.locks.gpu_leases import GpuLeases, Lease
from energy_score.host.locks.lock_folder import LockFolder
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import H100, make_config, make_spec


@dataclass
class TwoGpus:
    """What leases ask of NVML."""

    processes: dict[str, frozenset[int]] = field(default_factory=dict)
    gpus: tuple[Gpu, ...] = tuple(H100.model_copy(update={"uuid": f"GPU-{letter}"}) for letter in "ab")
    uuids: tuple[str, ...] = ("GPU-a", "GPU-b")

    def compute_process_ids(self, uuid: str) -> frozenset[int]:
        return self.processes.get(uuid, frozenset())

    def close(self) -> None:
        pass


def run(name: str, gpus: int | None) -> ResolvedRun:
    return ResolvedRun(name, make_config(), make_spec(model_class="C", gpu_requirement=GpuRequirement(count=gpus)))


class Bench:
    """A schedule over named runs; ``started`` is what began, with its GPUs.

    Each run but "big" lasts until ``meet`` of them have been under way at once, and a little longer.
    """

    def __init__(self, folder: Path, runs: list[ResolvedRun], *, jobs: int, meet: int = 1) -> None:
        self.devices = TwoGpus()
        self.leases = GpuLeases(self.devices, LockFolder(folder / "locks"))  # type: ignore[arg-type]
        self.notes: list[str] = []
        self.started: list[tuple[str, tuple[str, ...] | None]] = []
        self.at_once, self.most_at_once = 0, 0
        self.may_start: Callable[[], bool] = lambda: True
        self._lock = threading.Lock()
        self._meet, self._have_met = meet, threading.Event()
        self.schedule = Schedule(
            pending=runs, execute=self._execute, leases=self.leases, jobs=jobs, gpu_wait_s=0.5,
            note=self.notes.append, watch=self._watch,
        )  # fmt: skip

    def _execute(self, planned: ResolvedRun, gpu_uuids: tuple[str, ...] | None) -> None:
        with self._lock:
            self.started.append((planned.name, gpu_uuids))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            if self.most_at_once >= self._meet:
                self._have_met.set()
        if planned.name != "big":
            assert self._have_met.wait(PATIENCE_S)
        time.sleep(0.1)  # so that one too many would be seen
        with self._lock:
            self.at_once -= 1
        if planned.name == "raises":
            raise RuntimeError("a fault of the program")

    def _watch(self) -> bool:
        return self.may_start()

    def ended(self) -> list[Ended]:
        return list(self.schedule.ended())


def test_one_at_a_time_keeps_the_order_of_the_sheet(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("a", 1), run("c", 2), run("b", 1), run("no gpu", 0)], jobs=1)
    assert [end.planned.name for end in bench.ended()] == ["a", "c", "b", "no gpu"]
    assert bench.most_at_once == 1
    assert bench.started == [("a", ("GPU-a",)), ("c", ("GPU-a", "GPU-b")), ("b", ("GPU-a",)), ("no gpu", ())]


def test_several_at_a_time_take_the_biggest_first_and_never_a_gpu_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("a", 1), run("b", 1), run("big", 2), run("c", 1)], jobs=4, meet=2)
    assert len(bench.ended()) == 4
    assert bench.started[0] == ("big", ("GPU-a", "GPU-b"))
    assert bench.most_at_once == 2


def test_a_run_that_needs_more_gpus_than_there_are_fails_and_the_others_go_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("huge", 3), run("a", 1)], jobs=1)
    huge, small = bench.ended()
    assert "needs 3 GPUs, but the batch may use only GPU-a, GPU-b" in str(huge.refusal)
    assert (small.planned.name, small.refusal) == ("a", None)


def test_a_foreign_process_is_waited_for_as_long_as_allowed_and_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("pair", 2), run("a", 1)], jobs=1)
    bench.devices.processes["GPU-a"] = frozenset({7})
    start_s = time.monotonic()
    first, second = bench.ended()
    assert (first.planned.name, first.refusal) == ("a", None)  # it fits on the other one
    assert "GPU-a is used by process 7" in str(second.refusal)
    assert time.monotonic() - start_s >= 0.5
    assert len(bench.notes) == 1


def test_a_lease_of_another_batch_is_waited_for_without_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("pair", 2)], jobs=1)
    held = GpuLeases(TwoGpus(), LockFolder(tmp_path / "locks")).lease(1)  # type: ignore[arg-type]
    assert isinstance(held, Lease)
    threading.Timer(1.2, held.release).start()  # longer than gpu_wait_s
    (end,) = bench.ended()
    assert end.refusal is None
    assert "GPU-a is leased by process" in bench.notes[0]


def test_once_nothing_may_start_what_runs_ends_and_the_rest_stays_pending(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run("a", 1), run("b", 1)], jobs=1)
    bench.may_start = lambda: not bench.started
    assert [end.planned.name for end in bench.ended()] == ["a"]
    assert [left.name for left in bench.schedule.pending] == ["b"]


def test_a_fault_of_the_program_in_one_run_ends_that_run_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, [run("raises", 1), run("a", 1)], jobs=1)
    assert [end.planned.name for end in bench.ended()] == ["raises", "a"]
    assert "a fault of the program" in caplog.text


def test_without_gpus_only_the_number_of_jobs_limits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [run(str(number), None) for number in range(6)], jobs=3, meet=3)
    bench.schedule.leases = None
    assert len(bench.ended()) == 6
    assert bench.most_at_once == 3
    assert {gpus for _, gpus in bench.started} == {None}
