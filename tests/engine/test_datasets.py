import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from energy_score.contract.errors import DatasetError
from energy_score.contract.run_spec import DatasetRef
from energy_score.engine.datasets import load_queries

TEXTS = ("What is energy?", 'He said "two\nlines", twice.', "Ünïcode ☀")


def texts_of(path: Path, *, text_column: str | None = None, count: int | None = None) -> tuple[str, ...]:
    ref = DatasetRef(path=str(path), columns=("text",), text_column=text_column)
    return tuple(row["text"] for row in load_queries(ref, query_count=count).rows)


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8-sig", newline="")
    return path


def test_a_csv_file_gives_its_text_column(tmp_path: Path) -> None:
    quoted = (text.replace('"', '""') for text in TEXTS)
    path = write(tmp_path / "p.csv", "id,text\r\n" + "".join(f'{n},"{text}"\r\n' for n, text in enumerate(quoted)))
    assert texts_of(path) == TEXTS


@pytest.mark.parametrize(
    "content",
    [list(TEXTS), [{"prompt": text} for text in TEXTS], {"prompts": list(TEXTS)}],
    ids=["texts", "objects", "wrapped"],
)
def test_a_json_file_gives_texts_or_the_usual_column(tmp_path: Path, content: object) -> None:
    assert texts_of(write(tmp_path / "p.json", json.dumps(content))) == TEXTS


def test_a_jsonl_file_gives_one_text_a_line(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": text, "other": 1}) + "\n" for text in TEXTS)
    assert texts_of(write(tmp_path / "p.jsonl", lines + "\n")) == TEXTS


def test_a_parquet_file_gives_its_text_column(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": list(TEXTS)}), tmp_path / "p.parquet")
    assert texts_of(tmp_path / "p.parquet") == TEXTS


def test_a_text_file_gives_one_prompt_a_line_and_no_blank_ones(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path / "p.txt", "one\r\n\r\ntwo\r\n")) == ("one", "two")


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    """JSON allows U+2028 in a text as it is; a page of plain text may hold a form feed."""
    texts = ("one\u2028two", "three\x0cfour\x85five")
    assert texts_of(write(tmp_path / "p.txt", "\r\n".join(texts))) == texts
    lines = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    assert texts_of(write(tmp_path / "p.jsonl", lines)) == texts


def test_a_named_column_is_the_only_one_looked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "text,body\na,b\n")
    assert texts_of(path, text_column="body") == ("b",)
    way_out = r"Choose one with --text-column, or scenario\.text_column_name"
    with pytest.raises(DatasetError, match=rf"no column 'title' among \['text', 'body'\]. {way_out}"):
        texts_of(path, text_column="title")


def test_a_column_of_the_only_name_there_is_is_taken(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path / "p.csv", "sentence\na\n")) == ("a",)


def test_blank_cells_beyond_the_header_are_left_out(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path / "p.csv", "text\na,,\n\nb\n")) == ("a", "b")


def test_the_first_n_are_taken(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path / "p.txt", "a\nb\nc\n"), count=2) == ("a", "b")


def test_asking_for_more_than_there_is_warns_with_both_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert texts_of(write(tmp_path / "p.txt", "a\nb\n"), count=5) == ("a", "b")
    assert "requested=5 available=2" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.json", "{", "not a readable .json file"),
        ("p.json", '{"a": 1, "b": 2}', "expected a list"),
        ("p.jsonl", '"a"\n3\n', "entry 2 is neither"),
        ("p.csv", "text\n", "no prompts"),
        (
            "p.csv",
            "text\na\nHello, who are you?\n",
            'line 3 has more cells than the header; put text that contains a comma in "',
        ),
        ("p.csv", "id;text\n1;Hello\n", "it uses ';' as separator; save it as comma-separated CSV"),
        ("p.csv", "id\ttext\n1\tHello\n", r"it uses '\\t' as separator; save it as comma-separated CSV"),
        ("p.csv", "text,x\n,1\n", "row 1: column 'text': '' is not a non-empty text"),
        ("p.csv", "a,b\n1,2\n", "no column 'text'"),
        ("p.parquet", "no parquet", "not a readable .parquet file"),
        ("p.txt", "\n", "no prompts"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, name: str, content: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        texts_of(write(tmp_path / name, content))


def test_bytes_that_are_no_text_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"text\n\xff\xfe\n")
    with pytest.raises(DatasetError, match="utf-8"):
        texts_of(tmp_path / "p.csv")


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        texts_of(tmp_path / "none.csv")


def test_a_data_set_by_name_is_loaded_through_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in the working directory stands for a repository: the library takes either by the same name."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "org" / "prompts"
    folder.mkdir(parents=True)
    write(folder / "train.csv", "text,label\none,1\ntwo,2\n")
    queries = load_queries(DatasetRef(name="org/prompts", columns=("text",)), query_count=None)
    assert (queries.rows, queries.available_count, queries.revision) == (({"text": "one"}, {"text": "two"}), 2, None)
    with pytest.raises(DatasetError, match="no column 'body'"):
        load_queries(DatasetRef(name="org/prompts", columns=("text",), text_column="body"), query_count=None)


def test_a_data_set_that_cannot_be_had_names_the_way_out() -> None:
    with pytest.raises(DatasetError, match=r"--prompts-file, or scenario\.dataset_name"):
        load_queries(DatasetRef(name="absent/nothing", columns=("text",)), query_count=None)


def test_media_of_a_file_are_decoded_relative_to_it(all_tasks: Path) -> None:
    """One file has all columns; each task picks its own."""
    picked = {}
    for columns in (("image",), ("audio",), ("question", "context"), ("prompt",)):
        ref = DatasetRef(path=str(all_tasks / "queries.csv"), columns=columns)
        picked[columns] = load_queries(ref, query_count=None).rows
    assert [row["image"].size for row in picked["image",]] == [(40, 32), (48, 36)]
    assert [row["audio"].duration_s for row in picked["audio",]] == [0.5, 0.75]
    assert picked["question", "context"][0] == {"question": "what counts?", "context": "the meter counts."}
    assert picked["prompt",][1] == {"prompt": "the blue sea at night"}


def test_a_folder_of_media_is_a_data_set(all_tasks: Path) -> None:
    queries = load_queries(DatasetRef(path=str(all_tasks / "media"), columns=("image",)), query_count=1)
    assert (queries.available_count, queries.rows[0]["image"].size) == (2, (48, 36))


def test_only_the_rows_that_are_run_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "image,x\nnone.png,1\n")
    with pytest.raises(DatasetError, match=r"row 1: column 'image': file 'none.png' not found"):
        load_queries(DatasetRef(path=str(path), columns=("image",)), query_count=None)
    assert texts_of(write(tmp_path / "q.csv", "text,x\na,1\n,2\n"), count=1) == ("a",)


def test_images_and_sound_of_a_hub_data_set_are_decoded(
    all_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As such datasets are stored on the Hub: Parquet files whose columns are typed as images and audio."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "media").mkdir(parents=True)
    table = pa.table(
        {
            "image": [{"bytes": (all_tasks / "media" / "red.png").read_bytes(), "path": "red.png"}],
            "audio": [{"bytes": (all_tasks / "media" / "high.wav").read_bytes(), "path": "high.wav"}],
        }
    )
    features = {"image": {"_type": "Image"}, "audio": {"_type": "Audio"}}
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    pyarrow.parquet.write_table(table.replace_schema_metadata(described), tmp_path / "org" / "media" / "train.parquet")
    (image,) = load_queries(DatasetRef(name="org/media", columns=("image",)), query_count=None).rows
    (sound,) = load_queries(DatasetRef(name="org/media", columns=("audio",)), query_count=None).rows
    assert image["image"].size == (40, 32)
    assert (sound["audio"].duration_s, sound["audio"].sampling_rate_hz) == (0.75, 8_000)
