"""The schema files say what the code says."""

from pathlib import Path

import pytest

from energy_score.host.cli import schemas
from tests.support.record_factory import __file__ as factory_file

DIRECTORY = Path(factory_file).parents[2] / "schemas"


def test_the_schema_files_equal_the_code() -> None:
    texts = schemas.schema_texts()
    assert {path.name for path in DIRECTORY.iterdir()} == set(texts)
    for name, text in texts.items():
        assert (DIRECTORY / name).read_text(encoding="utf-8") == text, f"python -m {schemas.__name__} writes {name}"


def test_the_check_passes_on_what_was_written_and_names_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--directory", str(tmp_path)]
    assert schemas.main([*there, "--check"]) == 1
    assert schemas.main(there) == 0
    assert schemas.main([*there, "--check"]) == 0
    (tmp_path / "run_spec.v1.json").write_text("{}")
    capsys.readouterr()
    assert schemas.main([*there, "--check"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "run_spec.v1.json: differs from the code" in line
