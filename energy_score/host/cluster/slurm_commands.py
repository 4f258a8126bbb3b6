"""Slurm's commands: sbatch, squeue and scancel; no accounting database is needed, and no shell is used."""

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
# The options that define an array; the user's options must not change them.
_OURS = (
    "array",
    "gres",
    "gpus",
    "gpus-per-node",
    "gpus-per-task",
    "gpus-per-socket",
    "requeue",
    "no-requeue",
    "job-name",
    "parsable",
    "chdir",
    "output",
    "open-mode",
    "wrap",
    "wait",
    "test-only",
    "help",
    "version",
    "usage",
)
_OURS_SHORT = "aGJDoWhV"


class QueuedTask(NamedTuple):
    """A task of an array as shown by squeue; ``is_waiting`` before it starts, with the ``reason``."""

    job_id: str
    is_waiting: bool
    node: str
    reason: str


def require_slurm() -> None:
    """Return if Slurm's commands are installed and its controller answers.

    Raises:
        EnvironmentNotReadyError: The message says what is missing, and what to do.
    """
    missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
    if missing:
        raise EnvironmentNotReadyError(
            f"--executor slurm: {', '.join(missing)} not found on PATH. Run this on a login node of the cluster (or "
            "install slurm-client and its slurm.conf), or use --executor docker or local on a machine with GPUs."
        )
    try:
        queued_tasks(())
    except EnvironmentNotReadyError as error:
        raise EnvironmentNotReadyError(
            f"--executor slurm: {error}. Make sure that sinfo works here: run this on a login node, or "
            f"start the controller."
        ) from error


def refuse_slurm_arguments(arguments: Sequence[str]) -> None:
    """Return if every argument is an sbatch option that our arrays can have.

    Raises:
        UsageError: An argument is not an option, or is set by the batch itself.
    """
    for word in arguments:
        name = word.partition("=")[0]
        if holds_secret(word):
            raise UsageError(
                f"--slurm-arg={name}=…: contains a key, which Slurm shows to all its users. Remove it: "
                "sbatch passes on the environment."
            )
        if not word.startswith("-") or not word.strip("-"):
            raise UsageError(
                f"--slurm-arg={word}: not an sbatch option (expected one argument, such as --slurm-arg=--partition=gpu)"
            )
        if _is_ours(name):
            raise UsageError(
                f"--slurm-arg={word}: {name} is set by the batch itself. Use only options for where and how long to "
                "run: --partition=, --account=, --qos=, --time=, --mem=, --cpus-per-task=, --constraint=, --exclude="
            )


def _is_ours(name: str) -> bool:
    """Return whether sbatch would take the option for one of ours, including abbreviations of long names."""
    if name.startswith("--"):
        return any(ours.startswith(name[2:]) for ours in _OURS)
    return name[1] in _OURS_SHORT


def submit(listed: TaskList, arguments: Sequence[str]) -> str:
    """Submit one array with a task for each run of ``listed``, with ``arguments`` for sbatch; return its job id.

    Raises:
        EnvironmentNotReadyError: sbatch refuses; the message has its output.
    """
    gpus = [f"--gres=gpu:{listed.gpu_count}"] if listed.gpu_count else []
    done = _run(
        "sbatch",
        "--parsable",
        f"--job-name={listed.job_name}",
        f"--array=0-{len(listed.tasks) - 1}",
        *gpus,
        "--requeue",
        f"--chdir={listed.output_directory}",
        f"--output=logs/{listed.job_name}-%a.log",
        "--open-mode=append",
        *arguments,
        given=script(listed.file),
    )
    return done.partition(";")[0].strip()


def script(list_file: Path) -> str:
    """Return the batch script: the worker replaces the shell, so that it receives Slurm's signals."""
    worker = shlex.join([sys.executable, "-m", "energy_score.host.cluster.worker", "--list", str(list_file)])
    package_parent = shlex.quote(str(Path(energy_score.__file__).resolve().parent.parent))
    return (
        "#!/bin/sh\n"
        f"export PYTHONPATH={package_parent}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        f'exec {worker} --index "$SLURM_ARRAY_TASK_ID" '
        '--job "slurm:${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"\n'
    )


def queued_tasks(job_names: Collection[str]) -> Mapping[tuple[str, int], QueuedTask]:
    """Return the queued tasks of the arrays with these names, by job name and index; Slurm is asked even for no names.

    Raises:
        EnvironmentNotReadyError: squeue fails; a missing task then means nothing.
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
    """Cancel the jobs, including running ones.

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
        raise EnvironmentNotReadyError(
            f"{command[0]} not found on PATH. Run this where Slurm's commands are installed."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentNotReadyError(
            f"{command[0]} did not answer within {_ANSWER_S:g} s. Check whether slurmctld is running (sinfo)."
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise EnvironmentNotReadyError(f"{command[0]}: {said}")
    return done.stdout
