"""Parse the sheet: every row becomes a typed config, or all errors of the file are reported at once."""

if __name__ == "__main__":
    import energy_score.host.cli.this_python  # noqa: F401 - first: it ends the program where nothing else can be imported

# isort: split
import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from energy_score.contract.errors import ModelsCsvError, UsageError
from energy_score.contract.model_config import ModelConfig, is_local_model
from energy_score.host.families.registry import find_family
from energy_score.host.sheet.cells import (
    CellFaultError,
    budget_of,
    model_of,
    parse_model_class,
    parse_priority,
    parse_reasoning_mode,
    parse_revision,
    parse_yes,
    state_text,
)
from energy_score.host.sheet.chat_template_cell import parse_chat_template_cell
from energy_score.host.sheet.shipped import SHIPPED_SHEET
from energy_score.shared.tasks.registry import find_task

MODEL, PRIORITY, CLASS = "Models to Add", "Priority (1=hi)", "Class"
TASK, STATE, TEMPLATE = "Task", "Reasoning State", "Chat Template"
REVISION, TRUST = "Revision", "Trust Remote Code"
REQUIRED_COLUMNS = (MODEL, PRIORITY, CLASS, TASK, STATE, TEMPLATE)
OPTIONAL_COLUMNS = (REVISION, TRUST)
_RESULT_COLUMNS = {"model_name", "gpu_energy_wh"}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


Value = TypeVar("Value")


class ModelConfigParser:
    """The parser of one sheet."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def parse(self) -> list[ModelConfig]:
        """Return the rows in the order of the sheet; blank rows and unknown columns are ignored.

        Raises:
            ModelsCsvError: The sheet has errors; the message lists all of them.
            UsageError: The file cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a valid path"
            raise UsageError(
                f"{self.path}: cannot be read: {reason}. Name a models spreadsheet (CSV), or start from the one that "
                f"ships with this program: {SHIPPED_SHEET}"
            ) from error
        return _Reading(self.path.name).read(data)

    @staticmethod
    def filter_configs(
        configs: Iterable[ModelConfig],
        *,
        model_name: str | None = None,
        model_class: str | None = None,
        task: str | None = None,
        reasoning_state: str | None = None,
        exact: bool = False,
    ) -> list[ModelConfig]:
        """Return the configs that pass all given filters; case and blanks in a reasoning state are ignored.

        The class must match exactly, the others as substrings unless ``exact``. ``High`` and ``On`` both match
        ``On (High)``. A task also matches its full alias.
        """

        def found(wanted: str | None, value: str) -> bool:
            if wanted is None:
                return True
            wanted, value = wanted.strip().lower(), value.lower()
            return wanted == value if exact else wanted in value

        def is_alias(wanted: str | None, name: str) -> bool:
            return wanted is not None and wanted.strip().lower() in find_task(name).aliases

        wanted_state = None if reasoning_state is None else state_text(reasoning_state)
        return [
            config
            for config in configs
            if found(model_name, config.model_id)
            and (model_class is None or model_class.strip().upper() == (config.model_class or ""))
            and (found(task, config.task) or is_alias(task, config.task))
            and found(wanted_state, state_text(config.reasoning_state))
        ]


class _Reading:
    """One pass over a sheet that collects configs and errors."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._faults: list[tuple[int, str]] = []
        self._columns: dict[str, int] = {}
        self._width = 0
        self._first_line: dict[tuple[object, ...], int] = {}

    def read(self, data: bytes) -> list[ModelConfig]:
        if data.startswith(_UTF16_MARKS):
            self._fault(1, "file", 'the file is UTF-16. Save it as UTF-8 (in a spreadsheet program: "CSV UTF-8").')
            data = b""
        configs: list[ModelConfig] = []
        records = self._records(self._decode_text(data))
        header = next(records, None)
        if header is not None:
            self._read_header(*header)
            if self._columns:
                configs = [config for line, cells in records if (config := self._row(line, cells))]
        if not configs and not self._faults:
            self._fault(
                1,
                "file",
                f"the file has no rows (expected a header with {', '.join(REQUIRED_COLUMNS)}, and one row per run)",
            )
        if self._faults:
            self._faults.sort(key=lambda fault: fault[0])
            raise ModelsCsvError([text for _, text in self._faults])
        return configs

    @staticmethod
    def _what_else(header: Sequence[str]) -> str:
        """Return what a file with none of our columns is, as far as its header says."""
        if set(header) >= _RESULT_COLUMNS:
            return "this is a results table, not a models spreadsheet. Look at it with 'rate' or 'compare'."
        return f"not a models spreadsheet (expected a header with {', '.join(REQUIRED_COLUMNS)})"

    def _fault(self, line: int, column: str, what: str) -> None:
        self._faults.append((line, f"{self._name}:{line}: {column}: {what}"))

    def _decode_text(self, data: bytes) -> str:
        """Return the text; record an error for every line that is not UTF-8."""
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            for number, line in enumerate(data.splitlines(), start=1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    self._fault(number, "file", f"byte 0x{line[error.start]:02X} is not UTF-8. Save the file as UTF-8.")
            return data.decode("utf-8-sig", errors="replace")

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield each record that is not blank, with the physical line on which it starts."""
        lines = io.StringIO(text, newline="").readlines()
        reader = csv.reader(lines)
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader)
                if reader.line_num == len(lines) and _is_unclosed(lines[start - 1 :]):
                    self._fault(start, "file", 'a quoted cell has no end. Add the closing ".')
            except StopIteration:
                return
            except csv.Error as error:
                self._fault(
                    start, "file", f"not valid CSV: {error} (expected one row per line, special cells in double quotes)"
                )
                continue
            if "".join(cells).strip():
                yield start, cells

    def _read_header(self, line: int, cells: Sequence[str]) -> None:
        known = {column.lower(): column for column in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}
        for index, cell in enumerate(cells):
            column = known.get(" ".join(cell.split()).lower())
            if column in self._columns:
                self._fault(line, column, "the header has this column twice. Remove one.")
            elif column:
                self._columns[column] = index
        if not self._columns or set(cells) >= _RESULT_COLUMNS:
            self._columns.clear()
            self._fault(line, "file", self._what_else(cells))
            return
        for column in REQUIRED_COLUMNS:
            if column not in self._columns:
                self._fault(line, column, f"missing column (expected a header with {', '.join(REQUIRED_COLUMNS)})")
        self._width = len(cells)

    def _row(self, line: int, cells: list[str]) -> ModelConfig | None:
        """Return the config of one record, or None after recording an error for each wrong cell."""
        before = len(self._faults)
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            self._fault(
                line,
                "row",
                f'expected {self._width} cells, found {len(cells)}. Put a cell that contains a comma in "quotes".',
            )
        row = {column: cells[index] for column, index in self._columns.items() if index < len(cells)}

        model = self._meaning(line, MODEL, row, model_of)
        priority = self._meaning(line, PRIORITY, row, parse_priority)
        model_class = self._meaning(line, CLASS, row, parse_model_class)
        task = self._meaning(line, TASK, row, find_task)
        mode = self._meaning(line, STATE, row, parse_reasoning_mode)
        revision = self._meaning(line, REVISION, row, parse_revision)
        trusted = self._meaning(line, TRUST, row, parse_yes)
        template = self._meaning(line, TEMPLATE, row, parse_chat_template_cell)
        if model and revision:
            if model[1] and model[1] != revision:
                self._fault(
                    line, REVISION, f"{revision!r} contradicts {model[1]!r} in the model's URL. Remove one of them."
                )
            elif is_local_model(model[0]):
                self._fault(
                    line, REVISION, f"a local folder has no revisions, found {revision!r}. Leave this cell empty."
                )
        if model is None or task is None or mode is None or template is None or len(self._faults) > before:
            return None

        model_id, revision, budget = model[0], revision or model[1], budget_of(row.get(STATE, ""))
        first = self._first_line.setdefault((model_id, task.name, mode, budget, revision), line)
        if first != line:
            self._fault(
                line,
                MODEL,
                f"duplicate row: line {first} has {model_id} with the same task, reasoning state and revision. "
                "Remove one of them.",
            )
            return None
        family = find_family(model_id)
        return ModelConfig(
            model_id=model_id,
            priority=priority,
            model_class=model_class,
            task=task.name,
            reasoning_state=row.get(STATE, "").strip(),
            reasoning_mode=mode,
            chat_template=row.get(TEMPLATE, ""),
            reasoning_params=dict(template.parameters),
            use_harmony=family is not None and family.speaks_harmony,
            prompt_prefix=template.prefix,
            prompt_suffix=template.suffix,
            system_text=template.system_text,
            thinking_budget=budget,
            revision=revision,
            trust_remote_code=bool(trusted),
            line_number=line,
        )

    def _meaning(self, line: int, column: str, row: dict[str, str], meaning: Callable[[str], Value]) -> Value | None:
        """Parse the cell; return None if the sheet lacks the column, or after recording an error."""
        if column not in self._columns:
            return None
        try:
            return meaning(row.get(column, ""))
        except (CellFaultError, UsageError) as error:
            self._fault(line, column, str(error))
            return None


def _is_unclosed(lines: list[str]) -> bool:
    """Return whether the record in ``lines`` continues on another line, because its last quoted cell has no end."""
    return sum(1 for _ in csv.reader([*lines, "next"])) == 1


if __name__ == "__main__":
    from energy_score.host.cli.sheet_rows import main

    raise SystemExit(main(sys.argv[1:]))
