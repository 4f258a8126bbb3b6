"""Imported first: a Python that cannot run the program gets a one-line error and exit code 3, without a traceback.

Nothing here needs a package, or a Python that is new enough.
"""

import sys
from importlib.util import find_spec

_LEAST = (3, 11)
# What the command line cannot do without. pynvml is for where GPUs are: doctor names it, and run_docker.sh asks for it.
_PACKAGES = ("click", "hydra", "omegaconf", "pydantic", "rich")
_ENVIRONMENT_NOT_READY = 3


def _fault() -> str:
    """Return what is wrong with this Python; an empty text if it can run the program."""
    version = tuple(sys.version_info[:2])
    if version < _LEAST:
        return f"this is {version[0]}.{version[1]}"
    absent = [name for name in _PACKAGES if find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


if _FAULT := _fault():
    sys.stderr.write(
        f"error: {sys.executable}: no Python 3.11 or later with this program's packages ({_FAULT}). Use the "
        "one that make demo installs: source .venv/bin/activate\n"
    )
    raise SystemExit(_ENVIRONMENT_NOT_READY)
