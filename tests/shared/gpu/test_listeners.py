"""Who listens on a port, and what belongs to a process, as the real /proc tells."""

import os
import socket
import subprocess
import sys

from energy_score.shared.gpu.compute_processes import with_descendants
from energy_score.shared.gpu.endpoint_gpus import find_endpoint_gpus
from energy_score.shared.gpu.listeners import listening_process_ids
from tests.nvml_simulator.simulator import NvmlSimulator
from tests.support.stand_in_server import unused_port

FIND = "from energy_score.shared.gpu.endpoint_gpus import *; print(find_endpoint_gpus('{address}'))"


def test_the_process_that_listens_is_found_by_its_port_and_no_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert listening_process_ids(port) == {os.getpid()}
    assert listening_process_ids(unused_port()) == frozenset()


def test_a_socket_of_ipv6_and_one_of_every_address_are_found_too() -> None:
    with socket.create_server(("", 0)) as server:
        assert listening_process_ids(server.getsockname()[1]) == {os.getpid()}
    if socket.has_dualstack_ipv6():
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            assert listening_process_ids(server.getsockname()[1]) == {os.getpid()}


def test_descendants_are_found_to_the_last() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os; print(os.getpid()); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        grandchild_id = int(child.stdout.readline())
        found = with_descendants({child.pid})
        child.communicate("\n")
    assert {child.pid, grandchild_id} <= found
    assert os.getpid() not in found
    assert with_descendants(()) == frozenset()


def test_where_no_gpu_is_found_the_reason_is_told_and_nothing_raised() -> None:
    found = find_endpoint_gpus(f"http://127.0.0.1:{unused_port()}/v1")
    assert found.uuids == ()
    assert found.unseen


def test_each_reason_for_no_gpu_says_what_would_help(nvml_simulator: NvmlSimulator) -> None:
    for address, reason in {
        "http://gpu-host:8000/v1": "is not on a loopback address",
        f"http://127.0.0.1:{unused_port()}/v1": "no process of this user listens",
    }.items():
        done = nvml_simulator.run(FIND.format(address=address), own_process=0)
        assert reason in done.stdout, done.stderr
        assert "--meter-gpu" in done.stdout
