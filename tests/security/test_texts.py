"""Prompts and answers are in no file, log, table or event, unless --save-text asks for them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.conftest import EchoWorkplace
from tests.security.traces import contents_below
from tests.support.command_line import command
from tests.support.endpoint_server import EndpointServer, Script, endpoint_server
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.slow

PROMPT = "the planted prompt: my neighbour's daughter has a rash — what is to be done?"
ANSWER = "the planted answer: put the ointment of the blue tin on it"
PIECES = tuple(text[start : start + 16] for text in (PROMPT, ANSWER) for start in range(0, len(text) - 15, 8))


def quoted_in(data: bytes) -> list[str]:
    """The pieces of both texts that ``data`` holds, as they are or as JSON writes them."""
    return [
        piece for piece in PIECES if piece.encode() in data or json.dumps(piece)[1:-1].encode() in data
    ]  # fmt: skip


def test_a_batch_keeps_no_text(workplace: EchoWorkplace, tmp_path: Path) -> None:
    """The answer of the model, and an error that quotes the prompt, in a batch of its own processes."""
    model = workplace.model("quiet", "x")
    (workplace.folder / "quiet" / "answers.txt").write_text(ANSWER, encoding="utf-8")
    sheet = workplace.sheet([(model, "")])
    for output, options in ((tmp_path / "kept out", ()), (tmp_path / "asked for", ("--save-text",))):
        batch = workplace.start(sheet, output, "--json", *options, prompts=[PROMPT, f"refuse {PROMPT}"])
        stdout, stderr = batch.communicate(timeout=PATIENCE_S)
        assert batch.returncode == 0, stderr
        left = [("stdout", stdout), ("stderr", stderr), *contents_below(output)]
        with_text = {Path(name).name for name, data in left if quoted_in(data)}
        assert with_text == ({"texts.jsonl"} if options else set())
        queries = output / "individual_runs" / "quiet" / "benchmark_results.csv"
        assert "does not like …" in queries.read_text(encoding="utf-8")


def quoting(status: int) -> Callable[[Any], None]:
    """A server's refusal that quotes all it was asked, as validators of requests do."""

    def fault(handler: Any) -> None:
        asked = handler.plan.bodies[-1]
        handler.json(status, {"detail": [{"msg": "bad request", "input": asked}]})

    return fault


def broken_stream(handler: Any) -> None:
    """An answer whose last event was cut in the middle."""
    handler.open_stream()
    handler.event('{"choices": [{"index": 0, "delta": {"content": "' + ANSWER)
    handler.end_stream()


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with endpoint_server(Script(models=("org/served",))) as started:
        yield started


@pytest.mark.parametrize("fault", [quoting(400), broken_stream], ids=["a refusal", "an answer"])
def test_a_server_that_quotes_is_not_quoted(
    server: EndpointServer, tmp_path: Path, fault: Callable[[Any], None]
) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"{PROMPT}\n{PROMPT} again\n", encoding="utf-8")
    server.script.faults += [lambda handler: handler.answer(handler.plan.bodies[-1])] + [fault] * 30
    results = tmp_path / "results"
    ended = command(
        "run", "--backend", "vllm", "--endpoint", server.address, "--meter", "none", "--warmup", "0", "--results",
        str(results), "--json", "backend.model=org/served", f"scenario.dataset_name={prompts}",
    )  # fmt: skip
    assert ended.exit_code == 1, ended.told
    assert "queries failed" in ended.told
    left = [("told", ended.told.encode()), *contents_below(results)]
    assert [(name, found) for name, data in left if (found := quoted_in(data))] == []
