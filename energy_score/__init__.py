"""AI Energy Score batch runner: rates AI models by the GPU energy of inference."""

import os

__version__ = "0.1.0"


def version_line() -> str:
    """Name, version and, where ENERGY_SCORE_REVISION says it (as in the image), the revision of this program."""
    revision = os.environ.get("ENERGY_SCORE_REVISION")
    return f"energy-score {__version__}{f' (revision {revision})' if revision else ''}"
