"""The import law of docs/architecture.md, read from each file's path and held against its syntax tree.

A file's room decides what it may import. Rooms stand on floors: a room may import its own floor and the floors below it
that its line allows, never a floor above. No two modules or packages of one folder import each other in a circle.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "energy_score"
PROGRAM = "host.batch_runner"
# What the host starts as a program: the one text that may name a module of another side.
ENGINE = "energy_score.engine"

# Rooms from the ground up. Each line: a room, and the rooms below that it may import.
_GROUND = ("contract", "shared")
ROOMS: dict[str, tuple[str, ...]] = {
    "contract": (),
    "shared": ("contract",),
    "engine": _GROUND,
    "reports": _GROUND,
    "host": (*_GROUND, "reports"),
}
# Inside host/, from the ground up: a room may import those of its own floor and of every floor below.
HOST_FLOORS = (
    ("families", "sheet", "run_specs", "model_files", "model_config_parser", "parameter_handler"),
    ("preflight", "locks"),
    ("executors", "debug_logger"),
    ("batch",),
    ("cluster", "single_run"),
    ("cli",),
    ("batch_runner",),
)
# Where the five modules of the top level stand.
TOP_MODULES = {
    "batch_runner": PROGRAM,
    "debug_logger": "host.debug_logger",
    "model_config_parser": "host.model_config_parser",
    "parameter_handler": "host.parameter_handler",
    "results_aggregator": "reports.results_aggregator",
}
# Modules directly in shared/.
SHARED = ("analysis", "chat_template", "gpu", "query_data", "tasks", "file_lock")
# Packages that a room must do without: anywhere in the file, or (heavy ones) as soon as the file is imported.
NOT_IN_THE_ENGINE = {"docker", "click", "pandas", "rich"}
HEAVY = {"torch", "transformers", "pynvml"}
# Rooms that may use these packages beyond the standard library, and no others.
PACKAGES = {
    "contract": {"pydantic"},
    "shared": {
        "pydantic",
        "jinja2",
        "pyarrow",
        "pynvml",
    },  # the last two when they are needed, and said so where they are absent
    "host.families": {"pydantic"},
}
# Folders of the repository that are not part of the product: an installation does not have them.
NOT_INSTALLED = {"benchmarks", "examples", "tests"}
# Ways to import that no reader of the file can follow; ``import_module`` and ``__import__`` may be called, and no more.
_CALLED = {"import_module", "__import__"}
_HIDING_MODULES = {"builtins", "imp", "importlib._bootstrap", "importlib.machinery", "pkgutil", "runpy", "zipimport"}
_HIDING_BUILTINS = {"compile", "eval", "exec"}
_HIDING_NAMES = {"exec_module", "load_module", "module_from_spec", "spec_from_file_location", "SourceFileLoader"}
# Modules that import by a name which they read from a registry. Every text that names a module counts as an import.
REGISTRIES = (
    "batch_runner",
    "energy_score.engine.backends.pytorch.registry",
    "energy_score.engine.backends.registry",
    "energy_score.engine.meters.registry",
    "energy_score.host.executors.registry",
)


class Arrow(NamedTuple):
    """One import: the module named, the line, and whether only the file's own ``__main__`` block makes it."""

    target: str
    line: int
    of_program: bool


@dataclass(frozen=True)
class Source:
    """One file: its path from the repository's root, and its text."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """The dotted name that the file is imported by."""
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def source_files() -> dict[str, str]:
    """Return the text of every module of the product by its path."""
    paths = [*REPOSITORY.glob("*.py"), *(REPOSITORY / PACKAGE).rglob("*.py")]
    return {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


def place(module: str) -> str | None:
    """Return where the module stands, without the package's name (``host.batch.plan``); None for foreign ones."""
    top, _, rest = module.partition(".")
    if top in TOP_MODULES:
        return TOP_MODULES[top]
    return rest if top == PACKAGE else None


def room(module: str) -> str | None:
    """Return the room that the law knows the module by; None if no line of the law covers it."""
    where = place(module)
    if not where:
        return where  # "" is the package itself: its version, which every room may read
    parts = where.split(".")
    if parts[0] == "host" and len(parts) > 1:
        return ".".join(parts[:2]) if any(parts[1] in floor for floor in HOST_FLOORS) else None
    if parts[0] == "shared" and len(parts) > 1 and parts[1] not in SHARED:
        return None
    return parts[0] if parts[0] in ROOMS else None


def is_allowed(importer: str, imported: str) -> bool:
    """Whether a module of the room ``importer`` may import one of the room ``imported``."""
    if imported in ("", importer):
        return True
    (side, _, inner), (other_side, _, other_inner) = importer.partition("."), imported.partition(".")
    if side != other_side:
        return other_side in ROOMS.get(side, ())
    if not inner or not other_inner:  # host/__init__.py imports nothing, and is imported with its rooms
        return not other_inner
    floors = {name: height for height, floor in enumerate(HOST_FLOORS) for name in floor}
    return floors[other_inner] <= floors[inner]


def imports(source: Source, modules: set[str]) -> Iterator[Arrow]:
    """Yield every import of the file, in functions too, and every module that a registry's entry names.

    Raises:
        AssertionError: the file hides where an import goes.
    """
    tree = _tree(source.text)
    programs = {inner for node in tree.body for part in _main_block(node) for inner in ast.walk(part)}
    for node in _telling_nodes(source.text):
        for target in _named_by(source, node, modules):
            yield Arrow(target, getattr(node, "lineno", 1), of_program=node in programs)
    for node, target in _reached(source.text):
        if target in modules:
            yield Arrow(target, getattr(node, "lineno", 1), of_program=node in programs)


def imports_at_load(body: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the modules that are imported as soon as the file is: outside functions and type-checking blocks."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from imports_at_load(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            name = _imported_by_call(node)
            if isinstance(name, ast.Constant):
                yield str(name.value)
            yield from imports_at_load(ast.iter_child_nodes(node))


def faults(files: Mapping[str, str]) -> list[str]:
    """Return every breach of the law in ``files`` (text by path): file and line, what it imports, and the rule."""
    sources = [Source(path, text) for path, text in files.items()]
    modules = {source.module for source in sources}
    found, arrows = [], []
    for source in sources:
        if room(source.module) is None:
            found.append(f"{source.path}: no line of the import law covers this path; add the room to it")
            continue
        try:
            own = list(imports(source, modules))
        except AssertionError as error:
            found.append(f"{source.path}: {error}")
            continue
        for arrow in own:
            fault = _fault(source, arrow)
            if fault is not None:
                found.append(f"{source.path}:{arrow.line}: {fault}")
            elif not arrow.of_program:  # a circle that such an arrow closes would only say the same again
                arrows.append((source, arrow.target))
        found += _heavy_faults(source)
    return found + _circles(arrows)


def _fault(source: Source, arrow: Arrow) -> str | None:
    importer = room(source.module) or ""
    if arrow.of_program and importer in ("host.cli", *TOP_MODULES.values()):
        importer = PROGRAM  # a file that is started stands above everything that it starts
    if place(arrow.target) is None:
        return _package_fault(importer, arrow.target)
    imported = room(arrow.target)
    if imported is None:
        return f"imports {arrow.target}, which no line of the import law covers"
    if not is_allowed(importer, imported):
        return (
            f"{importer or PACKAGE} may not import {imported} ({arrow.target}). Move what both need to a lower room, "
            "or pass it in: docs/architecture.md, Import law"
        )
    return None


def _package_fault(importer: str, target: str) -> str | None:
    package = target.partition(".")[0]
    if package in sys.stdlib_module_names:
        return None
    if package in NOT_INSTALLED:
        return f"the product may not import {target}: an installation has no {package}/"
    if importer in PACKAGES and package not in PACKAGES[importer]:
        return f"{importer} may use no package but {', '.join(sorted(PACKAGES[importer]))}, and imports {target}"
    if importer == "engine" and package in NOT_IN_THE_ENGINE:
        return f"engine may not use the package {package}"
    return None


def _heavy_faults(source: Source) -> Iterator[str]:
    if room(source.module) != "engine":
        heavy = {name.partition(".")[0] for name in imports_at_load(_tree(source.text).body)} & HEAVY
        for name in sorted(heavy):
            yield f"{source.path}: imports {name} as soon as it is imported; only the engine may"


def _named_by(source: Source, node: ast.AST, modules: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "a relative import hides which room it reaches into; write the whole name"
        base = node.module or ""
        for alias in node.names:
            assert alias.name != "*", f"from {base} import * hides what it reaches; name it"
            full = f"{base}.{alias.name}"
            # "from energy_score import engine" reaches a package that its own name does not show.
            yield full if full in modules else base
    elif isinstance(node, ast.Call) and _is_import_call(node):
        name = _imported_by_call(node)
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            assert not name.value.startswith("."), f"{ast.unparse(node)} hides which room it reaches into"
            yield name.value
        else:
            assert source.module in REGISTRIES, (
                f"{ast.unparse(node)} hides where its arrow goes; only a registry may import by a name that it reads"
            )
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _named_in(node.value, modules)


def _named_in(text: str, modules: set[str]) -> Iterator[str]:
    """Yield the module that a text names, as those of registries do: alone, with an attribute, or as a name's start."""
    name, colon, attribute = text.partition(":")
    parts = name.rstrip(".").split(".")
    if text == ENGINE or not all(part.isidentifier() for part in parts):
        return
    if parts[0] == PACKAGE:
        starts = (".".join(parts[:length]) for length in range(len(parts), 1, -1))
        yield from [start for start in starts if start in modules][:1]
    elif colon and attribute.replace(".", "").isidentifier() and name in modules:
        yield name


def _is_import_call(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return (isinstance(called, ast.Name) and called.id in _CALLED) or (
        isinstance(called, ast.Attribute) and called.attr in _CALLED
    )


def _imported_by_call(node: ast.AST) -> ast.expr | None:
    """Return what ``import_module`` or ``__import__`` imports; None if ``node`` calls neither."""
    return node.args[0] if isinstance(node, ast.Call) and _is_import_call(node) and node.args else None


def _refuse_what_hides(node: ast.AST, called: set[ast.expr]) -> None:
    """Refuse every way to import that goes past the checks of this file."""
    hiding: set[str] = set()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        hiding = {f"{base}{alias.name}" for alias in node.names if _hides(base, alias)}
        hiding |= {"sys" for alias in node.names if not base and alias.name == "sys" and alias.asname}
    elif isinstance(node, ast.Name):
        hiding = {node.id} & (_HIDING_BUILTINS | _HIDING_NAMES | (set() if node in called else _CALLED))
    elif isinstance(node, ast.Attribute):
        hiding = {node.attr} & (_HIDING_NAMES | (set() if node in called else _CALLED))
        hiding |= {"sys.modules"} if node.attr == "modules" and ast.unparse(node) == "sys.modules" else set()
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        hiding = {node.value} & _CALLED
    assert not hiding, f"{', '.join(sorted(hiding))} hides where its arrow goes; import by name, or call import_module"


def _hides(base: str, alias: ast.alias) -> bool:
    if alias.name in _CALLED | _HIDING_NAMES | {"modules"} and base in ("importlib.", "importlib.util.", "sys."):
        return alias.name not in _CALLED or alias.asname is not None
    return f"{base}{alias.name}" in _HIDING_MODULES or base.rstrip(".") in _HIDING_MODULES


@cache
def _telling_nodes(text: str) -> list[ast.AST]:
    """Return the nodes of a file that can name a module, once none of them hides one."""
    nodes = list(ast.walk(_tree(text)))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        _refuse_what_hides(node, called)
    return [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom, ast.Call, ast.Constant))]


@cache
def _reached(text: str) -> list[tuple[ast.AST, str]]:
    """Return what ``host.cli.options`` reaches through each name of ours that the file imports, and where."""
    bound: dict[str, str] = {}
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                bound |= {alias.asname: alias.name} if alias.asname else {top: top}
        elif isinstance(node, ast.ImportFrom):
            bound |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name: module for name, module in bound.items() if module.partition(".")[0] == PACKAGE}
    chains = [(node, ast.unparse(node)) for node in ast.walk(_tree(text)) if ours and isinstance(node, ast.Attribute)]
    parts = [(node, *chain.partition(".")[::2]) for node, chain in chains]
    return [(node, f"{ours[first]}.{rest}") for node, first, rest in parts if first in ours]


def _main_block(node: ast.stmt) -> list[ast.stmt]:
    is_main = isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"
    return node.body if isinstance(node, ast.If) and is_main else []


def _circles(arrows: list[tuple[Source, str]]) -> list[str]:
    """Return one line for each circle among the modules and packages of one folder, with the files that make it."""
    folders: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for source, target in arrows:
        here, there = _steps(source.module), _steps(target)
        if here is None or there is None:
            continue
        # A package that imports from its own folder, or is imported from there, is its "__init__" in the folder.
        depth = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
        if depth is None:
            depth = min(len(here), len(there))
            here, there = [*here, "__init__"], [*there, "__init__"]
        folders[".".join(here[:depth])][here[depth]][there[depth]] = source.path
    return [
        f"{', '.join(sorted({graph[a][b] for a in circle for b in graph[a] if b in circle}))}: a circle in "
        f"{'/'.join([PACKAGE, *folder.split('.')]).rstrip('/')}: {' -> '.join([*circle, circle[0]])}"
        for folder, graph in folders.items()
        for circle in _circles_in(graph)
    ]


def _steps(module: str) -> list[str] | None:
    where = place(module)
    return where.split(".") if where else None


def _circles_in(graph: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Return one circle for each group of nodes that reach one another."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for start in sorted(graph):
        if start in seen:
            continue
        back = _way_back(graph, start)
        if back:
            found.append(back)
            seen.update(back)
    return found


def _way_back(graph: Mapping[str, Mapping[str, str]], start: str) -> list[str]:
    """Return the shortest way from ``start`` back to itself, without its end; empty where there is none."""
    ways = [[start]]
    reached = set()
    while ways:
        way = ways.pop(0)
        for following in sorted(graph.get(way[-1], ())):
            if following == start:
                return way
            if following not in reached:
                reached.add(following)
                ways.append([*way, following])
    return []
