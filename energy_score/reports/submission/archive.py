"""The archive format of a bundle: a zip whose bytes are defined by its members, and a reader for only this format.

Members are stored uncompressed, in the order of their names, with one fixed time and mode, and with no data before,
between or after them. So equal members give equal bytes on every machine, and everything else that a zip can contain
(links, zip bombs, overlapping members, data that two readers see differently) is ruled out. Python's zipfile lists the
content, so that a message can name the problem. To check the format, the members are written again. They are written by
this module and not by zipfile, whose bytes can change between versions.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from energy_score.contract.errors import BundleRefusedError, UsageError
from energy_score.contract.plain_text import one_line

MAX_ARCHIVE_BYTES: Final = 512 * 2**20
MAX_MEMBER_BYTES: Final = 256 * 2**20
# The limit of the format without its 64-bit extension is 65,535.
MAX_MEMBERS: Final = 10_000
_MAX_NAME_CHARACTERS: Final = 240
# No absolute path, drive, "..", hidden file, backslash, control character or letter with two encodings.
_NAME: Final = re.compile(r"[A-Za-z0-9_+=@,-][A-Za-z0-9._+=@,-]*(/[A-Za-z0-9_+=@,-][A-Za-z0-9._+=@,-]*)*")
NAME_RULE: Final = (
    f"names must be relative paths of at most {_MAX_NAME_CHARACTERS} characters, made of ASCII letters, digits and "
    "._+=@,- in parts that do not start with a dot"
)

# Source: PKWARE, APPNOTE.TXT 6.3.10, 4.3.7, 4.3.12 and 4.3.16; all numbers are little-endian.
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_MADE_BY_UNIX: Final = 3 << 8 | _VERSION
# 1980-01-01 00:00:00, the earliest time of the format.
_TIME, _DATE = 0, 1 << 5 | 1
_REGULAR_FILE: Final = (stat.S_IFREG | 0o644) << 16
_ENCRYPTED: Final = 0x1
_CENTRAL_MARK: Final = b"PK\1\2"


def is_member_name(name: str) -> bool:
    """Return whether a member of a bundle can have that name, according to NAME_RULE."""
    return len(name) <= _MAX_NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def build_archive(members: Mapping[str, bytes]) -> bytes:
    """Return the archive with ``members``, by name.

    Raises:
        UsageError: It is too large for a bundle; the message names the limit.
    """
    for name, content in members.items():
        assert is_member_name(name), name  # noqa: S101 - whoever collects members has seen to it
        if len(content) > MAX_MEMBER_BYTES:
            raise UsageError(
                f"{name}: {len(content)} bytes, more than the limit of {MAX_MEMBER_BYTES} for a file in a bundle"
            )
    if len(members) > MAX_MEMBERS:
        raise UsageError(
            f"{len(members)} files, more than the limit of {MAX_MEMBERS} for a bundle. Make several bundles."
        )
    data = _assemble(members, {name: zlib.crc32(content) for name, content in members.items()})
    if len(data) > MAX_ARCHIVE_BYTES:
        raise UsageError(
            f"{len(data)} bytes, more than the limit of {MAX_ARCHIVE_BYTES} for a bundle. Make several bundles."
        )
    return data


def read_archive(data: bytes) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the members by name, and the names of those that do not match their checksum (CRC-32).

    Nothing is decompressed, and nothing is written to disk.

    Raises:
        BundleRefusedError: It is not an archive of this format; the message names the member and the rule.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise BundleRefusedError(f"{len(data)} bytes, more than the limit of {MAX_ARCHIVE_BYTES} for a bundle")
    # zipfile creates an object for each directory entry before they can be counted: 6 GB for 512 MiB of entries.
    if (count := data.count(_CENTRAL_MARK)) > MAX_MEMBERS:
        raise BundleRefusedError(f"{count} members, more than the limit of {MAX_MEMBERS} for a bundle")
    infos, comment = _directory(data)
    members: dict[str, bytes] = {}
    seen: set[str] = set()
    begin = 0
    for info in infos:
        _check(info, begin=begin)
        name = info.orig_filename
        if name.lower() in seen:
            raise _refused(name, "another member has the same name, or one that differs only in case")
        seen.add(name.lower())
        content_begin = begin + _LOCAL.size + len(name)
        begin = content_begin + info.file_size
        members[name] = data[content_begin:begin]
    if comment:
        raise BundleRefusedError("the archive has a comment, which bundles do not have")
    stated = {info.orig_filename: info.CRC for info in infos}
    if _assemble(members, stated) != data:
        raise BundleRefusedError(
            "the archive does not have the format of a bundle: different order, times, modes or extra fields, "
            "headers that contradict each other, or data outside of members. Use the original file that 'bundle' "
            "wrote."
        )
    return members, tuple(name for name, content in members.items() if zlib.crc32(content) != stated[name])


def _assemble(members: Mapping[str, bytes], sums: Mapping[str, int]) -> bytes:
    """Return the archive of ``members``, with ``sums`` as their CRC-32."""
    local, central = BytesIO(), BytesIO()
    for name, content in sorted(members.items()):
        path = name.encode("ascii")
        head = (_VERSION, 0, 0, _TIME, _DATE, sums[name], len(content), len(content), len(path), 0)
        central.write(_CENTRAL.pack(_CENTRAL_MARK, _MADE_BY_UNIX, *head, 0, 0, 0, _REGULAR_FILE, local.tell()) + path)
        local.write(_LOCAL.pack(b"PK\3\4", *head) + path + content)
    end = _END.pack(b"PK\5\6", 0, 0, len(members), len(members), central.tell(), local.tell(), 0)
    return local.getvalue() + central.getvalue() + end


def _directory(data: bytes) -> tuple[list[zipfile.ZipInfo], bytes]:
    """Return the entries of the archive's directory in order, and the archive's comment."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return archive.infolist(), archive.comment
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError, OSError, struct.error) as error:
        raise BundleRefusedError(f"not a zip archive, or cut short: {one_line(str(error))}") from error


def _check(info: zipfile.ZipInfo, *, begin: int) -> None:
    """Return if the member's entry is allowed in a bundle; its content must start at ``begin``.

    Raises:
        BundleRefusedError: It is not allowed.
    """
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if not is_member_name(name):
        raise _refused(name, NAME_RULE)
    if kind not in (0, stat.S_IFREG):
        raise _refused(name, "it is a link, a folder or a device, but bundles contain only regular files")
    if info.flag_bits & _ENCRYPTED:
        raise _refused(name, "it is encrypted, but bundles are not")
    if info.compress_type != zipfile.ZIP_STORED:
        raise _refused(name, "it is compressed, but bundles are stored uncompressed, which rules out zip bombs")
    if info.file_size != info.compress_size:
        raise _refused(name, f"its sizes contradict each other: {info.file_size} and {info.compress_size} bytes")
    if info.file_size > MAX_MEMBER_BYTES:
        raise _refused(name, f"{info.file_size} bytes, more than the limit of {MAX_MEMBER_BYTES} for a member")
    if info.header_offset != begin:
        raise _refused(
            name,
            "it does not start where the member before it ends: members overlap, or there is other data between them",
        )


def _refused(name: str, rule: str) -> BundleRefusedError:
    return BundleRefusedError(f"{name[:_MAX_NAME_CHARACTERS]!a}: {rule}")
