"""Facts about ``doctor``."""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_score.host.cli.commands.doctor import can_run, checks, doctor
from energy_score.host.cli.findings_table import plain_lines
from energy_score.host.preflight.check import Check, Probe, Status, gather
from tests.support.patience import PATIENCE_S
from tests.support.stand_in_server import silent, unused_port

TOKEN = "hf_" + "s3cR3t" * 6
module = sys.modules[checks.__module__]  # the package has the command under its name
LIMIT_S = module._LIMIT_S


class Parser:
    """A spreadsheet of two rows."""

    def __init__(self, path: Path) -> None: ...

    def parse(self) -> list[int]:
        return [1, 2]


@pytest.fixture(autouse=True)
def _nothing_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = f"127.0.0.1:{unused_port()}"
    monkeypatch.setenv("HF_ENDPOINT", f"http://{refusing}")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{refusing}")
    monkeypatch.setenv("VLLM_ENDPOINT", f"http://{refusing}/v1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(module, "_LIMIT_S", PATIENCE_S)  # whatever answers here may take its time
    monkeypatch.setattr("energy_score.host.preflight.files.ModelConfigParser", Parser)
    monkeypatch.setattr("energy_score.host.preflight.software.metadata.version", lambda _: "99.0")


def test_a_machine_with_the_packages_can_run_though_nothing_answers() -> None:
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 0, result.output
    assert "ok       package torch" in result.stdout
    assert "models.csv: 2 rows" in result.stdout


def test_a_machine_without_torch_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "torch":
            raise metadata.PackageNotFoundError(package)
        return "99.0"

    monkeypatch.setattr("energy_score.host.preflight.software.metadata.version", version)
    result = CliRunner().invoke(doctor, [])
    assert result.exit_code == 3
    assert "-> pip install -c constraints.txt -e '.[pytorch]'" in result.stdout


def test_json_is_a_list_of_findings_alone_on_standard_output() -> None:
    result = CliRunner().invoke(doctor, ["--json"])
    found = json.loads(result.stdout)
    assert {tuple(entry) for entry in found} == {("name", "status", "found", "remedy")}
    names = [entry["name"] for entry in found]
    assert len(names) == len(set(names))
    assert {"python", "container engine", "image", "endpoint", "hub", "hub token", "spreadsheet"} <= set(names)


def test_every_finding_that_is_not_ok_says_what_to_do() -> None:
    result = CliRunner().invoke(doctor, ["--json"])
    found = [Check(**entry) for entry in json.loads(result.stdout)]
    assert [check.name for check in found if check.status != "ok" and not check.remedy] == ["image"]


def test_the_token_is_never_printed() -> None:
    for arguments in ([], ["--json"]):
        assert TOKEN not in CliRunner().invoke(doctor, arguments).output


def test_where_nothing_ever_answers_the_findings_still_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits_s: list[float] = []

    def noted(probes: Mapping[str, Probe], *, limit_s: float) -> Iterator[Check]:
        limits_s.append(limit_s)
        return gather(probes, limit_s=limit_s)

    monkeypatch.setattr(module, "_LIMIT_S", LIMIT_S)
    monkeypatch.setattr(module, "gather", noted)
    with silent() as address:
        monkeypatch.setenv("HF_ENDPOINT", f"http://{address}")
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{address}")
        found = list(
            checks(csv=Path("x.csv"), output_dir=tmp_path, endpoint=f"http://{address}/v1", image="ai_energy_score")
        )
    assert limits_s == [4.5]  # the findings come within 5 s
    for name in ("container engine", "endpoint", "hub"):
        (check,) = [check for check in found if check.name == name]
        assert "no answer" in check.found


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("package torch", "missing", False),
        ("python", "missing", False),
        ("package docker", "warning", True),
        ("gpu", "missing", True),
        ("spreadsheet", "missing", True),
    ],
)
def test_only_python_and_its_packages_decide_whether_a_local_run_is_possible(
    name: str, status: Status, *, expected: bool
) -> None:
    assert can_run([Check(name, status, "", "")]) is expected


def test_an_engine_with_the_image_needs_no_packages_here() -> None:
    absent = Check("package torch", "missing", "", "")
    engine, image = Check("container engine", "ok", "", ""), Check("image", "ok", "", "")
    assert can_run([absent, engine, image])
    assert not can_run([absent, engine, Check("image", "warning", "", "")])


def test_plain_lines_are_aligned_with_each_remedy_below() -> None:
    found = [Check("a", "ok", "fine", ""), Check("longer", "missing", "none", "get it")]
    assert list(plain_lines(found)) == [
        "ok       a       fine",
        "missing  longer  none",
        "                 -> get it",
    ]
