"""A batch over good and bad rows as a user runs it: local models beside those of the stand-in Hub."""

import csv
from pathlib import Path

import pytest

from tests.e2e.conftest import Workplace
from tests.support.model_cases import hub_models
from tests.support.model_hub import model_hub

pytestmark = pytest.mark.e2e


def test_what_cannot_succeed_is_refused_and_the_others_run(workplace: Workplace, tmp_path: Path) -> None:
    bad = ("missing", "gated-without", "adapter", "own-code", "disk-too-small", "broken-config")
    rows = ["./models/Qwen3-tiny,Off,", *(f"lab/{name},," for name in bad)]
    sheet = workplace.sheet("good and bad.csv", rows)
    with model_hub(hub_models()) as hub:
        variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0", "HF_TOKEN": ""}
        done = workplace.run(sheet, tmp_path / "out", **variables)
    assert done.returncode == 1, done.stderr
    assert "1 done, 0 skipped, 0 failed, 6 refused" in done.stderr
    with (tmp_path / "out" / "master_results.csv").open(encoding="utf-8") as stream:
        errors = {row["model_name"]: row["error_message"] for row in csv.DictReader(stream)}
    assert errors.pop("./models/Qwen3-tiny") == ""
    told = {name.removeprefix("lab/"): text.split("preflight: ")[1].split(":")[0] for name, text in errors.items()}
    assert told == {
        "missing": "exists", "gated-without": "access", "adapter": "weights", "own-code": "remote_code",
        "disk-too-small": "disk", "broken-config": "config",
    }  # fmt: skip
