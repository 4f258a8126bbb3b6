"""Uploads by the real huggingface_hub, to a stand-in for the Hub; in a process of its own, which reads HF_ENDPOINT."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.reports.leaderboard import push as push_module
from energy_score.reports.leaderboard.update import update_site
from energy_score.reports.leaderboard.versions import versions_folder
from tests.support.hub_stand_in import TOKEN, HubStandIn, hub_stand_in
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import make_report, make_run, make_spec

PROGRAM = """
import sys
from pathlib import Path
from energy_score.contract.errors import EnergyScoreError
from energy_score.reports.leaderboard.push import push
try:
    print(push(Path(sys.argv[1]), {"dataset": "lab/data", "space": "lab/board"}))
except EnergyScoreError as error:
    print(error)
    sys.exit(int(error.exit_code))
"""


def push(site: Path, hub: HubStandIn) -> tuple[int, str]:
    variables = {"HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(site)], env=os.environ | variables, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    make_run(tmp_path / "results", "one", report=make_report())
    update_site(tmp_path / "site", tmp_path / "results", against="own")
    return tmp_path / "site"


def test_data_and_pages_arrive_whole_and_once(site: Path, tmp_path: Path) -> None:
    with hub_stand_in() as hub:
        assert push(site, hub) == (0, "['dataset lab/data', 'space lab/board']\n")
        data, board = hub.repositories["datasets/lab/data"], hub.repositories["spaces/lab/board"]
        assert data["leaderboard.csv"] == (site / "leaderboard.csv").read_bytes()
        assert "index.html" not in data
        assert b"sdk: static" in board.pop("README.md")
        pages = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
        assert board == pages
        assert hub.tokens - {None} == {f"Bearer {TOKEN}"}

        assert push(site, hub) == (0, "[]\n")
        assert len(hub.commits) == 2

        make_run(tmp_path / "results", "two", report=make_report(spec=make_spec(model_id="b/b")))
        board["models/gone.html"] = b"old"
        update_site(site, tmp_path / "results", against="own")
        assert push(site, hub)[0] == 0
        assert "models/gone.html" not in board
        assert len(hub.commits) == 4


def test_a_refusal_is_told_and_the_next_push_goes_on(site: Path) -> None:
    with hub_stand_in() as hub:
        hub.refuses = 403
        code, told = push(site, hub)
        assert code == 3
        assert "could not be pushed to dataset lab/data" in told
        assert TOKEN not in told
        hub.refuses = None
        assert push(site, hub)[0] == 0


def test_an_error_without_a_word_and_a_damaged_record_end_no_push_in_a_traceback(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise httpx2.ReadError("")

    monkeypatch.setattr(push_module, "_upload", break_off)
    (versions_folder(site) / ".pushed.json").write_text("{", encoding="utf-8")
    with pytest.raises(EnvironmentNotReadyError, match=r"pushed to dataset lab/data: ReadError\. Log in"):
        push_module.push(site, {"dataset": "lab/data"})


def test_a_hub_that_is_not_there_is_told(site: Path) -> None:
    code, told = push(site, HubStandIn(address="http://127.0.0.1:9"))
    assert code == 3
    assert "the site was updated here, but could not be pushed" in told
