"""Hostile cells, arguments and servers: each is taken as the text it is, or refused in one plain message."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.server_command import fill_in_server_command
from model_config_parser import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from tests.security.hostile_strings import CANARY, HOSTILE
from tests.security.traces import contents_below, raw_controls
from tests.support.command_line import command
from tests.support.endpoint_server import Script, endpoint_server
from tests.support.record_factory import make_spec

COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
PLAIN = ("org/model", "1", "A", "text_gen", "N/A", "", "", "")
# Words of a command line (no process can be given a NUL) that Hydra, a shell or a path could take for more.
WORDS = {
    name: HOSTILE[name]
    for name in (
        "parent", "home", "very long", "long option", "shell line", "quotes", "title", "interpolation", "Hydra",
        "format", "YAML", "bidi", "null", "number", "blank",
    )
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("column", COLUMNS)
def test_a_cell_is_what_it_says_or_is_refused(folder: Path, column: str) -> None:
    for name, string in HOSTILE.items():
        sheet = folder / "models.csv"
        row = [string if heading == column else cell for heading, cell in zip(COLUMNS, PLAIN, strict=True)]
        with sheet.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, row])
        for words in (("validate",), ("list",), ("list", "--json")):
            told = command(*words, "--csv", str(sheet))
            assert told.exit_code in (0, 1, 2), (name, told)
            assert raw_controls(told.told) == [], (name, told)
            assert told.exit_code == 0 or re.search("expected|Use |refused", told.told), (name, told)
    assert {path.name for path in folder.iterdir()} == {"models.csv"}


def test_bytes_that_are_no_text_are_refused_by_line(folder: Path) -> None:
    sheet = folder / "models.csv"
    sheet.write_bytes(",".join(COLUMNS).encode() + b"\norg/\xff\xfe,1,A,text_gen,N/A,,,\norg/\xed\xa0\x80,1,A,,,,,\n")
    told = command("validate", "--csv", str(sheet))
    assert told.exit_code == 2
    assert "models.csv:2: file: byte 0xFF is not UTF-8" in told.stderr
    assert "models.csv:3: file: byte 0xED is not UTF-8" in told.stderr


@pytest.mark.parametrize("key", ["backend.model", "backend.processor", "scenario.reasoning_params.x"])
def test_a_key_is_given_a_text_and_no_language(folder: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("HF_TOKEN", "never-interpolated")
    for name, string in WORDS.items():
        given = [f"{key}={string}"] + ([] if key == "backend.model" else ["backend.model=org/model"])
        told = command("run", "--dry-run", "--json", *given)
        assert told.exit_code in (0, 2), (name, told)
        assert raw_controls(told.told) == [], (name, told)
        assert "never-interpolated" not in told.told, name
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_one_word_of_a_servers_command_and_no_option(name: str) -> None:
    string = HOSTILE[name]
    plain = make_spec(server_command="serve {model} --port {port} --name {name}", backend="vllm")
    named = plain.model_copy(update={"model_id": f"./{string}", "model_path": f"/models/{string}"})
    words = fill_in_server_command(named, port=1, visible_gpus=None)
    assert len(words) == len(fill_in_server_command(plain, port=1, visible_gpus=None))
    assert words[1] == f"/models/{string}"
    assert not words[-1].startswith("-")


def test_a_hostile_server_is_quoted_in_plain_words_alone(folder: Path) -> None:
    """Its name of the model, its refusals, its version and its stream are all that they should not be."""
    everything = "".join(HOSTILE.values())
    (folder / "prompts.txt").write_text("one\ntwo\n", encoding="ascii")

    def run(script: Script) -> Any:
        with endpoint_server(script) as server:
            return command(
                "run", "--backend", "vllm", "--endpoint", server.address, "--meter", "none", "--warmup", "0",
                "--results", str(folder / "results"), "backend.model=org/model", "scenario.dataset_name=prompts.txt",
            )  # fmt: skip

    def answers(handler: Any) -> None:
        handler.answer(handler.plan.bodies[-1])

    def refuses(handler: Any) -> None:
        handler.json(400, {"error": {"message": everything}})

    def streams(handler: Any) -> None:
        handler.open_stream()
        handler.event('{"choices": [{"index": 0, "finish_reason": ' + repr(everything).replace("'", '"') + "}]}")
        handler.end_stream()

    ends = [
        run(Script(models=(everything,))),
        run(Script(models=("org/model",), faults=[refuses] * 20)),
        run(Script(models=("org/model",), faults=[answers] + [streams] * 20)),
    ]
    assert [end.exit_code for end in ends] == [1, 1, 1]
    for end in ends:
        assert raw_controls(end.told) == []
    for name, data in contents_below(folder):
        assert b"\x1b" not in data, name
        if name.endswith(".log"):
            assert raw_controls(data.decode()) == [], name
    assert not list(folder.rglob(CANARY))
