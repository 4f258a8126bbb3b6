"""Facts about locks: the kernel's, held by the living alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.host.locks.lock_folder import LockFolder, machine_lock_folder
from energy_score.host.locks.output_lock import lock_output

HOLD = """
import sys, time
from pathlib import Path
from energy_score.host.locks.output_lock import lock_output
with lock_output(Path(sys.argv[1]), option="--output-dir"):
    print("held", flush=True)
    time.sleep(3600)
"""


def test_a_directory_that_a_process_holds_is_refused_by_its_name_and_free_once_it_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with (
        pytest.raises(
            EnvironmentNotReadyError, match=rf"process {holder.pid} on \S+ since .* \(-c .*choose another -o"
        ),
        lock_output(tmp_path, option="-o"),
    ):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with lock_output(tmp_path, option="-o"):
        assert str(os.getpid()) in (tmp_path / ".lock").read_text()


def test_what_is_left_in_a_lock_file_binds_nobody(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1 holds this for ever")
    with lock_output(tmp_path, option="-o"):
        pass


def test_a_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    with lock_output(tmp_path, option="-o"):
        child = subprocess.Popen(["sleep", "3600"], close_fds=False)
    with lock_output(tmp_path, option="-o"):
        child.kill()
        child.wait()


def test_the_folder_of_a_machines_locks_is_for_everybody_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = LockFolder(tmp_path / "locks")
        folder.lock_on("one").release()
    finally:
        os.umask(before)
    assert (tmp_path / "locks").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "locks" / "one").stat().st_mode & 0o7777 == 0o666
    folder.close()


def test_no_link_is_followed_and_only_plain_files_are_locked(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("content")
    folder = LockFolder(tmp_path / "locks")
    (tmp_path / "locks" / "link").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "locks" / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(EnvironmentNotReadyError, match=f"{name}: cannot be used .* ENERGY_SCORE_LOCK_DIR"):
            folder.lock_on(name)
    folder.close()
    assert (tmp_path / "precious").read_text() == "content"
    (tmp_path / "elsewhere").symlink_to(tmp_path / "locks")
    with pytest.raises(EnvironmentNotReadyError, match="elsewhere"):
        LockFolder(tmp_path / "elsewhere")


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGY_SCORE_LOCK_DIR", str(tmp_path / "mine"))
    folder = machine_lock_folder()
    assert folder.path == tmp_path / "mine"
    folder.close()
    monkeypatch.setenv("ENERGY_SCORE_LOCK_DIR", "/proc/nowhere")
    with pytest.raises(EnvironmentNotReadyError, match="/proc/nowhere"):
        machine_lock_folder()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_another_users_lock_file_can_be_locked_and_is_left_as_it_is(tmp_path: Path) -> None:
    shared = Path("/tmp") / f"energy-score-test-{os.getpid()}"  # noqa: S108 - another user must reach it
    folder = LockFolder(shared)
    try:
        ours = folder.lock_on("gpu")
        assert ours.acquire()
        script = (
            "import os; from pathlib import Path; from energy_score.host.locks.lock_folder import LockFolder\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            f"folder = LockFolder(Path({str(shared)!r})); print(folder.lock_on('gpu').acquire())"
        )
        for expected in ("False", "True"):
            said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
            assert said.stdout.strip() == expected, said.stderr
            ours.release()
    finally:
        folder.remove("gpu")
        folder.close()
        shared.rmdir()
