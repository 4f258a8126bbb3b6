"""How to install what is missing: one remedy for a checkout, another for an installed package."""

import shlex
from pathlib import Path

PACKAGE = "ai-energy-score-batch-runner"
_ROOT = Path(__file__).resolve().parents[2]


def checkout() -> Path | None:
    """Return the folder of the checkout that this program runs from, None if it is an installed package."""
    return _ROOT if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "batch_runner.py").is_file() else None


def install_command(extra: str = "") -> str:
    """Return the command that installs this program with ``extra``, as it is typed in any folder."""
    brackets = f"[{extra}]" if extra else ""
    folder = checkout()
    if folder is None:
        return f'pip install "{PACKAGE}{brackets}"'
    if folder == Path.cwd():
        return f"pip install -c constraints.txt -e '.{brackets}'"
    return f"pip install -c {shlex.quote(f'{folder}/constraints.txt')} -e {shlex.quote(f'{folder}{brackets}')}"
