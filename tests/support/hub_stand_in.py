"""A stand-in for the model Hub that takes commits: the few routes that an upload needs, on the loopback address."""

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.stand_in_server import QuietHandler, serving

TOKEN = "hf_" + "a" * 34


@dataclass
class HubStandIn:
    """``repositories`` are those that were created, by ``datasets/ID`` or ``spaces/ID``, each with its files.

    ``commits`` are their titles. With ``refuses`` every commit is answered with that status.
    """

    address: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    refuses: int | None = None

    def answer(self, path: str, body: bytes) -> tuple[int, object]:
        """Status and content of the answer to a request."""
        if path == "/api/repos/create":
            return 200, self.create(body)
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        found = re.fullmatch(r"/api/((?:dataset|space)s/[^/]+/[^/]+)(?:/(preupload|commit|tree|revision)/main)?", path)
        if found is None or found[1] not in self.repositories:
            return 404, {"error": f"not found: {path}"}
        if found[2] == "commit" and self.refuses:
            return self.refuses, {"error": "refused"}
        return 200, self.of_repository(found[1], found[2], body)

    def of_repository(self, repository: str, what: str | None, body: bytes) -> object:
        match what:
            case "preupload":
                return self.upload_modes(body)
            case "commit":
                return self.commit(repository, body)
            case "tree":
                files = self.repositories[repository].items()
                return [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in files]
            case _:
                return self.info(repository)

    def create(self, body: bytes) -> object:
        order = json.loads(body)
        name = f"{order.get('organization') or 'me'}/{order['name']}"
        self.repositories.setdefault(f"{order['type']}s/{name}", {})
        return {"url": f"{self.address}/{name}", "name": name}

    def upload_modes(self, body: bytes) -> object:
        files = json.loads(body)["files"]
        return {"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]}

    def commit(self, repository: str, body: bytes) -> object:
        files = self.repositories[repository]
        for line in body.decode().splitlines():
            operation = json.loads(line)
            value = operation["value"]
            match operation["key"]:
                case "header":
                    self.commits.append(value["summary"])
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "deletedFile":
                    del files[value["path"]]
        return {"success": True, "commitOid": "0" * 40, "commitUrl": f"{self.address}/{repository}/commit/0"}

    def info(self, repository: str) -> object:
        files = [{"rfilename": name} for name in self.repositories[repository]]
        return {"id": repository.partition("/")[2], "sha": "0" * 40, "siblings": files}


@contextlib.contextmanager
def hub_stand_in() -> Iterator[HubStandIn]:
    """A Hub without any repository, until the block ends."""
    hub = HubStandIn()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            hub.tokens.add(self.headers.get("Authorization"))
            path = urlsplit(self.path).path
            status, answer = hub.answer(path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with serving(Handler) as hub.address:
        yield hub
