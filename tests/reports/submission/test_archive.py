"""Facts about the one form of archive that is read: everything else that a zip may be is refused by name and rule."""

import io
import stat
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_score.contract.errors import BundleRefusedError, UsageError
from energy_score.reports.submission import archive
from energy_score.reports.submission.archive import build_archive, is_member_name, read_archive

MEMBERS = {"manifest.json": b"{}", "runs/a/x.json": b"hello", "runs/a/empty": b""}

parts = st.text("abcXYZ019_+=@,-.", min_size=1, max_size=8).filter(lambda part: not part.startswith("."))
names = st.lists(parts, min_size=1, max_size=3).map("/".join)
members = st.dictionaries(names, st.binary(max_size=40), max_size=6).filter(
    lambda found: len({name.lower() for name in found}) == len(found)
)


@given(members)
def test_what_is_written_is_read_back_by_us_and_by_zipfile(written: dict[str, bytes]) -> None:
    data = build_archive(written)
    assert read_archive(data) == (written, ())
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == written


def test_the_order_of_the_members_does_not_matter() -> None:
    assert build_archive(dict(reversed(MEMBERS.items()))) == build_archive(MEMBERS)


def test_every_changed_byte_is_refused_or_names_the_damaged_member() -> None:
    data = build_archive(MEMBERS)
    for position in range(len(data)):
        mutated = bytearray(data)
        mutated[position] ^= 0x01
        try:
            _, damaged = read_archive(bytes(mutated))
        except BundleRefusedError:
            continue
        assert damaged, position


@pytest.mark.parametrize("length", range(0, len(build_archive(MEMBERS)), 7))
def test_what_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(BundleRefusedError):
        read_archive(build_archive(MEMBERS)[:length])


def zip_with(name: str, content: bytes = b"x", **attributes: object) -> bytes:
    """A zip of one such member, as another program may write it."""
    info = zipfile.ZipInfo("placeholder", (1980, 1, 1, 0, 0, 0))
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    # Past zipfile's own cleaning of names, as a forger would go.
    info.filename = name
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        opened.writestr(info, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "runs/../../evil", "runs/./a", "/etc/passwd", "//host/share", "runs\\..\\evil", "C:/evil", "C:evil",
        "runs/a\x00.json", "runs/a\nb", "runs/\x1b[31m", "runs/.hidden", ".", "runs//a", "runs/a/", "runs/é",
        "runs/e\u0301", "runs/\u202egnp.exe", "\uff52uns", "a" * 241, "runs/a b", "~root", "runs/$(id)", "",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_or_can_be_read_in_two_ways_is_refused(name: str) -> None:
    assert not is_member_name(name)
    with pytest.raises(BundleRefusedError, match="relative paths") as refused:
        read_archive(zip_with(name))
    assert str(refused.value).isascii()
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_member_that_is_no_regular_file_is_refused(kind: int) -> None:
    with pytest.raises(BundleRefusedError, match="'runs/a': it is a link, a folder or a device"):
        read_archive(zip_with("runs/a", b"/etc/passwd", external_attr=(kind | 0o777) << 16))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_member_is_refused_before_it_is_opened(method: int) -> None:
    bomb = zip_with("runs/a", bytes(10_000_000), compress_type=method)
    assert len(bomb) < 20_000
    with pytest.raises(BundleRefusedError, match="'runs/a': it is compressed"):
        read_archive(bomb)


def patched(data: bytes, offset: int, value: int, *, size: int, local: bool = True) -> bytes:
    """Another number at ``offset`` of the first central header, and with ``local`` at its place in the local one."""
    mutated = bytearray(data)
    central = data.index(b"PK\1\2")
    mutated[central + offset : central + offset + size] = value.to_bytes(size, "little")
    if local:
        mutated[offset - 2 : offset - 2 + size] = value.to_bytes(size, "little")
    return bytes(mutated)


ONE = build_archive({"runs/a": b"hello", "runs/b": b"again"})
SECOND_OFFSET = ONE.rindex(b"PK\1\2") + 42


def overlapping() -> bytes:
    mutated = bytearray(ONE)
    mutated[SECOND_OFFSET : SECOND_OFFSET + 4] = bytes(4)
    return bytes(mutated)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "not a zip archive"),
        (b"PK\5\6" + bytes(10), "not a zip archive"),
        (b"\x1f\x8b\x08\x00", "not a zip archive"),
        (patched(ONE, 8, 1, size=2), "it is encrypted"),
        (patched(ONE, 24, 4, size=4), "sizes contradict each other"),
        (overlapping(), "overlap|not a zip archive"),
        (b"#!/bin/sh\n" + ONE, "does not start where|not a zip"),
        (ONE + b"x", "does not have the format|not a zip"),
        (ONE[:-2] + b"\x05\x00hello", "has a comment"),
        (ONE + ONE, "does not start where|overlap"),
        (patched(ONE, 12, 0x1234, size=2), "does not have the format"),
        (patched(ONE, 12, 0x1234, size=2, local=False), "does not have the format"),
        (zip_with("runs/a", extra=b"\x99\x99\x02\x00hi"), "does not have the format"),
        (zip_with("runs/a", comment=b"hello"), "does not have the format"),
    ],
)  # fmt: skip
def test_an_archive_of_another_form_is_refused_with_the_rule(data: bytes, rule: str) -> None:
    with pytest.raises(BundleRefusedError, match=rule):
        read_archive(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["runs/a", "runs/A", "RUNS/a"])
def test_two_members_of_one_name_are_refused_in_any_case_of_letters(second: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name in ("runs/a", second):
            opened.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(BundleRefusedError, match="another member has the same name"):
        read_archive(stream.getvalue())


def refused_for_its_size(of: Callable[[], bytes]) -> str:
    with pytest.raises(BundleRefusedError) as refused:
        read_archive(of())
    return str(refused.value)


def test_more_than_a_bundle_may_hold_is_refused_and_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    data = build_archive(MEMBERS)
    for limit, value, rule in (
        ("MAX_MEMBERS", 2, "3 members, more than the limit of 2 for a bundle"),
        ("MAX_MEMBER_BYTES", 4, "'runs/a/x.json': 5 bytes, more than the limit of 4 for a member"),
        ("MAX_ARCHIVE_BYTES", 50, f"{len(data)} bytes, more than the limit of 50 for a bundle"),
    ):
        with monkeypatch.context() as limits:
            limits.setattr(archive, limit, value)
            assert refused_for_its_size(lambda: data) == rule
            with pytest.raises(UsageError, match=r"more than the limit"):
                build_archive(MEMBERS)


def test_a_directory_of_more_entries_than_a_bundle_has_members_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = ONE[ONE.index(b"PK\1\2") : ONE.rindex(b"PK\1\2")]
    data = entry * 10_001 + ONE[-22:]
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refused_for_its_size(lambda: data) == "10001 members, more than the limit of 10000 for a bundle"


def test_a_member_of_a_size_that_is_not_there_is_refused() -> None:
    lying = patched(patched(ONE, 24, 2**31, size=4), 20, 2**31, size=4)
    assert "2147483648 bytes" in refused_for_its_size(lambda: lying)


def test_content_that_was_not_stored_is_named() -> None:
    damaged = ONE.replace(b"hello", b"hallo")
    assert zlib.crc32(b"hello") != zlib.crc32(b"hallo")
    assert read_archive(damaged) == ({"runs/a": b"hallo", "runs/b": b"again"}, ("runs/a",))
