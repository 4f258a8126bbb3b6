"""Where optimum-benchmark's own environment is: host and engine look in the same place."""

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "ENERGY_SCORE_OPTIMUM_PYTHON"
# Beside the package in a clone; an installed program has no such folder and names its Python by the variable.
_MANAGED = Path(__file__).resolve().parents[2] / ".venv-optimum" / "bin" / "python"


def optimum_python(environment: Mapping[str, str]) -> Path:
    """The Python of that environment as ``environment`` names it, else the one that ``make optimum-env`` makes.

    Not resolved: a virtual environment is found by the path of its own link.
    """
    named = environment.get(VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else _MANAGED


def how_to_have_it(environment: Mapping[str, str]) -> str:
    """What to do where the Python is not there."""
    named = environment.get(VARIABLE, "").strip()
    ways = "make optimum-env (it installs constraints-optimum.txt into .venv-optimum)"
    return f"{VARIABLE}={named} names none; run {ways}" if named else f"run {ways}, or name one with {VARIABLE}"
