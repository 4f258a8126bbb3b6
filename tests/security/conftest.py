"""An environment with the echoing backend, and a batch over a sheet whose every string is hostile."""

import csv
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from energy_score.host.sheet.cells import CellFaultError, model_of
from tests.security.echo_backend import ENTRY_POINTS, MODULE
from tests.security.hostile_strings import HOSTILE
from tests.support.patience import PATIENCE_S
from tests.support.toy_installation import HEADER, ToyInstallation
from tests.support.toy_package import install

# A file's name has at most so many bytes.
_NAME_MAX = 255


@dataclass(frozen=True)
class EchoWorkplace:
    """A folder with models that print given texts, and the means to run sheets in it."""

    installation: ToyInstallation
    folder: Path

    def model(self, name: str, says: str, *, fails: bool = False) -> str:
        """The sheet's name of a new model folder called ``name``."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "says.txt").write_bytes(says.encode())
        if fails:
            (folder / "fails").touch()
        return f"./{name}"

    def sheet(self, rows: Sequence[Sequence[str]], *, name: str = "models.csv") -> Path:
        """A sheet with the given rows of model and Chat Template cell."""
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerow(HEADER.split(","))
            csv.writer(stream).writerows([model, "1", "", "text_classification", "", cell] for model, cell in rows)
        return path

    def start(
        self, sheet: Path, output: Path, *options: str, prompts: Sequence[str] = ("one query",), **variables: str
    ) -> subprocess.Popen[bytes]:
        """A batch over ``sheet``, under way in the workplace's folder."""
        command = self.installation.command(sheet, output, "--executor", "local", "--backend", "echo", *options)
        sheet.with_name("prompts.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
        environment = self.installation.environment() | variables
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


@dataclass(frozen=True)
class HostileBatch:
    """What came of it: ``names`` are the sheet's models by the hostile string that each is called."""

    folder: Path
    output: Path
    stdout: str
    stderr: str
    exit_code: int
    names: Mapping[str, str]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> ToyInstallation:
    made = ToyInstallation(tmp_path_factory.mktemp("echo") / "environment")
    made.install()
    install(made.site, "echo_backend", entry_points=ENTRY_POINTS, module=MODULE)
    return made


@pytest.fixture
def workplace(installation: ToyInstallation, tmp_path: Path) -> EchoWorkplace:
    folder = tmp_path / "workplace"
    folder.mkdir()
    return EchoWorkplace(installation, folder)


@pytest.fixture(scope="session")
def hostile_batch(installation: ToyInstallation, tmp_path_factory: pytest.TempPathFactory) -> HostileBatch:
    """One batch with a row for every hostile string that can be a folder's name, each of which says its string."""
    folder = tmp_path_factory.mktemp("hostile")
    workplace = EchoWorkplace(installation, folder / "workplace")
    workplace.folder.mkdir()
    names = {
        string: workplace.model(string, string, fails=number % 3 == 0)
        for number, string in enumerate(HOSTILE.values()) if can_be_a_folder(string)
    }  # fmt: skip
    names["all of them"] = workplace.model("all of them", "\n".join(HOSTILE.values()))
    prompts = [string.replace("\n", " ") for string in HOSTILE.values()] + ["refuse this"]
    batch = workplace.start(
        workplace.sheet([(model, string) for string, model in names.items()]),
        folder / "output", "--jobs", "2", "--json", prompts=prompts,
    )  # fmt: skip
    stdout, stderr = batch.communicate(timeout=PATIENCE_S)
    return HostileBatch(folder, folder / "output", stdout.decode(), stderr.decode(), batch.returncode, names)


def can_be_a_folder(string: str) -> bool:
    """Whether the sheet takes ``./STRING``, and the file system too, for a folder of the workplace."""
    try:
        model_of(f"./{string}")
    except CellFaultError:
        return False
    parts = Path(string).parts
    return (
        bool(string.strip())
        and string == string.strip()
        and not string.startswith("/")
        and not {"..", "~"} & set(parts)
        and string != "."
        and all(len(part.encode()) <= _NAME_MAX for part in parts)
    )
