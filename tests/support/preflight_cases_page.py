"""Writes the page of preflight cases: ``python -m tests.support.preflight_cases_page > docs/measurements/DAY-….md``.

Every row is what the program printed, started as a user starts it, with HF_ENDPOINT set to the stand-in Hub.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.model_cases import CASES, Case, hub_models, sheet_of
from tests.support.model_hub import TOKEN, model_hub
from tests.support.patience import PATIENCE_S
from tests.support.stand_in_server import unused_port

ROOT = Path(__file__).resolve().parents[2]
HEAD = """# Preflight cases, 2026-11-24

Each row is one model of a **stand-in** for the Hub (`tests/support/model_cases.py`, a real HTTP server on the loopback
address), judged by `python batch_runner.py preflight --csv SHEET --json` with `HF_ENDPOINT` set to it; through the real
huggingface_hub 2.4.0 and transformers 5.23.0, on a machine without a GPU. No case has met the real Hub. Made by
`python -m tests.support.preflight_cases_page`; `tests/host/preflight/models/test_cases.py` holds every case, and
`test_page.py` beside it this page.

| case | the run | what did not pass |
|---|---|---|
"""


def main() -> None:
    """Run every case, and write the page to standard output."""
    together = {name: case for name, case in CASES.items() if name != "slow"}
    rows: dict[str, dict[str, Any]] = {}
    with model_hub(hub_models()) as hub:
        for chosen, token in (
            ({name: case for name, case in together.items() if not case.token}, ""),
            ({name: case for name, case in together.items() if case.token}, TOKEN),
            ({"slow": CASES["slow"]}, ""),
        ):
            rows |= judged(chosen, hub.address, token)
    refused = judged({"good": CASES["good"]}, f"http://127.0.0.1:{unused_port()}", "")
    rows = {name: rows[name] for name in CASES} | {"connection-refused": refused["good"]}
    sys.stdout.write(HEAD + "".join(map(find_line, rows, rows.values())))


def judged(cases: Mapping[str, Case], address: str, token: str) -> dict[str, dict[str, Any]]:
    """What the program found, by case."""
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "cases.csv"
        sheet.write_text(sheet_of(cases), encoding="utf-8")
        variables = {
            "HF_ENDPOINT": address, "HF_HOME": folder, "HF_TOKEN": token, "HF_HUB_OFFLINE": "0",
            "HF_HUB_ETAG_TIMEOUT": "1",
        }  # fmt: skip
        done = subprocess.run(
            [
                sys.executable, str(ROOT / "batch_runner.py"), "preflight", "--csv", str(sheet), "--json",
                "--output-dir", folder,
            ],
            env=os.environ | variables, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
    sys.stderr.write(done.stderr)
    return {row["model"].removeprefix("lab/"): row for row in json.loads(done.stdout)}


def find_line(name: str, row: Mapping[str, Any]) -> str:
    """The case as a row of the page's table."""
    shown = [
        f"**{one['rule']}** {one['status']}: {one['found']}".replace("|", "\\|").replace("<", "&lt;")
        for one in row["findings"]
        if one["status"] != "pass"
    ]
    return f"| {name} | {'may run' if row['can_run'] else 'refused'} | {'; '.join(shown) or 'all passed'} |\n"


if __name__ == "__main__":
    main()
