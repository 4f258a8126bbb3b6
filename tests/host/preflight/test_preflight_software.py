"""Facts about the packages a run needs."""

from importlib import metadata
from pathlib import Path

import pytest

from energy_score.host.preflight import software


def versions(monkeypatch: pytest.MonkeyPatch, **known: str | None) -> None:
    """Pretend that every package has version 99, except those given here; None means not installed."""

    def version(package: str) -> str:
        found = known.get(package, "99.0")
        if found is None:
            raise metadata.PackageNotFoundError(package)
        return found

    monkeypatch.setattr("energy_score.host.preflight.software.metadata.version", version)


@pytest.mark.parametrize(
    ("version", "version_min", "is_enough"),
    [
        ("2.13.0+cpu", "2.8", True),
        ("2.8", "2.8.0", True),
        ("2.8.0", "2.8", True),
        ("2.7.9", "2.8", False),
        ("10.0", "9.9", True),
        ("5.0rc1", "5.0", True),
        ("4.57.6", "5.0", False),
        ("unknown", "1.0", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, version_min: str, *, is_enough: bool) -> None:
    assert software.is_at_least(version, version_min) is is_enough


def test_the_project_file_names_the_packages() -> None:
    names = {check.name for check in software.package_checks()}
    assert {"package click", "package torch", "package transformers", "package docker", "package pandas"} <= names


def test_a_package_that_a_run_needs_is_missing_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, torch=None, transformers="4.57.6", docker=None)
    found = {check.name: check for check in software.package_checks()}
    assert found["package torch"].status == "missing"
    assert found["package torch"].remedy == "pip install -c constraints.txt -e '.[pytorch]'"
    assert found["package transformers"].status == "missing"
    assert found["package transformers"].found == "4.57.6; required: 5.0 or later"
    assert found["package docker"].status == "warning"
    assert found["package pydantic"].status == "ok"


def test_an_installation_without_the_project_file_says_what_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions(monkeypatch, torch=None)
    monkeypatch.setattr(
        "energy_score.host.preflight.software.energy_score.__file__", str(tmp_path / "a" / "__init__.py")
    )
    asked = [
        "click>=8.1",
        'torch>=2.8; extra == "pytorch"',
        'docker>=7.1; extra == "docker"',
        'ruff>=0.9; extra == "dev"',
    ]
    monkeypatch.setattr("energy_score.host.preflight.software.metadata.requires", lambda _: asked)
    found = [(check.name, check.status) for check in software.package_checks()]
    assert found == [("package click", "ok"), ("package torch", "missing"), ("package docker", "ok")]


@pytest.mark.parametrize(
    ("cuda", "hip", "status", "found"),
    [
        ("'12.8'", "None", "ok", "for CUDA 12.8"),
        ("None", "None", "warning", "for the CPU only"),
        ("None", "'6.3'", "warning", "for ROCm 6.3"),
    ],
)
def test_the_build_of_torch_is_read_from_its_version_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cuda: str, hip: str, status: str, found: str
) -> None:
    class Torch:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    (tmp_path / "torch").mkdir()
    text = f"__version__ = '2.13.0'\ncuda: Optional[str] = {cuda}\nhip: Optional[str] = {hip}\n"
    (tmp_path / "torch" / "version.py").write_text(text)
    monkeypatch.setattr("energy_score.host.preflight.software.metadata.distribution", lambda _: Torch())
    (check,) = software.torch_build_checks()
    assert (check.status, check.found) == (status, found)


def test_the_environment_of_optimum_is_told_with_its_version_or_how_to_have_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "bin" / "python"
    monkeypatch.setenv("ENERGY_SCORE_OPTIMUM_PYTHON", str(python))
    (absent,) = software.optimum_checks()
    assert (absent.status, absent.found) == ("warning", f"{python} does not exist")
    assert "make optimum-env" in absent.remedy
    python.parent.mkdir()
    python.touch()
    (empty,) = software.optimum_checks()
    assert (empty.status, empty.found) == ("warning", f"{python} has no optimum-benchmark")
    installed = tmp_path / "lib/python3.11/site-packages/optimum_benchmark-0.6.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: optimum-benchmark\nVersion: 0.6.0\n")
    (there,) = software.optimum_checks()
    assert (there.status, there.found) == ("ok", f"optimum-benchmark 0.6.0 in {python}")
