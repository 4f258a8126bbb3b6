"""The GPUs of a batch, each leased to one run at a time on this machine, by UUID."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.contract.run_report import Gpu
from energy_score.host.locks.lock_folder import LockFolder, machine_lock_folder
from energy_score.shared.file_lock import FileLock
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices

_POLL_S = 0.5


@dataclass(frozen=True)
class Lease:
    """GPUs that a run holds until ``release``, or until this process ends for any reason."""

    uuids: tuple[str, ...]
    locks: tuple[FileLock, ...]

    def release(self) -> None:
        """Release the GPUs."""
        for lock in self.locks:
            lock.release()


@dataclass(frozen=True)
class Refusal:
    """Why GPUs cannot be leased now: held by our other runs, used by a foreign process, or too few."""

    why: Literal["leased", "foreign", "too_few"]
    message: str


class GpuLeases:
    """Leases of the GPUs of ``devices``, stored in ``folder``."""

    def __init__(self, devices: NvmlDevices, folder: LockFolder) -> None:
        self._devices = devices
        self._folder = folder

    @property
    def gpus(self) -> Sequence[Gpu]:
        """Return the GPUs that the batch may use."""
        return self._devices.gpus

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._devices.close()
        self._folder.close()

    def lease(self, count: int, *, among: Sequence[str] = ()) -> Lease | Refusal:
        """Lease ``count`` of the GPUs (of those in ``among`` if it is not empty), all at once or none.

        A GPU with a compute process on it before the run starts belongs to someone else and is not leased.
        """
        wanted = [uuid for uuid in self._devices.uuids if not among or uuid in among]
        if count > len(wanted):
            return Refusal("too_few", f"needs {count} GPUs, but the batch may use only {', '.join(wanted) or 'none'}")
        got: list[tuple[str, FileLock]] = []
        held: list[str] = []
        foreign: list[str] = []
        for uuid in wanted:
            if len(got) == count:
                break
            lock = self._folder.lock_on(f"gpu-{uuid}.lock")
            if not lock.acquire():
                held.append(f"{uuid} is leased by {lock.holder()}")
                lock.release()
                continue
            processes = self._processes_on(uuid)
            if processes:
                foreign.append(
                    f"{uuid} is used by process {', '.join(map(str, processes))}, which is not one of our runs"
                )
                lock.release()
                continue
            got.append((uuid, lock))
        if len(got) < count:
            for _, lock in got:
                lock.release()
            # If enough of them are only leased, it is worth waiting for those leases.
            why: Literal["leased", "foreign"] = "leased" if len(got) + len(held) >= count else "foreign"
            return Refusal(why, f"needs {count} of {len(wanted)} GPUs: {'; '.join((*foreign, *held))}")
        for _, lock in got:
            lock.sign()
        return Lease(tuple(uuid for uuid, _ in got), tuple(lock for _, lock in got))

    def _processes_on(self, uuid: str) -> list[int]:
        try:
            return sorted((self._devices.compute_process_ids(uuid) or frozenset()) - {os.getpid()})
        except MeterError as error:
            raise EnvironmentNotReadyError(str(error)) from error


def wait_for_lease(
    leases: GpuLeases, count: int, *, among: Sequence[str] = (), foreign_wait_s: float, note: Callable[[str], None]
) -> Lease:
    """Wait for a lease and return it: without limit for our other runs, ``foreign_wait_s`` for a foreign process.

    What it waits for is reported to ``note`` once.

    Raises:
        EnvironmentNotReadyError: There are too few GPUs, or the foreign process is still there.
    """
    deadline_s = time.monotonic() + foreign_wait_s
    told: set[str] = set()
    while True:
        lease = leases.lease(count, among=among)
        if isinstance(lease, Lease):
            return lease
        if lease.why == "too_few" or (lease.why == "foreign" and time.monotonic() >= deadline_s):
            raise EnvironmentNotReadyError(lease.message)
        if lease.message not in told:
            told.add(lease.message)
            note(f"waiting: {lease.message}")
        time.sleep(_POLL_S)


def open_gpu_leases(named: str | None) -> GpuLeases | None:
    """Return leases of the visible GPUs, or of those in ``--gpus`` by UUID or index; None if there is no GPU.

    Raises:
        EnvironmentNotReadyError: The named GPUs do not exist, or locks cannot be used on this machine.
    """
    try:
        devices = open_nvml_devices(shown=named)
    except MeterError as error:
        if named is None:
            return None
        raise EnvironmentNotReadyError(
            f"--gpus {named}: {str(error).removeprefix('--meter-gpu: ')} (expected UUIDs or indices from nvidia-smi -L)"
        ) from error
    try:
        return GpuLeases(devices, machine_lock_folder())
    except BaseException:
        devices.close()
        raise
