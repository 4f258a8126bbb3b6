"""A package of the tests' own, put into a folder of modules as an installer would put it there."""

from pathlib import Path


def install(site: Path, name: str, *, entry_points: str, module: str | None = None) -> None:
    """Write what an installed distribution ``name`` leaves in ``site``, and its module with that text if given."""
    information = site / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="ascii")
    (information / "entry_points.txt").write_text(entry_points, encoding="ascii")
    if module is not None:
        (site / f"{name}.py").write_text(module, encoding="ascii")
