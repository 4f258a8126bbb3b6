"""Facts about how a record reaches the disk and comes back."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from energy_score.contract.errors import RecordError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.record import Record, write_atomically
from energy_score.contract.run_report import RunReport
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import __file__ as factory_file
from tests.support.record_factory import make_config, make_failure, make_report, make_spec, make_witness

GOLDEN_REPORT = Path(factory_file).parents[1] / "golden" / "run_report.v1.json"

# Reads the file over and over until it holds "stop", and after 20 times makes another one to say so. Ends with 1 at
# the first content that is neither "a"s nor "b"s.
READER = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
print("reading", flush=True)
reads = 0
while (content := path.read_text()) != "stop":
    reads += 1
    if reads == 20:
        pathlib.Path(sys.argv[2]).touch()
    if content not in ("a" * 200_000, "b" * 300_000):
        sys.exit(f"a part: {len(content)} characters")
print(reads)
"""


@pytest.mark.parametrize(
    "record",
    [make_config(), make_spec(), make_report(), make_failure(), make_witness()],
    ids=lambda r: type(r).__name__,
)
def test_a_record_comes_back_as_it_was_written(tmp_path: Path, record: Record) -> None:
    record.write(tmp_path / "record.json")
    assert type(record).read(tmp_path / "record.json") == record


def test_a_report_is_written_as_the_golden_file_shows(tmp_path: Path) -> None:
    make_report().write(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == GOLDEN_REPORT.read_bytes()


def test_the_golden_report_of_schema_version_1_stays_readable() -> None:
    report = RunReport.read(GOLDEN_REPORT)
    assert report == make_report()
    assert report.spec.identity() == report.spec_identity


def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, "a" * 200_000)
    enough = tmp_path / "enough"
    reader = subprocess.Popen([sys.executable, "-c", READER, str(path), str(enough)], stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    while not enough.exists() and reader.poll() is None:
        write_atomically(path, "b" * 300_000)
        write_atomically(path, "a" * 200_000)
    write_atomically(path, "stop")
    reads, _ = reader.communicate(timeout=PATIENCE_S)
    assert reader.returncode == 0
    assert int(reads) >= 20


def test_writers_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    def write(text: str) -> None:
        for _ in range(20):
            write_atomically(path, text)

    path = tmp_path / "record.json"
    texts = [character * 50_000 for character in "abcd"]
    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "record.json"
    write_atomically(path, "old")
    monkeypatch.setattr(step, fail)
    with pytest.raises(type(error)):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.json"]


def test_text_that_is_no_unicode_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    write_atomically(tmp_path / "record.json", "x")
    assert (tmp_path / "record.json").stat().st_mode & 0o777 == 0o644


def test_a_missing_file_is_a_record_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"nothing\.json: cannot be read: No such file"):
        ModelConfig.read(tmp_path / "nothing.json")


def test_an_unknown_field_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(make_config().model_dump_json()[:-1] + ', "colour": "red"}')
    with pytest.raises(RecordError, match="colour: Extra inputs are not permitted; expected a ModelConfig"):
        ModelConfig.read(path)
