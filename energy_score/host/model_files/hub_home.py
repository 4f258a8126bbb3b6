"""The user's Hugging Face settings: the folder for downloads, the token, and offline mode."""

import os
from pathlib import Path
from typing import NamedTuple


def hub_home() -> Path:
    """Return the folder where the Hugging Face libraries store downloads."""
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "huggingface"


def hub_is_offline() -> bool:
    """Return whether the user disabled the Hub, according to HF_HUB_OFFLINE as the Hugging Face libraries read it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


class HubToken(NamedTuple):
    """A Hub token and where it was found: ``file`` is None for the environment. Never print the token."""

    value: str
    found: str
    file: Path | None


def hub_token() -> HubToken | None:
    """Return the token that the Hugging Face libraries would use, or one from an older login; None without one."""
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
