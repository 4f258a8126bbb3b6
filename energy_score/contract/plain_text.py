"""Text from outside (model names, library messages, log lines) made safe to stand on one line of a log or a table."""

import re
from collections.abc import Iterable

# CSI and OSC sequences with their arguments, then any other two-character escape.
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
# C0 and C1 controls, line and paragraph separators, invisible marks, those that reverse the reading direction among
# them, and lone surrogates, which no file can hold.
_NOT_ON_A_LINE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
# A Hub token is hf_ and 34 letters and digits; names such as hf_hub_download have no such run.
_HUB_TOKEN = re.compile(r"hf_[A-Za-z0-9]{16,}")
_NAMED_TOKEN = re.compile(r"\b(HF_TOKEN|HUGGING_FACE_HUB_TOKEN)(\s*[=:]\s*)\S+")
_HIDDEN = "***"
# A shorter "secret" would blank out half of a log.
_SECRET_MIN_LENGTH = 6


def one_line(text: str) -> str:
    """``text`` without terminal escapes, every control character and line break a space, the ends stripped."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _NOT_ON_A_LINE.sub(" ", _TERMINAL_ESCAPE.sub("", text)).strip()


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` with Hub tokens, the values of token variables, and each of ``secrets`` replaced by ``***``."""
    for secret in secrets:
        if len(secret) >= _SECRET_MIN_LENGTH:
            text = text.replace(secret, _HIDDEN)
    return _NAMED_TOKEN.sub(rf"\1\2{_HIDDEN}", _HUB_TOKEN.sub(f"hf_{_HIDDEN}", text))
