"""A stand-in for the model Hub that is read from: the routes that a preflight and transformers use, on the loopback.

It beside ``hub_stand_in``, which takes commits. Nothing of a weights file is there but its head.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.stand_in_server import QuietHandler, serving

COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_" + "r" * 34
_BYTES = {"F32": 4, "I32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1}


@dataclass(frozen=True)
class HubModel:
    """A repository: ``files``, with ``sizes`` in place of those that are there by their head alone.

    ``counts`` are the parameters by type that the Hub has counted. A ``gated`` one gives its files, and a ``private``
    one everything, to ``TOKEN`` alone. ``status`` answers every request; ``delay_s`` comes before each.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] | None = None
    gated: bool = False
    private: bool = False
    renamed_to: str | None = None
    revisions: tuple[str, ...] = ("main", COMMIT)
    status: int | None = None
    answer: bytes | None = None
    delay_s: float = 0.0


@dataclass
class ModelHub:
    """The Hub with its ``models``; ``requests`` are those it was sent, as METHOD [range] PATH."""

    models: Mapping[str, HubModel]
    address: str = ""
    requests: list[str] = field(default_factory=list)

    def answer(self, target: str, token: str | None) -> "Answer":
        """The answer to a request."""
        url = urlsplit(target)
        path = unquote(url.path)
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree|auth-check)(?:/([^/]+))?(?:/.*)?)?", path)
        if found:
            name, what, revision, file = found[1], found[2], found[3], None
        else:
            found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if found is None:
                return Answer(200, b"") if path == "/" else Answer(404, b"{}")
            name, what, revision, file = found[1], None, found[2], found[3]
        model = self.models.get(name)
        refusal = _refusal(model, revision, token)
        if model is None or refusal is not None:
            return refusal or _error(404, "RepoNotFound")
        if model.renamed_to is not None:
            return Answer(307, b"", {"Location": target.replace(name, model.renamed_to)})
        return _of_api(name, model, what, target) if file is None else _of_file(model, file, token)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def _of_api(name: str, model: HubModel, what: str | None, target: str) -> Answer:
    if model.answer is not None:
        return Answer(200, model.answer)
    if what == "tree":
        return _error(404, "EntryNotFound")
    siblings = [
        {"rfilename": file, **(_blob_of(file, data, model) if "blobs=" in target else {})}
        for file, data in model.files.items()
    ]
    info: dict[str, Any] = {
        "id": name, "modelId": name, "sha": COMMIT, "private": model.private,
        "gated": "manual" if model.gated else False, "siblings": siblings, "tags": [], "downloads": 0, "likes": 0,
    }  # fmt: skip
    if model.counts is not None:
        info["safetensors"] = {"parameters": model.counts, "total": sum(model.counts.values())}
    return Answer(200, json.dumps(info).encode())


def _blob_of(file: str, data: bytes, model: HubModel) -> dict[str, Any]:
    """What the Hub says of a file's content; of weights, which are in its large storage, their hash too."""
    size = model.sizes.get(file, len(data))
    if not file.endswith((".safetensors", ".bin")):
        return {"size": size}
    return {"size": size, "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 135}}


def _of_file(model: HubModel, file: str, token: str | None) -> Answer:
    if file not in model.files:
        return _error(404, "EntryNotFound", {"X-Repo-Commit": COMMIT})
    if model.gated and token != TOKEN and file != "README.md":
        return _error(403, "GatedRepo")
    data = model.files[file]
    etag = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    return Answer(200, data, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"})


def _refusal(model: HubModel | None, revision: str | None, token: str | None) -> Answer | None:
    """What the Hub says instead of an answer, as it is worded by huggingface_hub's own X-Error-Code."""
    if model is None or (model.private and token != TOKEN):
        return _error(401 if token is None else 404, "RepoNotFound")
    if model.delay_s:
        time.sleep(model.delay_s)
    if model.status is not None:
        return Answer(model.status, b"<html>oops</html>")
    if revision is not None and revision not in model.revisions:
        return _error(404, "RevisionNotFound")
    return None


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, b'{"error": "no"}', {"X-Error-Code": code, **(headers or {})})


@contextlib.contextmanager
def model_hub(models: Mapping[str, HubModel]) -> Iterator[ModelHub]:
    """A Hub with ``models``, until the block ends."""
    hub = ModelHub(models)

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            by = " range" if "Range" in self.headers else ""
            hub.requests.append(f"{self.command}{by} {self.path}")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            answer = hub.answer(self.path, token)
            body, status = answer.body, answer.status
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a reader that has given up
                if wanted and status == 200:
                    body, status = body[int(wanted[1]) : int(wanted[2] or len(body)) + 1], 206
                self.send_response(status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

        do_HEAD = do_GET

    with serving(Handler) as hub.address:
        yield hub


def write_weights(file: Path, weights: tuple[bytes, int]) -> None:
    """A file with such a head, as large as it says; nothing of the rest takes room on the disk."""
    file.write_bytes(weights[0])
    os.truncate(file, weights[1])


def head(**tensors: tuple[str, list[int]]) -> tuple[bytes, int]:
    """The head of a safetensors file with such tensors (type, shape; ``__`` for a dot), and the whole file's size."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = _BYTES[dtype] * math.prod(shape)
        header[name.replace("__", ".")] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + at
