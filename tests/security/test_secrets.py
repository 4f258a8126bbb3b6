"""Keys and tokens are planted, runs and reports are made, and every byte that was left behind is looked through."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from energy_score.contract.log_line import holds_secret
from energy_score.contract.run_report import LoadedModel
from energy_score.host.cluster.slurm_commands import script
from energy_score.host.cluster.task_list import ClusterTask, NodeSettings, TaskList
from energy_score.reports.leaderboard.update import update_site
from tests.security.conftest import EchoWorkplace
from tests.security.traces import command_lines, contents_below, forms_of
from tests.support.command_line import command
from tests.support.endpoint_server import Script, endpoint_server
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import (
    make_config,
    make_failure,
    make_queries,
    make_report,
    make_run,
    make_spec,
    make_statistics,
)
from tests.support.stand_in_server import QuietHandler, serving
from tests.support.toy_installation import ROOT

pytestmark = pytest.mark.slow

HUB_TOKEN = "hf_" + "PlantedTokenNobodyMaySee0123456789"
# With signs that addresses, JSON and Base64 write otherwise.
API_KEY = 'planted-key/+="\\never&shown%42'
LOGIN_TOKEN = "hf_" + "PlantedByAnEarlierLogin0123456789abc"
PROXY = "http://planted-user:planted-pass-word@127.0.0.1:9"
SECRETS = (HUB_TOKEN, API_KEY, LOGIN_TOKEN, "planted-pass-word")
FORMS = {form: secret for secret in SECRETS for form in forms_of(secret)}


def found_in(data: bytes) -> list[str]:
    """The secrets that ``data`` holds, however they are written."""
    return [f"{secret} as {form!r}" for form, secret in FORMS.items() if form in data]


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant secrets in every place where the program, or a library, looks for one."""
    home = tmp_path / "hub home"
    home.mkdir()
    (home / "token").write_text(LOGIN_TOKEN, encoding="ascii")
    variables = {
        "HF_TOKEN": HUB_TOKEN, "VLLM_API_KEY": API_KEY, "HF_HOME": str(home), "HTTP_PROXY": PROXY, "https_proxy": PROXY,
        "NO_PROXY": "127.0.0.1,localhost", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def indiscreet_hub() -> Iterator[str]:
    """The address of a Hub that refuses everything, and quotes whatever it was shown."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            shown = f"401: {dict(self.headers)} at {self.path} with {HUB_TOKEN} or {LOGIN_TOKEN}"
            self.send_response(401)
            self.send_header("X-Error-Message", shown.replace("\n", " "))
            self.send_header("X-Request-Id", HUB_TOKEN)
            self.send_header("Content-Length", str(len(shown.encode())))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(shown.encode())

        do_HEAD = do_GET

    with serving(Handler) as address:
        yield address


def quotes_the_key(handler: Any) -> None:
    """As a gateway does that means well."""
    shown = handler.headers["Authorization"]
    handler.json(401, {"error": {"message": f"invalid key {shown.removeprefix('Bearer ')!r} ({shown})"}})


Look = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def watched() -> SimpleNamespace:
    """``run(command, …)`` runs it; what it said and all command lines meanwhile are kept in ``seen``."""
    seen: list[tuple[str, bytes]] = []
    lines: set[bytes] = set()

    def run(words: list[str], *, environment: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
        with command_lines() as shown:
            done = subprocess.run(words, check=False, capture_output=True, env=environment, cwd=cwd, timeout=PATIENCE_S)
        seen.extend([("stdout", done.stdout), ("stderr", done.stderr), ("command lines", b"\n".join(shown))])
        lines.update(shown)
        return done

    return SimpleNamespace(run=run, seen=seen, lines=lines)


@pytest.mark.usefixtures("planted")
def test_a_planted_secret_is_found_nowhere(
    workplace: EchoWorkplace, indiscreet_hub: str, watched: SimpleNamespace, tmp_path: Path
) -> None:
    environment = workplace.installation.environment()
    telling = "token $HF_TOKEN key $VLLM_API_KEY HF_TOKEN=$HF_TOKEN Authorization: Bearer $HF_TOKEN"
    rows = [
        (workplace.model("fine", telling), telling.replace("$", "")),
        (workplace.model("broken", telling, fails=True), ""),
    ]
    sheet = workplace.sheet(rows)
    sheet.with_name("prompts.txt").write_text("one query\nrefuse\n", encoding="ascii")
    output = tmp_path / "output"
    told = workplace.installation.command(sheet, output, "--executor", "local", "--backend", "echo", "--json")
    assert watched.run(told, environment=environment, cwd=tmp_path).returncode == 1

    # A model that is asked of the Hub, and a server that is shown a key.
    hub = environment | {"HF_ENDPOINT": indiscreet_hub, "HF_HUB_OFFLINE": "0"}
    program = [sys.executable, str(ROOT / "batch_runner.py")]
    one = [*program, "run", "--executor", "local", "--meter", "none", "-n", "1"]
    from_hub = watched.run(
        [*one, "--results", str(tmp_path / "hub"), "backend.model=org/gated",
         f"scenario.dataset_name={sheet.with_name('prompts.txt')}"], environment=hub, cwd=tmp_path,
    )  # fmt: skip
    assert from_hub.returncode == 1, from_hub.stderr.decode()
    script = Script(models=("org/served",), faults=[quotes_the_key] * 2)
    with endpoint_server(script) as server:
        served = watched.run(
            [*one, "--results", str(tmp_path / "served"), "--backend", "vllm", "--endpoint", server.address,
             "backend.model=org/served", f"scenario.dataset_name={sheet.with_name('prompts.txt')}"],
            environment=environment, cwd=tmp_path,
        )  # fmt: skip
    assert served.returncode == 1
    assert b"invalid key" in served.stderr
    assert b"invalid key" in (tmp_path / "served" / "run_failure.json").read_bytes()

    # The engine was seen, and so it would have been with a secret among its words.
    assert [line for line in watched.lines if b"energy_score.engine" in line and b"--spec" in line]
    # A process of its own: without a container engine docker's SDK leaves a socket open.
    watched.run([*program, "doctor", "--output-dir", str(output)], environment=environment, cwd=tmp_path)
    for words in (
        ["status", "--output-dir", str(output), "--json"],
        ["aggregate", "--output-dir", str(output)],
        ["rate", "--results", str(output), "--json"],
        ["leaderboard", "--results", str(output), "--site", str(tmp_path / "site")],
        ["preflight", "--csv", str(sheet), "--json"],
        [
            "bundle",
            "--results",
            str(output),
            "--run",
            "fine",
            "--unrateable",
            "--i-attest",
            str(tmp_path / "bundle.zip"),
        ],
    ):
        watched.seen.append((words[0], command(*words).told.encode()))

    # What only looks like a key is not handed in either.
    assert b"runs/fine/model_config.json: contains an access token" in watched.seen[-1][1]
    assert not (tmp_path / "bundle.zip").exists()
    shutil.rmtree(tmp_path / "hub home")  # where the planted login lies, and may
    left = [*watched.seen, *contents_below(tmp_path)]
    assert len(left) > 40
    assert [(name, found) for name, data in left if (found := found_in(data))] == []
    # They were there to be hidden: what the models, the Hub and the server said came through without them.
    assert any(b"token *** key ***" in data for _, data in left)


@pytest.mark.usefixtures("planted")
def test_what_is_made_from_records_that_quote_secrets_is_without_them(tmp_path: Path) -> None:
    """Labels, snapshots and sites, of runs whose every word from outside holds a key."""
    output, quoted = tmp_path / "output", f"shown {HUB_TOKEN} and {json.dumps(API_KEY)} to {PROXY}"
    for number in range(3):
        plain = make_report()
        report = make_report(
            spec=make_spec(model_id=f"org/model-{number}"),
            statistics=make_statistics(share=1 + number),
            queries=make_queries(first_error=quoted, failed=number),
            model=LoadedModel(**(plain.model.model_dump() | {"notes": (quoted,)})),
        )
        make_run(output, f"rated-{number}", report=report, config=make_config(chat_template="x"))
    make_run(output, "failed", failure=make_failure(message=quoted, log_tail="x"))
    own = ("--results", str(output), "--against", "own")
    ended = [
        command("aggregate", "--output-dir", str(output)),
        command("label", *own, "--to", str(tmp_path / "labels")),
        command("snapshot", "--results", str(output), "--name", "x", str(tmp_path / "snapshot.json")),
        command("leaderboard", *own, "--site", str(tmp_path / "site")),
    ]
    assert {one.exit_code for one in ended} == {0}
    update_site(tmp_path / "nightly", output, against="own")
    shutil.rmtree(tmp_path / "hub home")
    left = [("told", one.told.encode()) for one in ended] + list(contents_below(tmp_path))
    assert [(name, found) for name, data in left if (found := found_in(data))] == []
    assert "shown *** and" in (tmp_path / "nightly" / "leaderboard.csv").read_text(encoding="utf-8")


@pytest.mark.usefixtures("planted")
def test_what_slurm_is_given_holds_no_secret(tmp_path: Path) -> None:
    """The script that sbatch keeps, and the list of tasks stored with the runs; jobs inherit the environment."""
    listed = TaskList.of(
        [ClusterTask(name="run", run_id="run_1")], engine="slurm", output_directory=tmp_path, gpu_count=1,
        node=NodeSettings(executor="docker", image="sha256:1", timeout_s=60),
    )  # fmt: skip
    listed.save()
    assert not found_in(script(listed.file).encode() + listed.file.read_bytes())


def test_the_search_finds_each_form() -> None:
    for secret in SECRETS:
        for form in forms_of(secret):
            assert found_in(b"xx" + form + b"yy")
    for before in (b"", b"u:", b"user:", b"xyz"):
        assert found_in(base64.b64encode(before + HUB_TOKEN.encode() + b"!"))


@pytest.mark.parametrize(
    "words",
    [
        ["--server-command", "serve {model} --port {port} --api-key abc", "--backend", "vllm", "--managed"],
        ["--server-command", f"serve {{port}} {HUB_TOKEN}", "--backend", "vllm", "--managed"],
        ["--executor", "slurm", f"--slurm-arg=--export=HF_TOKEN={HUB_TOKEN}"],
        ["--backend", "vllm", "--endpoint", f"http://user:{HUB_TOKEN}@127.0.0.1/v1"],
    ],
)
def test_an_option_that_would_keep_a_key_is_refused_without_it(words: list[str], tmp_path: Path) -> None:
    sheet = tmp_path / "models.csv"
    sheet.write_text(
        "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\norg/m,1,A,text_gen,N/A,\n", "utf-8"
    )
    refused = command("--csv", str(sheet), "--output-dir", str(tmp_path / "output"), *words)
    assert refused.exit_code == 2
    assert any(remedy in refused.told for remedy in ("expected", "Use ", "Remove it"))
    assert not found_in(refused.told.encode())
    assert not (tmp_path / "output").exists()


def test_an_environments_key_counts_as_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", API_KEY)
    assert holds_secret(f"--export=KEY={API_KEY}")
    assert not holds_secret("--partition=gpu")
