"""Make text from outside (model names, library messages, log lines) safe for one line of a log or table."""

import base64
import functools
import json
import re
from collections.abc import Iterable
from unicodedata import category
from urllib.parse import quote

# CSI and OSC sequences with their arguments, then any other two-character escape.
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
# Control and invisible characters (including those that reverse the reading direction), lone surrogates, which cannot
# be written to a file, line and paragraph separators, and two that XML forbids. Joiners stay: languages and emoji need
# them.
_NOT_ON_A_LINE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NEVER, _ALWAYS = frozenset("\ufffe\uffff"), frozenset("\u200c\u200d")
# A Hub token is hf_ and 34 letters and digits; names such as hf_hub_download do not match.
_HUB_TOKEN = re.compile(r"hf_[A-Za-z0-9]{16,}")
_NAMED_TOKEN = re.compile(r"\b(HF_TOKEN|HUGGING_FACE_HUB_TOKEN|VLLM_API_KEY)(\s*[=:]\s*)\S+")
# Credentials sent to a server, and user and password in a URL, such as a proxy's.
_SHOWN_KEY = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{16,}")
_IN_ADDRESS = re.compile(r"(://)[^/\s:@]*:[^/\s@]+@")
_HIDDEN = "***"
# Shorter "secrets" would blank out half of a log.
_SECRET_MIN_LENGTH = 6


def one_line(text: str) -> str:
    """Return ``text`` without terminal escapes; control characters and line breaks become spaces; ends are stripped."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(map(_replace_character, _TERMINAL_ESCAPE.sub("", text))).strip()


def _replace_character(character: str) -> str:
    if character in _NEVER or (category(character) in _NOT_ON_A_LINE and character not in _ALWAYS):
        return " "
    return character


def shorten(text: str, most: int) -> str:
    """Return ``text`` as by ``one_line``, cut to ``most`` characters."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[:most]}…"


def format_json(content: object, *, indent: int | None = None) -> str:
    """Return ``content`` as JSON that is safe to print: ASCII, without the one control character that JSON allows."""
    return json.dumps(content, indent=indent).replace("\x7f", "\\u007f")


def counted(count: int, noun: str) -> str:
    """Return the count with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


@functools.lru_cache(maxsize=16)  # every log line is searched for the same few secrets
def _get_forms(secret: str) -> tuple[str, ...]:
    in_base64 = base64.b64encode(secret.encode(errors="replace")).decode()
    return secret, json.dumps(secret)[1:-1], quote(secret, safe="", errors="replace"), in_base64


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` with ``***`` in place of every access token and of each of ``secrets``.

    Tokens are Hub tokens, the values of token variables, credentials sent to a server, and user and password in a
    URL. A secret is also recognized in JSON, in a URL, and in Base64.
    """
    for secret in secrets:
        if len(secret) >= _SECRET_MIN_LENGTH:
            for form in _get_forms(secret):
                text = text.replace(form, _HIDDEN)
    text = _IN_ADDRESS.sub(rf"\1{_HIDDEN}@", _SHOWN_KEY.sub(rf"\1 {_HIDDEN}", text))
    return _NAMED_TOKEN.sub(rf"\1\2{_HIDDEN}", _HUB_TOKEN.sub(f"hf_{_HIDDEN}", text))
