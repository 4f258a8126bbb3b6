"""The plain cells of the spreadsheet: model id, priority, class, reasoning state, revision, yes/no."""

import re
from functools import lru_cache
from typing import cast
from urllib.parse import unquote

from energy_score.contract.model_config import SHEET_STATES, ModelClass, ReasoningMode, is_local_model

_HUB_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(.*)", re.IGNORECASE | re.DOTALL)
# Source: huggingface_hub's rule for repository ids: one or two parts of word characters, "-" and ".", at most 96.
_HUB_ID = re.compile(r"(?:\w[\w.-]*/)?\w(?:[\w.-]{0,94}\w)?", re.ASCII)
_HUB_VIEWS = ("tree", "blob", "resolve", "commit")
_REVISION = re.compile(r"\w[\w./-]{0,254}", re.ASCII)
_PRIORITY = re.compile(r"([1-9][0-9]{0,8})(?:\.0+)?")
_BUDGET_STATE = re.compile(r"on \((?:thinking )?budget:?=? ?([1-9][0-9]{0,6})(?: tokens)?\)")
_STATES = {state.lower(): mode for state, mode in SHEET_STATES.items()}
_YES = {"yes": True, "true": True, "no": False, "false": False, "": False}


class CellFaultError(ValueError):
    """A cell cannot be understood; the message says what it holds and what would be valid."""


@lru_cache(maxsize=1 << 16)
def model_of(cell: str) -> tuple[str, str | None]:
    """The model of the cell and, if the cell is a Hub address with one, its revision.

    A local folder is kept as written; a Hub address is cut down to the id.

    Raises:
        CellFaultError: neither an id, an address nor a local folder.
    """
    text = cell.strip()
    if not text:
        raise CellFaultError("the cell is empty (expected a Hub id such as org/name, its address, or a folder)")
    if is_local_model(text):
        if not text.isprintable():
            raise CellFaultError(f"{text!r} has unprintable characters (expected a folder such as ./name)")
        return text, None
    address = _HUB_ADDRESS.fullmatch(text)
    name, revision = _parts_of(address[1]) if address else (text, None)
    if not _HUB_ID.fullmatch(name) or "--" in name or ".." in name or name.endswith(".git"):
        raise CellFaultError(
            f"{text!r} is not a model id (expected a Hub id such as org/name, its address, or a folder that starts "
            "with ./ or /)"
        )
    return name, revision


def _parts_of(path: str) -> tuple[str, str | None]:
    """The id and revision in the path of a Hub address."""
    parts = path.partition("?")[0].partition("#")[0].rstrip("/").split("/")
    for index, part in enumerate(parts):
        if index and part in _HUB_VIEWS and index + 1 < len(parts):
            return "/".join(parts[:index]), parse_revision(unquote("/".join(parts[index + 1 :])))
    return "/".join(parts), None


def parse_revision(cell: str) -> str | None:
    """The branch, tag or commit; None for an empty cell; CellFaultError for what can be none of them."""
    text = cell.strip()
    if not text:
        return None
    if not _REVISION.fullmatch(text) or ".." in text:
        raise CellFaultError(f"{text!r} is not a revision (expected a commit, a branch, a tag, or nothing)")
    return text


@lru_cache(maxsize=1024)
def parse_priority(cell: str) -> int | None:
    """The priority, 1 the highest; None for an empty cell; CellFaultError for anything but a whole number from 1."""
    text = cell.strip()
    match = _PRIORITY.fullmatch(text)
    if match is None and text:
        raise CellFaultError(f"{text!r} is not a priority (expected a whole number from 1, or nothing)")
    return int(match[1]) if match else None


@lru_cache(maxsize=1024)
def parse_model_class(cell: str) -> ModelClass | None:
    """The class in upper case; None for an empty cell; CellFaultError for anything but A, B or C."""
    text = cell.strip().upper()
    if text not in ("", "A", "B", "C"):
        raise CellFaultError(f"{cell.strip()!r} is not a class (expected A, B, C, or nothing)")
    return cast("ModelClass", text) if text else None


@lru_cache(maxsize=1024)
def parse_reasoning_mode(cell: str) -> ReasoningMode:
    """The mode that the state names, in any case; CellFaultError for an unknown state."""
    mode = ReasoningMode.ON if budget_of(cell) is not None else _STATES.get(state_text(cell))
    if mode is None:
        states = ", ".join(state for state in SHEET_STATES if state)
        raise CellFaultError(
            f"{cell.strip()!r} is not a reasoning state (expected {states}, On (budget N), or nothing)"
        )
    return mode


@lru_cache(maxsize=1024)
def budget_of(cell: str) -> int | None:
    """Return the number of thinking tokens in a state such as ``On (budget 4096)``; None for other states."""
    match = _BUDGET_STATE.fullmatch(state_text(cell))
    return int(match[1]) if match else None


@lru_cache(maxsize=1024)
def state_text(cell: str) -> str:
    """The state as it is compared: in lower case, with blanks as the sheet's own spelling has them, known or not."""
    spaced = " ".join(cell.lower().replace("(", " ( ").replace(")", " ) ").split())
    return spaced.replace("( ", "(").replace(" )", ")")


@lru_cache(maxsize=1024)
def parse_yes(cell: str) -> bool:
    """Whether the cell says yes; an empty one says no; CellFaultError for anything but yes and no."""
    answer = _YES.get(cell.strip().lower())
    if answer is None:
        raise CellFaultError(f"{cell.strip()!r} is neither yes nor no (expected yes, no, or nothing)")
    return answer
