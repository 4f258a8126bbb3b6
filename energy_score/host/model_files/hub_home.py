"""The user's Hugging Face settings: where files are kept, which token is used, whether the Hub may be asked."""

import os
from pathlib import Path
from typing import NamedTuple


def hub_home() -> Path:
    """Where the Hugging Face libraries keep what they download."""
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface"


def hub_is_offline() -> bool:
    """Whether the user asked for no Hub, as the Hugging Face libraries read HF_HUB_OFFLINE."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


class HubToken(NamedTuple):
    """A Hub token and where it was found: ``file`` is None for one of the environment. Never to be printed whole."""

    value: str
    found: str
    file: Path | None


def hub_token() -> HubToken | None:
    """The token that the Hugging Face libraries would use, or that an older login left; None where there is none."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        value = os.environ.get(variable, "").strip()
        if value:
            return HubToken(value, f"in the environment ({variable})", None)
    homes = (hub_home(), Path("~/.cache/huggingface").expanduser(), Path("~/.huggingface").expanduser())
    named = [Path(os.environ["HF_TOKEN_PATH"]).expanduser()] if os.environ.get("HF_TOKEN_PATH") else []
    for path in (*named, *(home / "token" for home in homes)):
        try:
            value = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        if value:
            return HubToken(value, f"in {path}", path)
    return None
