"""The type stubs of the top-level modules: ``py.typed`` speaks for a package alone (PEP 561), and these are modules.

``python -m tests.support.stub_files`` writes them anew.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "stubs"
MODULES = ("batch_runner", "debug_logger", "model_config_parser", "parameter_handler", "results_aggregator")


def generate_stubs() -> dict[Path, str]:
    """Return each stub's path, below ``stubs/``, and its text."""
    with TemporaryDirectory() as folder:
        sources = [str(ROOT / f"{name}.py") for name in MODULES]
        program = "from mypy.stubgen import main; main()"  # compiled, so that -m cannot start it
        subprocess.run([sys.executable, "-c", program, "--quiet", "--output", folder, *sources], check=True)
        return {
            Path(f"{name}-stubs") / "__init__.pyi": (Path(folder) / f"{name}.pyi").read_text(encoding="utf-8")
            for name in MODULES
        }


def write_stubs() -> None:
    """Write ``stubs/`` anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path, text in generate_stubs().items():
        (FOLDER / path).parent.mkdir(parents=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_stubs()
