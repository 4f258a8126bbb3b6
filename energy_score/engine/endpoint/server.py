"""The server that a run talks to: one that is there already, or one that the run starts and stops."""

import logging
from collections.abc import Sequence
from typing import Protocol, Self

from energy_score.contract.endpoint_address import is_loopback
from energy_score.shared.gpu.compute_processes import with_descendants
from energy_score.shared.gpu.endpoint_gpus import EndpointGpus, find_endpoint_gpus

log = logging.getLogger(__name__)


class Server(Protocol):
    """Where the queries go, and what on this machine works on them. Leaving the context stops what the run started."""

    @property
    def managed(self) -> bool:
        """Whether the run starts it, so that loading is part of the run and can be measured."""

    @property
    def address(self) -> str:
        """The address of its interface, ending in /v1; of a managed one after ``start``."""

    @property
    def found(self) -> EndpointGpus | None:
        """What ``gpus`` found; None for a managed server, which has the run's own GPUs."""

    def __enter__(self) -> Self:
        """Nothing is started yet."""

    def __exit__(self, *_: object) -> None:
        """Stop it, if the run started it."""

    def start(self) -> None:
        """Return when it answers.

        Raises:
            ModelLoadError: it ended, or did not answer in time; the message has its last words.
        """

    def why_gone(self) -> str | None:
        """How a managed server ended; None while it runs, and for any other."""

    def gpus(self) -> tuple[str, ...] | None:
        """The GPUs to measure: none where they are not known, None for those that this process is shown.

        Asked once the model is loaded: until then the server holds no GPU.

        Raises:
            MeterError: GPUs were named that are not there.
        """

    @property
    def cpu_meters(self) -> tuple[str, ...]:
        """The meters that can see the server's CPU side: this machine's counter, never an estimate of the client."""

    def process_ids(self) -> frozenset[int]:
        """The processes whose work on the GPUs is the run's, beside this one and its descendants."""


class RunningServer:
    """A server that was there before the run and stays after it; ``named_gpus`` are measured in place of its own."""

    managed = False

    def __init__(self, address: str, *, named_gpus: Sequence[str]) -> None:
        self.address = address
        self.found: EndpointGpus | None = None
        self._named_gpus = tuple(named_gpus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It is not the run's to stop."""

    def start(self) -> None:
        """It runs already."""

    def why_gone(self) -> str | None:
        """Nobody here can tell."""
        return None

    def gpus(self) -> tuple[str, ...]:
        """Return the UUIDs of the server's GPUs, and log a warning if they are not known.

        Raises:
            MeterError: A GPU that was named does not exist.
        """
        self.found = find_endpoint_gpus(self.address, named=self._named_gpus)
        if self.found.unseen is not None:
            log.warning("the GPU side is not measured: %s", self.found.unseen)
        else:
            log.info("measured GPUs: %s server_processes=%s", self.found.uuids, sorted(self.found.server_process_ids))
        return self.found.uuids

    @property
    def cpu_meters(self) -> tuple[str, ...]:
        """Return the CPU counter if the server is on this machine; otherwise nothing."""
        return ("rapl",) if is_loopback(self.address) else ()

    def process_ids(self) -> frozenset[int]:
        """Return the process ids of the server and its descendants."""
        return frozenset() if self.found is None else with_descendants(self.found.server_process_ids)
