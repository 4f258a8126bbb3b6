"""The values of the documented keys, each as what it means or refused by its key."""

import re
from pathlib import Path
from typing import Any, Literal, cast, get_args

from energy_score.contract.choices import Dtype
from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import is_local_model
from energy_score.contract.plain_text import shortened
from energy_score.host.sheet.cells import CellFaultError, model_of
from energy_score.host.single_run.composition import Composition
from energy_score.shared.tasks.registry import task_of

DTYPES = get_args(Dtype)
_FILE_ENDINGS = (".csv", ".json", ".jsonl", ".parquet", ".txt")
_QUOTE_MAX = 300
_GPU_UUID = re.compile(r"GPU-[0-9A-Fa-f-]+")
_DEVICE_HINT = "null; one GPU among several is backend.device_ids"
_WORDS = {"true": True, "on": True, "false": False, "off": False}


class Values:
    """The values of one composition, read key by key; ``directory`` is what paths are relative to.

    Every method raises UsageError, naming the key, its value and what would be valid.
    """

    def __init__(self, composition: Composition, *, directory: Path) -> None:
        self._composition = composition
        self._directory = directory

    def model(self) -> tuple[str, str | None]:
        """The model as a Hub id, or a folder as written, and the revision that a Hub address names."""
        key, written = "backend.model", self._text("backend.model")
        if written is None:
            raise UsageError(f"{key} is missing; valid is {key}=org/name (a Hub id), or a folder ({key}=./name)")
        return self._model(key, written)

    def folder_note(self) -> str | None:
        """How to name the folder that is called as the Hub id is; None where there is none."""
        model_id, _ = self.model()
        if is_local_model(model_id) or not self._path(model_id).is_dir():
            return None
        return f"backend.model={model_id} is read as a Hub id; the folder of that name is backend.model=./{model_id}"

    def processor(self) -> str | None:
        """Where the processor comes from, a Hub id or an absolute folder; None where that is the model itself."""
        key, written = "backend.processor", self._text("backend.processor")
        if written is None:
            return None
        processor, revision = self._model(key, written)
        if revision is not None:
            raise self.fault(key, "names a revision, which only a model can have; valid is its Hub id alone")
        model = self._place(self.model()[0])
        return None if self._place(processor) == model else self._place(processor)

    def device(self) -> Literal["cuda", "cpu"] | None:
        """The kind of device, None where the machine decides."""
        return cast('Literal["cuda", "cpu"] | None', self._word("backend.device", ("cuda", "cpu"), _DEVICE_HINT))

    def device_ids(self) -> tuple[str, ...]:
        """The GPUs that were named, by index or UUID, in their order."""
        key = "backend.device_ids"
        value = self._value(key)
        entries = value if isinstance(value, list) else [] if value is None else str(value).split(",")
        ids = tuple(str(entry).strip() for entry in entries)
        wrong = [entry for entry in ids if not (entry.isascii() and entry.isdecimal()) and not _GPU_UUID.match(entry)]
        if wrong or (value is not None and not ids) or len(set(ids)) < len(ids):
            raise self.fault(key, "is no list of GPUs; valid are indices (0 or 0,1) or UUIDs, each once")
        return ids

    def dtype(self) -> Dtype | None:
        """The precision of the weights, None for the task's."""
        key = "backend.torch_dtype"
        value = self._text(key)
        if value == "auto":
            raise self.fault(
                key,
                "would be whatever each checkpoint was saved in, and models would not be compared at one precision; "
                f"valid is {', '.join(DTYPES)}, or null for the task's",
            )
        return cast("Dtype | None", self._word(key, DTYPES, "null for the task's", prefix="torch."))

    def device_map(self) -> Literal["auto"] | None:
        """How the model is spread over the GPUs, None where one holds it."""
        return cast('Literal["auto"] | None', self._word("backend.device_map", ("auto",), "null"))

    def task(self) -> str:
        """The task of the configuration, by the sheet's name."""
        key, own = "backend.task", task_of(self._composition.task)
        written = self._text(key)
        if written is not None and written.strip().lower() not in (own.name, *own.aliases):
            raise self.fault(
                key,
                f"is not the task of --config-name {self._composition.config_name}; valid is "
                f"{', '.join((own.name, *own.aliases))}, or another --config-name",
            )
        return own.name

    def dataset(self) -> tuple[str | None, Path | None]:
        """The Hub data set, or the file, that the prompts come from; neither for the task's own."""
        key, name = "scenario.dataset_name", self._text("scenario.dataset_name")
        if name is None:
            return None, None
        path = self._path(name)
        if path.is_file():
            return None, path
        if is_local_model(name) or name.lower().endswith(_FILE_ENDINGS):
            raise self.fault(key, f"is no file: {path}; valid is an existing file, or a Hub data set (org/name)")
        return name, None

    def text_column(self) -> str | None:
        """The column that holds the prompts, None for the task's."""
        return self._text("scenario.text_column_name")

    def count(self, key: str, *, none: str) -> int | None:
        """A whole number from 1, None for null, which means what ``none`` says."""
        value = self._value(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self.fault(key, f"is no number; valid is a whole number from 1, or null ({none})")
        return value

    def switch(self, key: str) -> bool | None:
        """True, false, or None for null."""
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.fault(key, "is neither; valid is True or False")

    def reasoning(self) -> bool | None:
        """Whether the model is asked to reason, None where it is asked for neither."""
        key = "scenario.reasoning"
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        word = _WORDS.get(value.lower()) if isinstance(value, str) else None
        if word is None:
            raise self.fault(
                key,
                "is no reasoning mode; valid is True, False, or null; an effort is "
                "scenario.reasoning_params.reasoning_effort=low|medium|high",
            )
        return word

    def reasoning_params(self) -> dict[str, bool | int | float | str]:
        """The variables for the chat template; one that is null is not there."""
        key = "scenario.reasoning_params"
        value = self._value(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fault(key, f"is no mapping; valid is {key}.NAME=VALUE")
        for name, variable in value.items():
            if isinstance(variable, (dict, list)):
                raise UsageError(f"{key}.{name}={variable}: is not one value; valid is a text, a number, True or False")
        return {str(name): variable for name, variable in value.items() if variable is not None}

    def fault(self, key: str, what: str) -> UsageError:
        """The error that says of the value of ``key`` what is wrong with it."""
        return UsageError(f"{key}={self._value(key)}: {what}")

    def _value(self, key: str) -> Any:  # noqa: ANN401 - whatever YAML can hold
        value = self._composition.values[key]
        return None if value == "None" else value

    def _text(self, key: str) -> str | None:
        value = self._value(key)
        if value is None:
            return None
        if not str(value).strip():
            raise UsageError(f"{key} is empty; valid is a name, or null for the default")
        return str(value)

    def _word(self, key: str, words: tuple[str, ...], otherwise: str, *, prefix: str = "") -> str | None:
        value = self._text(key)
        word = None if value is None else value.strip().lower().removeprefix(prefix)
        if word is not None and word not in words:
            raise self.fault(key, f"is not valid; valid is {', '.join(words)}, or {otherwise}")
        return word

    def _model(self, key: str, written: str) -> tuple[str, str | None]:
        path = self._path(written)
        if is_local_model(written):
            if not path.is_dir():
                raise self.fault(key, f"is no folder: {path}; valid is a Hub id (org/name), or a folder (./name)")
            return written, None
        try:
            return model_of(written)
        except CellFaultError as error:
            folder = f"; the folder of that name is written {key}=./{written}" if path.is_dir() else ""
            raise UsageError(f"{key}: {error}{folder}") from error

    def _place(self, model: str) -> str:
        """A Hub id, or the absolute path of a folder."""
        return str(self._path(model)) if is_local_model(model) else model

    def _path(self, written: str) -> Path:
        try:
            path = (self._directory / Path(written).expanduser()).resolve()
            path.exists()  # raises where no file system could have it
        except (OSError, RuntimeError, ValueError) as error:
            told = shortened(f"{written!r} is no path: {error}", _QUOTE_MAX)
            raise UsageError(f"{told}; valid is a path that this user can reach") from error
        return path
