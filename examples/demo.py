"""What ``make demo`` runs before the batch: tiny models, prompts and a spreadsheet in the folder that is named."""

import sys
from pathlib import Path

from examples.tiny_models import make_tiny_models

SHEET = """\
Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template
./models/Qwen3-tiny,1,A,text_gen,On,enable_thinking=True
./models/Qwen3-tiny,1,A,text_gen,Off,enable_thinking=False
./models/gpt-oss-tiny,1,A,text_gen,On (High),reasoning_effort: high
./models/gpt-oss-tiny,1,A,text_gen,On (Low),reasoning_effort: low
./models/gpt-oss-tiny,2,A,text_gen,Off (N/A),N/A (default)
./models/base-tiny,2,A,text_gen,Off (N/A),N/A (default)
"""

PROMPTS = """\
What is energy?
How many joules are in a watt-hour?
Which phase of inference reads the prompt?
Why does a reasoning model use more energy than one that answers at once?
Name three ways to make inference cheaper.
What does a meter measure?
"""


def write_demo(folder: Path) -> None:
    """Write models, prompts and sheet into ``folder``; models that are there stay."""
    make_tiny_models(folder / "models")
    (folder / "prompts.txt").write_text(PROMPTS, encoding="utf-8")
    (folder / "models.csv").write_text(SHEET, encoding="utf-8")


if __name__ == "__main__":
    write_demo(Path(sys.argv[1]))
