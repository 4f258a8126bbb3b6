import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from energy_score.contract.errors import UsageError
from energy_score.reports.leaderboard.site import Prior
from energy_score.reports.leaderboard.versions import list_versions, publish

FILES = 20


def write(text: str, *, pause_s: float = 0.0) -> "Writer":
    return Writer(text, pause_s)


class Writer:
    """Writes a site whose files all hold one text, so that a mixture would show."""

    def __init__(self, text: str, pause_s: float) -> None:
        self._text, self._pause_s = text, pause_s

    def __call__(self, folder: Path, priors: Sequence[Prior]) -> None:
        for number in range(FILES):
            (folder / f"{number}.html").write_text(self._text, encoding="utf-8")
            time.sleep(self._pause_s)
        (folder / "priors.txt").write_text("\n".join(prior.page for prior in priors), encoding="utf-8")


def texts(site: Path) -> set[str]:
    return {(site / f"{number}.html").read_text(encoding="utf-8") for number in range(FILES)}


def test_a_site_is_a_link_to_its_newest_version_and_keeps_the_earlier_ones(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for day, text in ((1, "one"), (2, "two"), (3, "three")):
        publish(site, write(text), now=datetime(2026, 11, day, tzinfo=UTC))
    assert texts(site) == {"three"}
    assert texts(site / "prior" / "2026-11-01T000000Z") == {"one"}
    assert texts(site / "prior" / "2026-11-02T000000Z") == {"two"}
    assert not (site / "prior" / "2026-11-02T000000Z" / "prior").exists()
    listed = (site / "priors.txt").read_text(encoding="utf-8").splitlines()
    assert listed == [f"prior/2026-11-0{day}T000000Z/index.html" for day in (2, 1)]


def test_two_versions_of_one_second_have_two_names(tmp_path: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for text in ("one", "two"):
        publish(tmp_path / "site", write(text), now=now)
    assert texts(tmp_path / "site") == {"two"}
    assert len(list_versions(tmp_path / "site")) == 2


def test_a_version_is_the_newest_whatever_the_clock_says(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(site, write("first"), now=datetime(2026, 11, 2, tzinfo=UTC))
    for number in range(11):
        publish(site, write(f"{number}"), now=datetime(2026, 11, 1, tzinfo=UTC))  # the clock was set back
    assert texts(site) == {"10"}
    assert len(list_versions(site)) == 12
    assert texts(list_versions(site)[0]) == {"first"}
    listed = (site / "priors.txt").read_text(encoding="utf-8").splitlines()
    assert listed[:2] == [f"prior/2026-11-02T000000Z-{number}/index.html" for number in (11, 10)]


def test_a_version_that_cannot_be_written_leaves_the_site_as_it_was(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(site, write("one"))
    before = sorted((path.relative_to(tmp_path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))

    def fail(folder: Path, priors: Sequence[Prior]) -> None:
        (folder / "half.html").write_text("half", encoding="utf-8")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        publish(site, fail)
    after = sorted((path.relative_to(tmp_path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    versions = Path("site.versions")
    assert [one for one in after if one[0] != versions] == [one for one in before if one[0] != versions]


def test_a_folder_that_is_no_site_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with pytest.raises(UsageError, match="was not made by this program"):
        publish(tmp_path / "site", write("one"))


def test_a_link_to_something_else_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "site").symlink_to("other")
    with pytest.raises(UsageError, match="was not made by this program"):
        publish(tmp_path / "site", write("one"))
    assert (tmp_path / "site").readlink() == Path("other")


def publish_slowly(site: Path, text: str) -> None:
    publish(site, write(text, pause_s=0.005))


def test_a_site_is_whole_whenever_the_process_that_makes_it_is_killed(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(site, write("0"))
    context = multiprocessing.get_context("fork")
    killed = 0
    for number in range(1, 31):
        process = context.Process(target=publish_slowly, args=(site, str(number)))
        process.start()
        time.sleep(0.008 * (number % 15))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        assert len(texts(site)) == 1
    assert killed > 5
    publish(site, write("last"))
    assert texts(site) == {"last"}
    assert not list((tmp_path / "site.versions").glob(".unfinished-*"))


def test_two_who_publish_at_once_both_publish(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(site, write("0"))
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=publish_slowly, args=(site, str(number))) for number in (1, 2, 3)]
    for process in processes:
        process.start()
        time.sleep(0.02)
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list_versions(site)) == 4
    assert len(texts(site)) == 1
