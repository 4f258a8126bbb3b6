"""The base class of all records, and atomic writing of files."""

import hashlib
import json
import os
import tempfile
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from energy_score.contract.errors import RecordError
from energy_score.contract.log_line import safe_line


def with_offset(moment: datetime) -> datetime:
    """Return ``moment`` unchanged, or in UTC if it has no offset."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A time that can be compared with any other.
Moment = Annotated[datetime, AfterValidator(with_offset)]
# Text from a server, a model's code, a library or another machine. Sanitized when the record is created and again
# when it is read, because a record can come from anywhere.
SafeLine = Annotated[str, AfterValidator(safe_line)]


class Record(BaseModel):
    """A frozen value; unknown fields are rejected."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, ser_json_inf_nan="null")

    def as_text(self) -> str:
        """Return the record as JSON, as stored in its file."""
        return self.model_dump_json(indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write the record as JSON, atomically."""
        write_atomically(path, self.as_text())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the record at ``path``.

        Raises:
            RecordError: The file is missing, damaged, or has another schema version.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RecordError(f"{path}: cannot be read: {error.strerror}") from error
        return cls.of_bytes(content, name=str(path))

    @classmethod
    def of_bytes(cls, content: bytes, *, name: str) -> Self:
        """Parse the record in ``content``; ``name`` is the file's name for messages.

        Raises:
            RecordError: It is damaged, or has another schema version.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise RecordError(
                f"{name}: {where}: {first['msg']}; expected a {cls.__name__} of this program's schema version"
            ) from error

    def digest(self, *, without: AbstractSet[str], exclude_defaults: bool = False) -> str:
        """Return the record's SHA-256 (hex), without the fields ``without`` and, if asked, those at their default."""
        values = self.model_dump(mode="json", exclude=set(without), exclude_defaults=exclude_defaults)
        content = json.dumps(values, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace ``path`` with ``text`` (UTF-8) atomically: readers see the old or the new file, never a part.

    If not ``durable``, the content may be lost in a power failure, but writing is faster.
    """
    write_bytes_atomically(path, text.encode(), durable=durable)


def write_bytes_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` with ``content``, as in ``write_atomically``."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
    except OSError as error:
        error.filename = str(path)  # the caller knows this path, not the temporary one
        raise
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
