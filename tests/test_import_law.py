"""The import law: every file, every planted breach of it, and each side where the other's packages are absent."""

import ast
import subprocess
import sys
from functools import cache

import pytest

from tests.support.import_law import (
    HEAVY,
    NOT_IN_THE_ENGINE,
    PACKAGE,
    REPOSITORY,
    Source,
    faults,
    imports_at_load,
    room,
    source_files,
)

# The syntax tree guards this one alone: huggingface_hub, below transformers, imports rich itself.
IMPORTS_RICH_THROUGH_TRANSFORMERS = "energy_score.engine.backends.pytorch."

# Makes the packages named first look uninstalled, then imports the modules named after them.
IMPORTER = """
import importlib, importlib.util, sys
absent = set(sys.argv[1].split(","))
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent: raise ModuleNotFoundError(f"{name} is refused", name=name)
sys.meta_path.insert(0, Refusing())
find_spec = importlib.util.find_spec  # transformers asks it which packages there are
importlib.util.find_spec = lambda name, *rest: None if name.partition(".")[0] in absent else find_spec(name, *rest)
for name in sys.argv[2:]:
    importlib.import_module(name)
"""


def test_every_file_keeps_the_import_law() -> None:
    if known_faults():
        pytest.fail("\n".join(known_faults()), pytrace=False)


def faults_of(planted: dict[str, str]) -> list[str]:
    """The faults that ``planted`` files add to those that the tree may have."""
    return [fault for fault in faults(source_files() | planted) if fault not in known_faults()]


@cache
def known_faults() -> list[str]:
    """Return the tree's own violations, checked only once."""
    return faults(source_files())


def test_the_law_looks_at_every_file() -> None:
    files = source_files()
    assert len(files) > 300
    assert {"batch_runner.py", "energy_score/__init__.py", "energy_score/shared/file_lock.py"} <= set(files)


def test_at_most_seven_names_lie_directly_in_the_package() -> None:
    names = {path.removeprefix(f"{PACKAGE}/").partition("/")[0] for path in source_files() if path.startswith(PACKAGE)}
    assert len(names) <= 7, names


@pytest.mark.parametrize(
    ("path", "planted", "fault"),
    [
        pytest.param(
            "energy_score/host/model_files/planted.py",
            "def f():\n    from energy_score.host.cli import options",
            "host.model_files may not import host.cli (energy_score.host.cli.options)",
            id="a function imports a higher floor",
        ),
        pytest.param(
            "energy_score/host/model_files/planted.py",
            "def f():\n    import batch_runner",
            "host.model_files may not import host.batch_runner (batch_runner)",
            id="a function imports a top module",
        ),
        pytest.param(
            "energy_score/engine/planted.py",
            "from energy_score.reports.results import read_results",
            "engine may not import reports (energy_score.reports.results)",
            id="the engine imports reports",
        ),
        pytest.param(
            "energy_score/host/batch/planted.py",
            "from energy_score import engine",
            "host.batch may not import engine (energy_score.engine)",
            id="the host imports the engine",
        ),
        pytest.param(
            "energy_score/reports/planted.py",
            "from energy_score.host.locks import output_lock",
            "reports may not import host.locks (energy_score.host.locks.output_lock)",
            id="reports import the host",
        ),
        pytest.param(
            "energy_score/contract/planted.py",
            "import energy_score.shared.tasks",
            "contract may not import shared (energy_score.shared.tasks)",
            id="the contract imports ours",
        ),
        pytest.param(
            "energy_score/shared/tasks/planted.py",
            "if True:\n    from results_aggregator import ResultsAggregator",
            "shared may not import reports (results_aggregator)",
            id="shared imports a top module",
        ),
        pytest.param(
            "energy_score/host/cli/planted.py",
            "import batch_runner",
            "host.cli may not import host.batch_runner (batch_runner)",
            id="the command line imports what is above all",
        ),
        pytest.param(
            "energy_score/host/batch/planted.py",
            "if __name__ == '__main__':\n    import energy_score.host.cli.options",
            "host.batch may not import host.cli (energy_score.host.cli.options)",
            id="a program below the command line",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "from importlib import import_module\nimport_module('energy_score.host.batch.plan')",
            "host.locks may not import host.batch (energy_score.host.batch.plan)",
            id="a dynamic import with a name",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "import importlib\nname = 'energy_score.host.' + 'batch'\nimportlib.import_module(name)",
            "importlib.import_module(name) hides where its arrow goes",
            id="a dynamic import without a name",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "OPENERS = {'plan': 'energy_score.host.batch.plan:make_plan'}",
            "host.locks may not import host.batch (energy_score.host.batch.plan)",
            id="a registry of a higher floor",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py", "from . import file_lock", "a relative import hides", id="relative"
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "import energy_score.host as rooms\nrooms.cli.options",
            "host.locks may not import host.cli (energy_score.host.cli.options)",
            id="a module reached through its package",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "import energy_score.contract.units\nenergy_score.engine.run",
            "host.locks may not import engine (energy_score.engine.run)",
            id="a module reached through the name of another import",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "OPENERS = {'plan': 'energy_score.host.batch.plan:Plan.make'}",
            "host.locks may not import host.batch (energy_score.host.batch.plan)",
            id="a registry of methods",
        ),
        pytest.param(
            "energy_score/host/executors/registry.py",
            "import importlib\nPLAN = ['energy_score.host.cli.options']\nimportlib.import_module(PLAN[0])",
            "host.executors may not import host.cli (energy_score.host.cli.options)",
            id="a registry of bare names",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "from pydoc import locate\nlocate('energy_score.engine.run.Run')",
            "host.locks may not import engine (energy_score.engine.run)",
            id="a text that names a module, for whatever imports it",
        ),
        pytest.param(
            "energy_score/host/executors/registry.py",
            "import importlib\nimportlib.import_module(f'energy_score.engine.{name}')",
            "host.executors may not import engine (energy_score.engine)",
            id="a registry that puts names together",
        ),
        pytest.param(
            "energy_score/host/cli/planted.py",
            "if __name__ == '__main__':\n    pass\nelse:\n    import batch_runner",
            "host.cli may not import host.batch_runner (batch_runner)",
            id="what a file does unless it is the program",
        ),
        pytest.param(
            "energy_score/host/locks/planted.py",
            "from tests.support import import_law",
            "an installation has no tests/",
            id="what is not installed",
        ),
        pytest.param(
            "planted.py", "", "no line of the import law covers this path", id="a loose module of the top level"
        ),
        pytest.param(
            "energy_score/reports/planted.py",
            "match 1:\n    case 1:\n        import torch",
            "imports torch as soon as it is imported",
            id="torch in a case",
        ),
        pytest.param(
            "energy_score/reports/planted.py",
            "from importlib import import_module\nTORCH = import_module('torch')",
            "imports torch as soon as it is imported",
            id="torch by a dynamic import",
        ),
        pytest.param("energy_score/planted.py", "", "no line of the import law covers this path", id="a loose module"),
        pytest.param("energy_score/web/__init__.py", "", "no line of the import law covers this path", id="a new room"),
        pytest.param(
            "energy_score/host/web/page.py", "", "no line of the import law covers this path", id="a new inner room"
        ),
        pytest.param(
            "energy_score/shared/web/page.py", "", "no line of the import law covers this path", id="a new shared room"
        ),
        pytest.param("energy_score/contract/planted.py", "import numpy", "may use no package but pydantic", id="numpy"),
        pytest.param(
            "energy_score/engine/planted.py", "def f():\n    import pandas.io", "engine may not use", id="pandas"
        ),
        pytest.param(
            "energy_score/reports/planted.py",
            "try:\n    import torch.cuda\nexcept ImportError:\n    pass",
            "imports torch as soon as it is imported",
            id="torch outside the engine",
        ),
    ],
)
def test_a_planted_breach_is_named_with_its_file_and_rule(path: str, planted: str, fault: str) -> None:
    found = faults_of({path: planted})
    assert found[0].startswith(f"{path}:")
    assert fault in found[0]
    assert all(line.startswith(f"{path}:") for line in found)


@pytest.mark.parametrize(
    "planted",
    [
        "from importlib import import_module as load\nload('energy_score.host.batch.plan')",
        "import importlib\nload = importlib.import_module\nload('energy_score.host.batch.plan')",
        "import importlib\ngetattr(importlib, 'import_module')('energy_score.host.batch.plan')",
        "import importlib\nimportlib.import_module('.batch.plan', 'energy_score.host')",
        "load = __import__\nload('energy_score.host.batch.plan')",
        "exec('import energy_score.engine.run')",
        "import builtins\nbuiltins.exec('import energy_score.engine.run')",
        "import runpy\nrunpy.run_module('energy_score.engine')",
        "from runpy import run_module\nrun_module('energy_score.engine')",
        "from pkgutil import resolve_name\nresolve_name('energy_score.host.batch.plan')",
        "from importlib.util import spec_from_file_location as spec\nspec('run', 'energy_score/engine/run.py')",
        "import importlib.util\nimportlib.util.find_spec('energy_score.host.batch.plan').loader.load_module()",
        "import sys\nsys.modules['energy_score.host.batch.plan']",
        "import sys as s\ns.modules['energy_score.host.batch.plan']",
        "from builtins import exec as run\nrun('import energy_score.engine.run')",
        "from sys import modules\nmodules['energy_score.host.batch.plan']",
        "from energy_score.host import *",
    ],
)
def test_an_import_that_goes_past_the_law_is_refused(planted: str) -> None:
    path = "energy_score/host/locks/planted.py"
    (found,) = faults_of({path: planted})
    assert found.startswith(f"{path}: ")
    assert "hides wh" in found


def test_a_circle_between_a_module_and_its_own_package_is_named() -> None:
    planted = {
        "energy_score/reports/planted/__init__.py": "from energy_score.reports.planted.one import name",
        "energy_score/reports/planted/one.py": "from energy_score.reports.planted import other",
    }
    (found,) = faults_of(planted)
    assert "a circle in energy_score/reports/planted: __init__ -> one -> __init__" in found


def test_a_circle_between_three_packages_is_named() -> None:
    planted = {
        "energy_score/host/sheet/planted.py": "import energy_score.host.families.planted",
        "energy_score/host/families/planted.py": "import energy_score.host.model_files.planted",
        "energy_score/host/model_files/planted.py": "import energy_score.host.sheet.planted",
    }
    (found,) = faults_of(planted)
    assert "a circle in energy_score/host: families -> model_files -> sheet -> families" in found


def test_every_folder_of_the_package_is_a_package() -> None:
    """Else an installation lacks it: setuptools looks for ``__init__.py``."""
    files = {path for path in source_files() if path.startswith(PACKAGE)}
    assert {f"{path.rpartition('/')[0]}/__init__.py" for path in files} - files == set()


def test_a_circle_between_packages_is_named_with_its_files() -> None:
    planted = {
        "energy_score/host/sheet/planted.py": "import energy_score.host.families.planted",
        "energy_score/host/families/planted.py": "def f():\n    import energy_score.host.sheet.planted",
    }
    (found,) = faults_of(planted)
    assert found == (
        "energy_score/host/families/planted.py, energy_score/host/sheet/planted.py: "
        "a circle in energy_score/host: families -> sheet -> families"
    )


def test_a_circle_between_modules_of_one_package_is_named() -> None:
    planted = {
        "energy_score/reports/impact/one.py": "import energy_score.reports.impact.two",
        "energy_score/reports/impact/two.py": "import energy_score.reports.impact.one",
    }
    (found,) = faults_of(planted)
    assert "a circle in energy_score/reports/impact: one -> two -> one" in found


def test_a_program_of_the_command_line_may_start_the_whole() -> None:
    planted = {"energy_score/host/cli/planted.py": "if __name__ == '__main__':\n    import batch_runner"}
    assert faults_of(planted) == []


@pytest.mark.parametrize(
    "source",
    ["import torch", "try:\n import torch.cuda\nexcept ImportError:\n pass", "class A:\n from torch import nn"],
)
def test_the_rules_see_an_import_at_load_in_every_place(source: str) -> None:
    assert [name.partition(".")[0] for name in imports_at_load(ast.parse(source).body)] == ["torch"]


@pytest.mark.parametrize(
    "source",
    ["def f():\n import torch", "if TYPE_CHECKING:\n import torch", "class A:\n def f(self):\n  import torch"],
)
def test_an_import_in_a_function_or_for_types_alone_is_none_at_load(source: str) -> None:
    assert list(imports_at_load(ast.parse(source).body)) == []


def import_without(absent: set[str], modules: list[str]) -> None:
    command = [sys.executable, "-c", IMPORTER, ",".join(sorted(absent)), *modules]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_at_an_endpoint_imports_no_inference_stack() -> None:
    modules = ["energy_score.engine.run", "energy_score.engine.backends.openai_endpoint"]
    import_without({"torch", "transformers", "huggingface_hub", "datasets", "tokenizers"}, modules)


def test_each_side_imports_where_the_other_sides_packages_are_absent() -> None:
    modules = sorted(Source(path, text).module for path, text in source_files().items())
    engine = [name for name in modules if room(name) == "engine"]
    import_without(HEAVY, [name for name in modules if name not in engine])
    import_without(
        NOT_IN_THE_ENGINE, [name for name in engine if not name.startswith(IMPORTS_RICH_THROUGH_TRANSFORMERS)]
    )
