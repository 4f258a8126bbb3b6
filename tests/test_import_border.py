"""The layers of the design, held on the syntax tree and in processes where the other side's packages are not there."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = "energy_score"
TOP_MODULES = {path.stem for path in REPOSITORY.glob("*.py")}
HEAVY = {"torch", "transformers", "pynvml"}
NOT_IN_THE_ENGINE = {"docker", "click", "pandas", "rich"}
# The syntax tree guards this one alone: huggingface_hub, below transformers, imports rich itself.
IMPORTS_RICH_THROUGH_TRANSFORMERS = "energy_score.engine.backends.pytorch."
# Own modules that each layer may name, as prefixes, and whether it may use packages beyond pydantic.
LAYERS = {
    "contract": (("energy_score.contract",), False),
    "families": (("energy_score.contract", "energy_score.families"), False),
    "tasks": (("energy_score.contract", "energy_score.tasks"), False),
    "gpu": (("energy_score.contract", "energy_score.gpu"), False),
    "data_files": (("energy_score.contract", "energy_score.data_files"), False),
    "derivation": (("energy_score.contract", "energy_score.tasks", "energy_score.derivation"), False),
    "engine": (
        (
            "energy_score.contract",
            "energy_score.tasks",
            "energy_score.gpu",
            "energy_score.data_files",
            "energy_score.derivation",
            "energy_score.engine",
        ),
        True,
    ),
}

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


def source_files() -> list[Path]:
    return sorted([*REPOSITORY.glob("*.py"), *(REPOSITORY / PACKAGE).rglob("*.py")])


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    """The layer's name; whatever has no rule of its own is of the host."""
    top, _, rest = module.partition(".")
    layer = rest.partition(".")[0]
    return layer if top == PACKAGE and layer in LAYERS else "host"


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module named by an import statement, wherever it stands."""
    for node in ast.walk(tree):
        yield from named_by(node)


def imports_at_load(body: list[ast.stmt]) -> Iterator[str]:
    """The modules that are imported as soon as the file is: those outside functions and type-checking blocks."""
    for node in body:
        yield from named_by(node)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from imports_at_load(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for part in ("body", "orelse", "finalbody"):
                yield from imports_at_load(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from imports_at_load(handler.body)


def named_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import hides which layer it reaches into"
        yield node.module or ""
        # "from energy_score import engine" reaches a module that its own name does not show.
        yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == PACKAGE)


def fault_of(module: str, imported: str) -> str | None:
    """Why ``module`` may not import ``imported``, or None."""
    layer, top = layer_of(module), imported.partition(".")[0]
    is_own = top == PACKAGE or top in TOP_MODULES
    if layer == "host":
        return f"{module}: the host imports the engine: {imported}" if layer_of(imported) == "engine" else None
    allowed, has_packages = LAYERS[layer]
    if is_own and imported not in (PACKAGE, f"{PACKAGE}.__version__"):
        reaches = any(imported == prefix or imported.startswith(f"{prefix}.") for prefix in allowed)
        return None if reaches else f"{module}: {layer} imports {imported}"
    if is_own or top in sys.stdlib_module_names or top == "pydantic":
        return None
    if not has_packages or top in NOT_IN_THE_ENGINE:
        return f"{module}: {layer} imports the package {top}"
    return None


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    faults = [fault_of(module_name(path), imported) for imported in imports(tree)]
    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize(
    "path", [path for path in source_files() if layer_of(module_name(path)) != "engine"], ids=module_name
)
def test_heavy_packages_load_only_when_named(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {imported.partition(".")[0] for imported in imports_at_load(tree.body)} & HEAVY == set()


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("energy_score.contract.units", "numpy"),
        ("energy_score.contract.units", "energy_score.tasks"),
        ("energy_score.contract.units", "batch_runner"),
        ("energy_score.families.qwen", "energy_score.tasks.text_gen"),
        ("energy_score.tasks.text_gen", "torch"),
        ("energy_score.gpu.nvml_devices", "energy_score.engine.meters"),
        ("energy_score.gpu.nvml_devices", "psutil"),
        ("energy_score.derivation.verdict", "energy_score.engine.run"),
        ("energy_score.derivation.statistics", "numpy"),
        ("energy_score.engine.run", "energy_score.executors.local"),
        ("energy_score.engine.run", "energy_score.families"),
        ("energy_score.engine.run", "results_aggregator"),
        ("energy_score.engine.run", "pandas.io"),
        ("energy_score.executors.local", "energy_score.engine"),
        ("results_aggregator", "energy_score.engine.run"),
        ("batch_runner", "energy_score.engine"),
    ],
)
def test_the_rules_name_an_import_across_the_border(module: str, imported: str) -> None:
    assert fault_of(module, imported)


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


def test_a_run_at_an_endpoint_imports_no_inference_stack() -> None:
    modules = ["energy_score.engine.run", "energy_score.engine.backends.openai_endpoint"]
    refused = "torch,transformers,huggingface_hub,datasets,tokenizers"
    command = [sys.executable, "-c", IMPORTER, refused, *modules]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("side", ["host", "engine"])
def test_each_side_imports_where_the_other_sides_packages_are_not_there(side: str) -> None:
    refused = NOT_IN_THE_ENGINE if side == "engine" else HEAVY
    names = sorted(set(map(module_name, source_files())))
    modules = [
        name
        for name in names
        if (layer_of(name) == "engine") == (side == "engine") and not name.startswith(IMPORTS_RICH_THROUGH_TRANSFORMERS)
    ]
    command = [sys.executable, "-c", IMPORTER, ",".join(refused), *modules]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
