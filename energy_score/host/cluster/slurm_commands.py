"""Slurm's own commands: sbatch, squeue and scancel, and no accounting database. Nothing goes through a shell here."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import energy_score
from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.contract.log_line import holds_secret
from energy_score.host.cluster.task_list import TaskList

# slurmctld answers within seconds, or is being restarted.
_ANSWER_S = 60.0
# What an array is made of: an option of the user's must not change it.
_OURS = (
    "array", "gres", "gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket", "requeue", "no-requeue", "job-name",
    "parsable", "chdir", "output", "open-mode", "wrap", "wait", "test-only", "help", "version", "usage",
)  # fmt: skip
_OURS_SHORT = "aGJDoWhV"


class QueuedTask(NamedTuple):
    """A task of an array as squeue shows it; ``is_waiting`` before it begins, ``reason`` says for what."""

    job_id: str
    is_waiting: bool
    node: str
    reason: str


def require_slurm() -> None:
    """Return where Slurm's commands are installed and its controller answers.

    Raises:
        EnvironmentNotReadyError: what is missing, and what to do.
    """
    missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
    if missing:
        raise EnvironmentNotReadyError(
            f"--executor slurm: {', '.join(missing)} not found on PATH: run this on a login node of the cluster (or "
            "apt install slurm-client and its slurm.conf), or take --executor docker or local on a machine with GPUs"
        )
    try:
        queued_tasks(())
    except EnvironmentNotReadyError as error:
        raise EnvironmentNotReadyError(
            f"--executor slurm: {error}; sinfo must work here: run this on a login node, or start the controller"
        ) from error


def refuse_slurm_arguments(arguments: Sequence[str]) -> None:
    """Return where every word is an option of sbatch that an array of ours can have.

    Raises:
        UsageError: a word is no option, or one that the batch sets itself.
    """
    for word in arguments:
        name = word.partition("=")[0]
        if holds_secret(word):
            raise UsageError(
                f"--slurm-arg={name}=…: holds a key, which Slurm shows to all its users; valid is without it: "
                "sbatch passes the environment on"
            )
        if not word.startswith("-") or not word.strip("-"):
            raise UsageError(
                f"--slurm-arg={word}: is no option of sbatch; valid is one word, as --slurm-arg=--partition=gpu"
            )
        if _is_ours(name):
            raise UsageError(
                f"--slurm-arg={word}: {name} is set by the batch itself; valid is what says where and for how long: "
                "--partition=, --account=, --qos=, --time=, --mem=, --cpus-per-task=, --constraint=, --exclude="
            )


def _is_ours(name: str) -> bool:
    """Whether sbatch would take the option for one of ours: also any beginning of a long one's name."""
    if name.startswith("--"):
        return any(ours.startswith(name[2:]) for ours in _OURS)
    return name[1] in _OURS_SHORT


def submit(listed: TaskList, arguments: Sequence[str]) -> str:
    """Queue one array with a task for each run of ``listed``; its job id. ``arguments`` are further words for sbatch.

    Raises:
        EnvironmentNotReadyError: sbatch refuses; the message has its words.
    """
    gpus = [f"--gres=gpu:{listed.gpu_count}"] if listed.gpu_count else []
    done = _run(
        "sbatch", "--parsable", f"--job-name={listed.job_name}", f"--array=0-{len(listed.tasks) - 1}", *gpus,
        "--requeue", f"--chdir={listed.output_directory}", f"--output=logs/{listed.job_name}-%a.log",
        "--open-mode=append", *arguments, given=script(listed.file),
    )  # fmt: skip
    return done.partition(";")[0].strip()


def script(list_file: Path) -> str:
    """The batch script: the worker takes the shell's place, so that it is what Slurm sends its signals to."""
    worker = shlex.join([sys.executable, "-m", "energy_score.host.cluster.worker", "--list", str(list_file)])
    package_parent = shlex.quote(str(Path(energy_score.__file__).resolve().parent.parent))
    return (
        "#!/bin/sh\n"
        f"export PYTHONPATH={package_parent}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        f'exec {worker} --index "$SLURM_ARRAY_TASK_ID" '
        '--job "slurm:${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"\n'
    )


def queued_tasks(job_names: Collection[str]) -> Mapping[tuple[str, int], QueuedTask]:
    """What is in the queue of the arrays called so, by job name and index; of no names nothing is, but Slurm is asked.

    Raises:
        EnvironmentNotReadyError: squeue cannot say; that a task is not listed then means nothing.
    """
    names = ",".join(job_names) or "energy-score-none"
    shown = _run("squeue", "--noheader", "--array", f"--name={names}", "--format=%j %F %K %t %N|%r")
    tasks = {}
    for line in shown.splitlines():
        told, _, reason = line.partition("|")
        job_name, job_id, index, state, *nodes = told.split()
        if index.isdecimal():
            tasks[job_name, int(index)] = QueuedTask(
                job_id=job_id, is_waiting=state == "PD", node=nodes[0] if nodes else "", reason=reason.strip()
            )
    return tasks


def cancel(job_ids: Collection[str]) -> None:
    """Take the jobs off the queue, and end what runs of them.

    Raises:
        EnvironmentNotReadyError: scancel fails.
    """
    _run("scancel", *sorted(job_ids))


def _run(*command: str, given: str = "") -> str:
    try:
        done = subprocess.run(  # noqa: S603 - Slurm's own commands, and words that were looked at
            command, input=given, capture_output=True, text=True, timeout=_ANSWER_S, check=False
        )
    except FileNotFoundError as error:
        raise EnvironmentNotReadyError(f"{command[0]} is not on PATH: Slurm's commands are needed here") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentNotReadyError(
            f"{command[0]} did not answer within {_ANSWER_S:g} s: is slurmctld up (sinfo)?"
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise EnvironmentNotReadyError(f"{command[0]}: {said}")
    return done.stdout
