from pathlib import Path

import pytest

from energy_score.contract.errors import DatasetError
from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.query_data import tables
from energy_score.shared.query_data.tables import names_in_source, read_table

ALL = ["text", "question", "context", "sentence1", "sentence2", "image", "audio", "prompt"]


def names(*columns: str, present: list[str], text_column: str | None = None) -> dict[str, str]:
    return names_in_source(present, DatasetRef(path="q", columns=columns, text_column=text_column), where="q.csv")


@pytest.mark.parametrize(
    "columns",
    [("text",), ("question", "context"), ("sentence1", "sentence2"), ("image",), ("audio",), ("prompt",)],
    ids=" ".join,
)
def test_each_task_picks_its_own_columns_from_a_file_that_has_all(columns: tuple[str, ...]) -> None:
    assert names(*columns, present=ALL) == {column: column for column in columns}


def test_one_text_may_stand_under_a_usual_name_and_an_image_may_not() -> None:
    assert names("text", present=["id", "prompt"]) == {"text": "prompt"}
    assert names("image", present=["photo"]) == {"image": "photo"}
    with pytest.raises(DatasetError, match=r"q.csv: no column 'image' among \['id', 'prompt']. Choose one with"):
        names("image", present=["id", "prompt"])


def test_two_columns_are_needed_by_their_own_names() -> None:
    with pytest.raises(DatasetError, match=r"q.csv: no column 'context' among \['question', 'text'\]$"):
        names("question", "context", present=["question", "text"])


def test_a_folder_of_media_has_a_row_for_each_file_of_its_kind(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.wav", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert read_table(tmp_path, ("image",)) == [{"image": "a.jpg"}, {"image": "b.PNG"}]
    assert read_table(tmp_path, ("audio",)) == [{"audio": "c.wav"}]


def test_a_folder_is_refused_for_texts_and_where_it_holds_no_such_media(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is a folder, but question and context must be in a file \(.csv"):
        read_table(tmp_path, ("question", "context"))
    with pytest.raises(DatasetError, match=r"no audio files found .expected .flac, .mp3"):
        read_table(tmp_path, ("audio",))


def test_parquet_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tables, "import_module", absent)
    with pytest.raises(DatasetError, match=r"needs the package pyarrow. Install it with: pip install"):
        read_table(tmp_path / "q.parquet", ("text",))
