import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from energy_score.contract.errors import DatasetError
from energy_score.shared.query_data.pinning import pin_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "media" / "deep").mkdir(parents=True)
    (tmp_path / "media" / "a.png").write_bytes(b"a")
    (tmp_path / "media" / "deep" / "b.png").write_bytes(b"b")
    (tmp_path / "c.wav").write_bytes(b"c")
    file = tmp_path / "q.csv"
    file.write_text("text,image,audio\none,media/a.png,c.wav\ntwo,media/deep/b.png,c.wav\n")
    return file


def test_a_file_of_texts_is_pinned_by_its_bytes_whatever_else_it_names(data: Path) -> None:
    ref = pin_dataset(data, ("text",))
    assert (ref.sha256, ref.media_folders) == (hashlib.sha256(data.read_bytes()).hexdigest(), ())


def test_the_media_of_the_tasks_own_column_are_pinned_with_the_file(data: Path) -> None:
    images, sounds = pin_dataset(data, ("image",)), pin_dataset(data, ("audio",))
    (data.parent / "media" / "a.png").write_bytes(b"changed")
    assert pin_dataset(data, ("image",)).sha256 != images.sha256
    assert pin_dataset(data, ("audio",)).sha256 == sounds.sha256
    assert images.sha256 != sounds.sha256


def test_the_outermost_folders_of_the_media_are_told(data: Path, tmp_path: Path) -> None:
    assert pin_dataset(data, ("image",)).media_folders == (str(tmp_path / "media"),)
    assert pin_dataset(data, ("audio",)).media_folders == (str(tmp_path),)


def test_media_outside_the_files_folder_are_found_and_pinned(data: Path, tmp_path: Path) -> None:
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "q.csv").write_text(f"image\n../media/a.png\n{tmp_path}/media/deep/b.png\n")
    ref = pin_dataset(tmp_path / "sheets" / "q.csv", ("image",))
    assert ref.media_folders == (str(tmp_path / "media"),)


def test_a_folder_of_media_is_pinned_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    before = pin_dataset(tmp_path, ("image",))
    assert before.media_folders == (str(tmp_path),)
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    renamed = pin_dataset(tmp_path, ("image",))
    (tmp_path / "b.png").write_bytes(b"b")
    assert len({before.sha256, renamed.sha256, pin_dataset(tmp_path, ("image",)).sha256}) == 3


def test_media_that_a_table_holds_itself_are_pinned_by_its_bytes(tmp_path: Path) -> None:
    table = pa.table({"image": [{"bytes": b"png", "path": "a.png"}]})
    pyarrow.parquet.write_table(table, tmp_path / "q.parquet")
    ref = pin_dataset(tmp_path / "q.parquet", ("image",))
    assert ref.media_folders == ()
    assert ref.sha256 == hashlib.sha256((tmp_path / "q.parquet").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ('media/a.png\n""\n', r"row 2: column 'image': '' is not a file .expected a path relative to"),
        ("media/none.png\n", r"row 1: column 'image': file 'media/none.png' not found at .*none.png"),
        ("media\n", "file 'media' not found"),
        ("a\0b\n", "not found"),
    ],
)
def test_a_cell_that_names_no_file_is_told_by_row_and_column(data: Path, cells: str, words: str) -> None:
    file = data.with_name("bad.csv")
    file.write_text(f"image,x\n{cells.replace(chr(10), ',1' + chr(10))}")
    with pytest.raises(DatasetError, match=words):
        pin_dataset(file, ("image",))
