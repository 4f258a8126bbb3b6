"""Select the files of a run directory for a bundle: only regular files that a run writes."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.contract.run_directory import RunDirectory
from energy_score.reports.submission.archive import MAX_MEMBER_BYTES, NAME_RULE, is_member_name
from energy_score.reports.submission.bundle_manifest import LeftOutFile


@dataclass(frozen=True)
class RunFiles:
    """The content of a run's files by member name, and what was left out."""

    members: dict[str, bytes] = field(default_factory=dict)
    left_out: list[LeftOutFile] = field(default_factory=list)


def select_files(directory: RunDirectory, folder: str, *, with_texts: bool) -> RunFiles:
    """Return the files of the run as members of ``folder``; prompts and answers only ``with_texts``.

    Raises:
        UsageError: A file of the run is not a regular file, cannot be read, or is too large; the message names it.
    """
    found = RunFiles()
    own = {path.relative_to(directory.path).as_posix() for path in directory.files}
    other_program = directory.optimum_folder.name
    texts = directory.texts_file.name
    for path, is_folder in _entries(directory.path, directory.path, own, other_program):
        relative = path.relative_to(directory.path).as_posix()
        name = f"{folder}/{relative}"
        is_own = relative in own or relative.startswith(f"{other_program}/")
        if is_folder or not is_own:
            because = "not a file that a run writes"
        elif relative == texts and not with_texts:
            because = "prompts and answers; --with-texts includes them"
        elif not is_member_name(name):
            because = f"name not allowed in a bundle: {NAME_RULE}"
        else:
            found.members[name] = _content(path)
            continue
        safe = os.fsencode(name).decode(errors="replace")
        found.left_out.append(LeftOutFile(path=f"{safe}/" if is_folder else safe, because=because))
    return found


def _entries(folder: Path, root: Path, own: set[str], other_program: str) -> Iterator[tuple[Path, bool]]:
    """Yield the content of ``folder`` by name: files, and as one entry (True) each folder without any file of a run."""
    for path in sorted(folder.iterdir()):
        relative = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_dir():
            yield path, False
        elif relative.split("/")[0] == other_program or any(name.startswith(f"{relative}/") for name in own):
            yield from _entries(path, root, own, other_program)
        else:
            yield path, True


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file, without following links.

    Raises:
        UsageError: It is not a regular file, cannot be read, or is too large.
    """
    try:
        # Non-blocking, in case there is a named pipe.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read, or is a link, which bundles do not contain: {error.strerror}"
        ) from error
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{path}: not a regular file, but bundles contain no others")
        content = stream.read(MAX_MEMBER_BYTES + 1)
    if len(content) > MAX_MEMBER_BYTES:
        raise UsageError(f"{path}: more than the limit of {MAX_MEMBER_BYTES} bytes for a file in a bundle")
    return content
