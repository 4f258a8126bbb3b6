"""The base of every record, and the one way a record reaches the disk."""

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
    """``moment`` as it is; without an offset it was written in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A time that can be compared with every other one.
Moment = Annotated[datetime, AfterValidator(with_offset)]
# Text that a server, a model's code, a library or another machine said. Made safe when the record is made, and again
# when it is read: a record may come from anywhere.
SafeLine = Annotated[str, AfterValidator(safe_line)]


class Record(BaseModel):
    """A frozen value; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    def as_text(self) -> str:
        """The record as JSON, as its file holds it."""
        return self.model_dump_json(indent=1) + "\n"

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_atomically(path, self.as_text())

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record at ``path``.

        Raises:
            RecordError: the file is missing, damaged, or of another schema version.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RecordError(f"{path}: cannot be read: {error.strerror}") from error
        return cls.of_bytes(content, name=str(path))

    @classmethod
    def of_bytes(cls, content: bytes, *, name: str) -> Self:
        """The record that ``content`` holds; ``name`` is the file's, for the message.

        Raises:
            RecordError: it is damaged, or of another schema version.
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
        """SHA-256 (hex) of the record's content but the fields ``without`` and, if asked, those at their default."""
        values = self.model_dump(mode="json", exclude=set(without), exclude_defaults=exclude_defaults)
        content = json.dumps(values, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace ``path`` by ``text`` (UTF-8), so that a reader sees the old file or the new one, never a part.

    What is not ``durable`` may be gone after a power cut, and costs the disk nothing now.
    """
    write_bytes_atomically(path, text.encode(), durable=durable)


def write_bytes_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """As ``write_atomically``, for bytes."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".tmp")
    except OSError as error:
        error.filename = str(path)  # which the caller knows, and not the temporary one
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
