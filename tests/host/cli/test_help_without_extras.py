"""Every command explains itself where only the packages of the plain installation are there."""

import subprocess
import sys
from pathlib import Path

from batch_runner import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
EXTRAS = (
    "pandas", "jinja2", "matplotlib", "itables", "fontTools", "huggingface_hub", "PIL", "pyarrow", "resvg_py", "scipy",
    "numpy", "cryptography", "httpx2", "docker", "torch", "transformers", "ray", "datasets",
)  # fmt: skip
HELP = f"""
import importlib.util, sys
absent = {EXTRAS!r}
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent: raise ModuleNotFoundError(f"{{name}} is refused", name=name)
sys.meta_path.insert(0, Refusing())
import batch_runner
for name in sys.argv[1:]:
    try:
        batch_runner.main([name, "--help"])
    except SystemExit as end:
        assert end.code == 0, name
"""


def test_every_command_has_a_help_text_without_any_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP, *COMMANDS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: ") == len(COMMANDS)
