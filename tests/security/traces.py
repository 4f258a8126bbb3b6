"""What a program leaves where others can read it: files to their last byte, lines of a terminal, command lines."""

import base64
import csv
import gzip
import io
import json
import re
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from energy_score.contract.csv_text import FORMULA_STARTS

LOG_LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:DEBUG|INFO|WARNING|ERROR|CRITICAL): .*| {4}.*")


def contents_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``folder``, its name first; what is packed also as what it holds."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        yield str(path), str(path.relative_to(folder)).encode() + b"\n" + data
        if data[:2] == b"\x1f\x8b":
            yield f"{path} (unpacked)", gzip.decompress(data)
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                for name in packed.namelist():
                    yield f"{path}:{name}", name.encode() + b"\n" + packed.read(name)


def forms_of(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, in an address, in JSON, and in Base64 wherever in a text it stands."""
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], secret[::-1]}
    for offset in range(3):
        # The first and last characters of Base64 depend on their neighbors.
        packed = base64.b64encode(b"\0" * offset + secret.encode()).decode()
        forms.add(packed[4 if offset else 0 : len(packed) // 4 * 4 - 4])
    return {form.encode() for form in forms}


def is_plain(text: str) -> bool:
    """Return whether every character is harmless; the joiners of emoji and some languages are allowed."""
    acting = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return not [sign for sign in text if unicodedata.category(sign) in acting and sign not in "\u200c\u200d"]


def raw_controls(text: str) -> list[str]:
    """Return the lines of a terminal's output with an active character, except tabs between cells."""
    return [line for line in text.split("\n") if not is_plain(line.replace("\t", ""))]


def live_cells(path: Path) -> list[str]:
    """The cells of a CSV file that a spreadsheet would run, or that reach beyond their line."""
    with path.open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    return [
        cell for cell in cells
        if not is_plain(cell) or (cell.lstrip().startswith(FORMULA_STARTS) and not _is_number(cell))
    ]  # fmt: skip


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@contextmanager
def command_lines(*, every_s: float = 0.01) -> Iterator[Sequence[bytes]]:
    """The command lines of all processes while the context is open, as any user of the machine sees them."""
    seen: dict[bytes, None] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.setdefault(path.read_bytes())
                except OSError:
                    continue  # it has ended
            time.sleep(every_s)

    watcher = threading.Thread(target=look)
    watcher.start()
    lines: list[bytes] = []
    try:
        yield lines
    finally:
        ended.set()
        watcher.join()
        lines.extend(seen)
