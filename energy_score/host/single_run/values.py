"""The values of the documented keys, converted to their meaning, or rejected by key."""

import re
from pathlib import Path
from typing import Any, Literal, cast, get_args

from energy_score.contract.choices import Dtype
from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import is_local_model
from energy_score.contract.plain_text import shorten
from energy_score.host.sheet.cells import CellFaultError, model_of
from energy_score.host.single_run.composition import Composition
from energy_score.shared.tasks.registry import find_task

DTYPES = get_args(Dtype)
_FILE_ENDINGS = (".csv", ".json", ".jsonl", ".parquet", ".txt")
_QUOTE_MAX = 300
_GPU_UUID = re.compile(r"GPU-[0-9A-Fa-f-]+")
_DEVICE_HINT = "null (to choose a GPU, use backend.device_ids)"
_WORDS = {"true": True, "on": True, "false": False, "off": False}


class Values:
    """The values of a composition, read key by key; ``directory`` is what paths are relative to.

    All methods raise UsageError with the key, its value and what is expected.
    """

    def __init__(self, composition: Composition, *, directory: Path) -> None:
        self._composition = composition
        self._directory = directory

    def model(self) -> tuple[str, str | None]:
        """Return the model as a Hub id, or a folder as written, and the revision in a Hub URL."""
        key, written = "backend.model", self._text("backend.model")
        if written is None:
            raise UsageError(f"{key} is missing. Use {key}=org/name (a Hub id), or {key}=./name (a folder).")
        return self._model(key, written)

    def folder_note(self) -> str | None:
        """Return how to write the folder with the same name as the Hub id, or None if there is none."""
        model_id, _ = self.model()
        if is_local_model(model_id) or not self._path(model_id).is_dir():
            return None
        return (
            f"backend.model={model_id} is read as a Hub id. For the folder of the same name, use "
            f"backend.model=./{model_id}"
        )

    def processor(self) -> str | None:
        """Return the source of the processor, a Hub id or an absolute folder; None for the model itself."""
        key, written = "backend.processor", self._text("backend.processor")
        if written is None:
            return None
        processor, revision = self._model(key, written)
        if revision is not None:
            raise self.fault(key, "has a revision, which is only supported for models. Use only its Hub id.")
        model = self._place(self.model()[0])
        return None if self._place(processor) == model else self._place(processor)

    def device(self) -> Literal["cuda", "cpu"] | None:
        """Return the kind of device, or None to let the machine decide."""
        return cast('Literal["cuda", "cpu"] | None', self._word("backend.device", ("cuda", "cpu"), _DEVICE_HINT))

    def device_ids(self) -> tuple[str, ...]:
        """Return the requested GPUs, by index or UUID, in order."""
        key = "backend.device_ids"
        value = self._value(key)
        entries = value if isinstance(value, list) else [] if value is None else str(value).split(",")
        ids = tuple(str(entry).strip() for entry in entries)
        wrong = [entry for entry in ids if not (entry.isascii() and entry.isdecimal()) and not _GPU_UUID.match(entry)]
        if wrong or (value is not None and not ids) or len(set(ids)) < len(ids):
            raise self.fault(key, "not a list of GPUs (expected indices, such as 0 or 0,1, or UUIDs, each once)")
        return ids

    def dtype(self) -> Dtype | None:
        """Return the data type of the weights, None for the task's default."""
        key = "backend.torch_dtype"
        value = self._text(key)
        if value == "auto":
            raise self.fault(
                key,
                "would depend on how each checkpoint was saved, so models would not be comparable. Use one of: "
                f"{', '.join(DTYPES)}, or null for the task's default.",
            )
        return cast("Dtype | None", self._word(key, DTYPES, "null for the task's default", prefix="torch."))

    def device_map(self) -> Literal["auto"] | None:
        """Return how the model is spread over the GPUs, None if it runs on one."""
        return cast('Literal["auto"] | None', self._word("backend.device_map", ("auto",), "null"))

    def task(self) -> str:
        """Return the configuration's task, by the sheet's name."""
        key, own = "backend.task", find_task(self._composition.task)
        written = self._text(key)
        if written is not None and written.strip().lower() not in (own.name, *own.aliases):
            raise self.fault(
                key,
                f"is not the task of --config-name {self._composition.config_name}. Use "
                f"{', '.join((own.name, *own.aliases))}, or another --config-name.",
            )
        return own.name

    def dataset(self) -> tuple[str | None, Path | None]:
        """Return the Hub dataset, or the file, with the prompts; neither for the task's default."""
        key, name = "scenario.dataset_name", self._text("scenario.dataset_name")
        if name is None:
            return None, None
        path = self._path(name)
        if path.is_file():
            return None, path
        if is_local_model(name) or name.lower().endswith(_FILE_ENDINGS):
            raise self.fault(
                key, f"no such file: {path} (expected an existing file, or a Hub dataset such as org/name)"
            )
        return name, None

    def text_column(self) -> str | None:
        """Return the column with the prompts, None for the task's default."""
        return self._text("scenario.text_column_name")

    def count(self, key: str, *, none: str) -> int | None:
        """Return a whole number from 1; None for null, whose meaning is ``none``."""
        value = self._value(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self.fault(key, f"not a number (expected a whole number from 1, or null for {none})")
        return value

    def switch(self, key: str) -> bool | None:
        """Return True, False, or None for null."""
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        raise self.fault(key, "expected True or False")

    def reasoning(self) -> bool | None:
        """Return whether the model is asked to reason or not to, None for neither."""
        key = "scenario.reasoning"
        value = self._value(key)
        if value is None or isinstance(value, bool):
            return value
        word = _WORDS.get(value.lower()) if isinstance(value, str) else None
        if word is None:
            raise self.fault(
                key,
                "not a reasoning mode (expected True, False, or null; for an effort, use "
                "scenario.reasoning_params.reasoning_effort=low|medium|high)",
            )
        return word

    def reasoning_params(self) -> dict[str, bool | int | float | str]:
        """Return the variables for the chat template; null removes one."""
        key = "scenario.reasoning_params"
        value = self._value(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fault(key, f"not a mapping (expected {key}.NAME=VALUE)")
        for name, variable in value.items():
            if isinstance(variable, (dict, list)):
                raise UsageError(
                    f"{key}.{name}={variable}: not a single value (expected text, a number, True or False)"
                )
        return {str(name): variable for name, variable in value.items() if variable is not None}

    def fault(self, key: str, what: str) -> UsageError:
        """Return the error for the value of ``key``."""
        return UsageError(f"{key}={self._value(key)}: {what}")

    def _value(self, key: str) -> Any:  # noqa: ANN401 - whatever YAML can hold
        value = self._composition.values[key]
        return None if value == "None" else value

    def _text(self, key: str) -> str | None:
        value = self._value(key)
        if value is None:
            return None
        if not str(value).strip():
            raise UsageError(f"{key} is empty. Use a name, or null for the default.")
        return str(value)

    def _word(self, key: str, words: tuple[str, ...], otherwise: str, *, prefix: str = "") -> str | None:
        value = self._text(key)
        word = None if value is None else value.strip().lower().removeprefix(prefix)
        if word is not None and word not in words:
            raise self.fault(key, f"invalid value (expected {', '.join(words)}, or {otherwise})")
        return word

    def _model(self, key: str, written: str) -> tuple[str, str | None]:
        path = self._path(written)
        if is_local_model(written):
            if not path.is_dir():
                raise self.fault(
                    key, f"no such folder: {path} (expected a Hub id such as org/name, or a folder such as ./name)"
                )
            return written, None
        try:
            return model_of(written)
        except CellFaultError as error:
            folder = f"; for the folder of that name, use {key}=./{written}" if path.is_dir() else ""
            raise UsageError(f"{key}: {error}{folder}") from error

    def _place(self, model: str) -> str:
        """Return a Hub id, or the absolute path of a folder."""
        return str(self._path(model)) if is_local_model(model) else model

    def _path(self, written: str) -> Path:
        try:
            path = (self._directory / Path(written).expanduser()).resolve()
            path.exists()  # raises for paths that no file system allows
        except (OSError, RuntimeError, ValueError) as error:
            told = shorten(f"{written!r} is not a valid path: {error}", _QUOTE_MAX)
            raise UsageError(f"{told} (expected a path that this user can access)") from error
        return path
