from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_score.contract.errors import NothingMatchedError, UsageError
from energy_score.host.cli.commands.label import command
from energy_score.reports.ratings.official import open_snapshot
from tests.support.record_factory import make_config, make_failure, make_report, make_run, make_spec


def test_the_label_of_an_official_model_is_written_and_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command, ["--snapshot", "2025-02", "--model-name", "PHI-4", "--to", str(tmp_path)], catch_exceptions=False
    )
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "microsoft_phi-4.svg", "microsoft_phi-4_260x364.png", "microsoft_phi-4_520x728.png",
        "microsoft_phi-4_badge.svg",
    ]  # fmt: skip
    assert all(Path(line).stat().st_size > 0 for line in done.stdout.splitlines())


def test_a_run_of_one_s_own_gets_a_label_with_its_stars(tmp_path: Path) -> None:
    make_run(tmp_path, "one", report=make_report())
    done = CliRunner().invoke(
        command, ["--results", str(tmp_path), "--to", str(tmp_path / "l")], catch_exceptions=False
    )  # fmt: skip
    svg = Path(done.stdout.splitlines()[0]).read_text(encoding="utf-8")
    assert "openai/gpt-oss-20b, 1 of 5 stars, 2,540 Wh" in svg
    assert "Not official." in svg


def test_one_model_rated_in_two_classes_gets_a_label_for_each(tmp_path: Path) -> None:
    for model_class in ("A", "B"):
        report = make_report(spec=make_spec(model_class=model_class))
        make_run(tmp_path, model_class, config=make_config(model_class=model_class), report=report)
    done = CliRunner().invoke(
        command, ["--results", str(tmp_path), "--to", str(tmp_path / "l")], catch_exceptions=False
    )  # fmt: skip
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == len(set(paths)) == len(list((tmp_path / "l").iterdir())) == 8
    for path, model_class in zip((one for one in paths if one.name.endswith("_badge.svg")), "AB", strict=True):
        assert f"-Text-Generation-class-{model_class}-reasoning-O" in path.name
        assert f"class {model_class}" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, "claims to be official, but is not one of"),
        ({"sha256": ""}, "sha256 is missing"),
        ({"official": False, "sha256": ""}, "sha256 is missing"),
    ],
)
def test_a_file_cannot_make_its_models_official(change: dict[str, object], fault: str, tmp_path: Path) -> None:
    mine = open_snapshot("2025-02").model_copy(update={"source": "me"}).seal().model_copy(update=change)
    mine.write(tmp_path / "mine.json")
    with pytest.raises(UsageError, match=fault):
        CliRunner().invoke(
            command, ["--snapshot", str(tmp_path / "mine.json"), "--to", str(tmp_path)], catch_exceptions=False
        )
    open_snapshot("2025-02").write(tmp_path / "copy.json")
    assert open_snapshot(str(tmp_path / "copy.json")).official


def test_without_stars_there_is_no_label(tmp_path: Path) -> None:
    make_run(tmp_path, "one", failure=make_failure())
    with pytest.raises(NothingMatchedError, match="has stars, and a label needs some"):
        CliRunner().invoke(command, ["--results", str(tmp_path)], catch_exceptions=False)
