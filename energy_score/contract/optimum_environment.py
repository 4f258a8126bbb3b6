"""The location of optimum-benchmark's environment, shared by host and engine."""

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "ENERGY_SCORE_OPTIMUM_PYTHON"
# Next to the package in a clone. An installed program has no such folder and uses the variable.
_MANAGED = Path(__file__).resolve().parents[2] / ".venv-optimum" / "bin" / "python"


def optimum_python(environment: Mapping[str, str]) -> Path:
    """Return that environment's Python: from ``environment``, or else the one that ``make optimum-env`` creates.

    The path is not resolved, because a virtual environment is found by the path of its own link.
    """
    named = environment.get(VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else _MANAGED


def describe_optimum_setup(environment: Mapping[str, str]) -> str:
    """Return instructions for the case that the Python does not exist."""
    named = environment.get(VARIABLE, "").strip()
    ways = "make optimum-env (it installs constraints-optimum.txt into .venv-optimum)"
    return f"{VARIABLE}={named} does not exist; run {ways}" if named else f"run {ways}, or set {VARIABLE}"
