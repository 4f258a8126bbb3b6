"""The Python packages that a run needs, checked without importing them."""

import os
import platform
import re
import sys
import tomllib
from ast import literal_eval
from collections.abc import Iterator
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import energy_score
from energy_score.contract.installation import install_command
from energy_score.contract.optimum_environment import describe_optimum_setup, optimum_python
from energy_score.host.preflight.check import Check

_DISTRIBUTION = "ai-energy-score-batch-runner"
_PYTHON_MIN = (3, 11)
# The extra for the local executor; packages of other extras are only needed for what they are named after.
_RUN_EXTRA = "pytorch"
_OPTIONAL_EXTRAS = ("endpoint", "docker", "reports", "signing")


class _Requirement(NamedTuple):
    package: str
    version_min: str
    extra: str | None


def python_checks() -> list[Check]:
    """Return whether this Python is new enough."""
    asked = ".".join(map(str, _PYTHON_MIN))
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info >= _PYTHON_MIN:
        return [Check("python", "ok", found, "")]
    return [Check("python", "missing", found, f"create the virtual environment with Python {asked} or later")]


def optimum_checks() -> list[Check]:
    """Return whether the environment for --backend optimum exists; no other backend needs it."""
    python = optimum_python(os.environ)
    remedy = f"{describe_optimum_setup(os.environ)} (only needed for --backend optimum)"
    if not python.exists():
        return [Check("optimum environment", "warning", f"{python} does not exist", remedy)]
    folders = [str(folder) for folder in python.parent.parent.glob("lib/python*/site-packages")]
    found = next(iter(metadata.distributions(name="optimum-benchmark", path=folders)), None)
    if found is None:
        return [Check("optimum environment", "warning", f"{python} has no optimum-benchmark", remedy)]
    return [Check("optimum environment", "ok", f"optimum-benchmark {found.version} in {python}", "")]


def package_checks() -> list[Check]:
    """Return one finding per package: ``missing`` if local runs need it, otherwise a warning."""
    # A package in several extras is listed once, under the first of them: those needed for runs come first.
    requirements = {one.package: one for one in reversed(list(_requirements()))}
    if not requirements:
        return [Check("packages", "warning", "this program is not installed", install_command())]
    return [_package_check(requirement) for requirement in reversed(requirements.values())]


def torch_build_checks() -> list[Check]:
    """Return whether the installed torch can use an NVIDIA GPU, according to its version file."""
    try:
        text = Path(str(metadata.distribution("torch").locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except (metadata.PackageNotFoundError, OSError):
        return []
    builds = dict(re.findall(r"^(\w+)(?:: [^=]+)? = (.+)$", text, flags=re.MULTILINE))
    cuda, hip = (literal_eval(builds.get(name, "None")) for name in ("cuda", "hip"))
    if cuda:
        return [Check("torch build", "ok", f"for CUDA {cuda}", "")]
    found = f"for ROCm {hip}" if hip else "for the CPU only"
    remedy = "enough for trials; to measure an NVIDIA GPU, install a CUDA build of torch (pytorch.org)"
    return [Check("torch build", "warning", found, remedy)]


def is_at_least(version: str, version_min: str) -> bool:
    """Return whether ``version`` is at least ``version_min``, by the numbers before any suffix (2.13.0+cpu, 5.0rc1)."""
    pairs = zip_longest(_numbers(version), _numbers(version_min), fillvalue=0)
    return next((have > asked for have, asked in pairs if have != asked), True)


def _package_check(requirement: _Requirement) -> Check:
    name, asked = f"package {requirement.package}", f"required: {requirement.version_min} or later"
    is_optional = requirement.extra in _OPTIONAL_EXTRAS
    use = f" (only needed for {requirement.extra})" if is_optional else ""
    remedy = f"{install_command(requirement.extra or '')}{use}"
    try:
        version = metadata.version(requirement.package)
    except metadata.PackageNotFoundError:
        return Check(name, "warning" if is_optional else "missing", f"not installed; {asked}", remedy)
    if is_at_least(version, requirement.version_min):
        return Check(name, "ok", version, "")
    return Check(name, "warning" if is_optional else "missing", f"{version}; {asked}", remedy)


def _requirements() -> Iterator[_Requirement]:
    """Yield the required packages, from the project file beside the code, or from the installation's metadata."""
    project_file = Path(energy_score.__file__).resolve().parent.parent / "pyproject.toml"
    if project_file.exists():
        project = tomllib.loads(project_file.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        asked: list[tuple[str, str | None]] = [(text, None) for text in project["dependencies"]]
        asked += [(text, extra) for extra in (_RUN_EXTRA, *_OPTIONAL_EXTRAS) for text in extras.get(extra, ())]
    else:
        asked = list(_installed_requirements())
    for text, extra in asked:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*\(?>=\s*([0-9][0-9.]*)", text)
        if match:
            yield _Requirement(match[1], match[2], extra)


def _installed_requirements() -> Iterator[tuple[str, str | None]]:
    try:
        texts = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for text in texts:
        match = re.search(r"extra == [\"'](\w+)[\"']", text)
        extra = match[1] if match else None
        if extra in (None, _RUN_EXTRA, *_OPTIONAL_EXTRAS):
            yield text, extra


def _numbers(version: str) -> list[int]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return [int(part) for part in match[0].split(".")] if match else []
