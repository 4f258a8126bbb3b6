"""Every command and every Python block of the documents runs as printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.single_run.composition import config_names
from energy_score.host.single_run.keys import KEYS
from energy_score.reports.submission.make import make_bundle
from energy_score.reports.submission.signature import sign
from tests.support.command_line import program
from tests.support.finished_runs import write_finished_run
from tests.support.guide_blocks import GUIDES
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import make_report, make_run, make_spec, make_statistics

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Make and the image run in CI, the clusters' programs in tests/host/cluster; no test clones a repository.
RUN_ELSEWHERE = (
    "make ", "./build.sh", "apt-get ", "munged ", "slurmctld ", "slurmd ", "ray start ", "git clone ",
    "python batch_runner.py cancel",
)  # fmt: skip
MAKES_MODELS = "python -m examples."
IMAGE = "ai_energy_score"
ENDS = {"preflight": (1, 3), "status": (4,), "watch": (4,)}
FURTHER = (
    "list", "validate", "doctor", "aggregate", "collect", "rate", "snapshot", "drift", "compare", "leaderboard",
    "label", "impact", "status", "watch", "bundle", "verify", "preflight",
)  # fmt: skip


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(ROOT)}", block)
        for path in DOCUMENTS
        if path.name not in GUIDES  # tests/e2e/test_guides.py types them from top to bottom
        for block in re.findall(
            rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
    ]


def commands() -> list[object]:
    """Every command of the documents by document; those that make models for all tasks are slow."""
    return [
        pytest.param(name, line.partition("  #")[0].strip(), marks=pytest.mark.slow if MAKES_MODELS in line else ())
        for name, block in blocks("bash")
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith(("#", "source "))
    ]


def test_no_command_stands_in_a_block_that_nothing_runs() -> None:
    """The pages of measurements are records of what was typed once; the reference tells usages."""
    for path in (path for path in DOCUMENTS if path.parent.name != "measurements" and path.name != "commands.md"):
        text = path.read_text(encoding="utf-8")
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            lines = [line.strip() for line in block.splitlines() if language not in ("bash", "python")]
            commands = [
                line for line in lines if line.startswith(("python ", "energy-score ", "pip ", "docker ", "./"))
            ]
            assert [line for line in commands if not line.startswith(RUN_ELSEWHERE)] == [], path.name
            assert [line for line in lines if language == "sh" and not line.startswith(RUN_ELSEWHERE)] == [], path.name


def environment() -> dict[str, str]:
    folder = Path(sys.executable).parent
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch with a run that can be handed in, a bundle of it, the same signed, and the two keys."""
    folder = tmp_path_factory.mktemp("handed in")
    directory = write_finished_run(folder / "class_b_results", query_count=6)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (folder / "id_ed25519").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (folder / "id_ed25519.pub").write_bytes(public)
    for file, signer in (("submission.zip", None), ("signed.zip", lambda manifest: sign(manifest, key).as_text())):
        made = make_bundle({directory.path.name: directory}, against="2025-02", sign=signer)
        (folder / file).write_bytes(made.content)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, handed_in: Path) -> Path:
    """A folder that looks like the repository's root to the commands, and takes what they write."""
    for path in (*ROOT.glob("*.py"), *ROOT.glob("*.sh"), ROOT / "models.csv", *handed_in.iterdir()):
        (tmp_path / path.name).symlink_to(path)
    for model, state, mode, share in (
        ("openai/gpt-oss-20b", "On (Low)", ReasoningMode.LOW, 0.3),
        ("openai/gpt-oss-20b", "On (High)", ReasoningMode.HIGH, 1.0),
        ("Qwen/Qwen3-8B", "On", ReasoningMode.ON, 0.5),
    ):
        spec = make_spec(model_id=model, reasoning_state=state, reasoning=mode)
        report = make_report(spec=spec, statistics=make_statistics(share=share))
        make_run(tmp_path / "batch_results", f"{model[:4]}{mode}", report=report)
    (tmp_path / "class_a_results").symlink_to("batch_results")
    (tmp_path / "custom.csv").write_text("text\nWhat is energy?\n", encoding="utf-8")
    return tmp_path


def as_run_here(line: str) -> tuple[dict[str, str], list[str]]:
    """The variables set before the command, and the command: of ``docker run`` what the image would start."""
    words = shlex.split(line)
    count = next(index for index, word in enumerate(words) if not re.match(r"[A-Z_]+=", word))
    variables, command = dict(word.split("=", 1) for word in words[:count]), words[count:]
    if command[:2] == ["docker", "run"]:
        command = [sys.executable, "-m", "energy_score.host.cli.entry_point", *command[command.index(IMAGE) + 1 :]]
    return variables, command


def carried_out(arguments: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the command does in ``folder``: our own program in this process, anything else in one of its own.

    So does ``doctor``, which leaves a socket of docker's SDK to the garbage collector.
    """
    if arguments[:2] == ["python", "batch_runner.py"] and "doctor" not in arguments:
        return program(*arguments[2:], folder=folder, **variables)
    if arguments[0] == "energy-score":
        return program(*arguments[1:], folder=folder, **variables)
    return subprocess.run(
        arguments, cwd=folder, env=environment() | variables, capture_output=True, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("document", "line"), commands())
def test_a_documented_command_is_understood(document: str, line: str, checkout: Path) -> None:
    """A command that would start a batch, a model or a container is resolved and not run."""
    variables, arguments = as_run_here(line)
    known = ("python", "energy-score", sys.executable, "./run_docker.sh", "./run_non_docker.sh", "./build.sh")
    assert arguments[0] in known, f"{document}: no test knows how to run {line!r}"
    runs = any(word in line for word in ("batch_runner", "run_docker.sh", "run_non_docker.sh", "docker run"))
    if runs and not any(word in FURTHER for word in arguments):
        arguments.append("--dry-run")
    if arguments[0] == "./build.sh":
        arguments.append("--help")
    done = carried_out(arguments, checkout, {"PYTHON_BIN": sys.executable} | variables)
    # 1: rows of the shipped sheet would be refused; 3: no Hub to ask; 4: no batch has run.
    expected = next((codes for command, codes in ENDS.items() if command in arguments), (0,))
    assert done.returncode in expected, done.stderr
    assert done.stdout or done.returncode


@pytest.mark.parametrize(("document", "block"), blocks("python"))
def test_a_documented_python_block_runs(document: str, block: str, checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=checkout, env=environment(), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{document}: {done.stderr}"
    assert done.stdout


def test_the_readme_names_every_option_of_the_program() -> None:
    shown = "".join(program(*command, "--help").stdout for command in ([], ["run"]))
    options = set(re.findall(r"^  (?:-\w, )?(?:--[a-z-]+, )*(--[a-z][a-z-]+)", shown, re.MULTILINE))
    options -= {"--help", "--version"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {option for option in options if f"`{option}" not in readme} == set()


def test_the_readme_names_every_key_and_every_configuration_of_one_model() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {key for key in KEYS if f"`{key}" not in readme} == set()
    assert {name for name in config_names() if f"`{name}`" not in readme} <= {
        f"text_generation_gptoss_reasoning_{effort}" for effort in ("medium", "high")
    }


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def anchors(path: Path) -> set[str]:
    """The headings of ``path`` as a link names them on GitHub."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_heading_finds_it() -> None:
    for path in DOCUMENTS:
        for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            assert anchor in anchors(path.parent / file if file else path), f"{path.name}: {file}#{anchor}"


def test_the_architecture_page_names_every_folder_of_the_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "energy_score").rglob("*.py")} - {"energy_score"}
    assert {folder for folder in folders if f"{folder}/" not in page} == set()


def test_every_row_of_a_table_stands_in_one() -> None:
    """A line of a table after an empty one is shown as text, with its bars."""
    for path in DOCUMENTS:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
            second = [*table.splitlines(), ""][1]
            assert re.fullmatch(r"\|(:?-+:?\|)+", second), f"{path.name}: {table.splitlines()[0]}"
