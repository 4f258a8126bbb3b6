"""The readable page of a GPU suite's results."""

from collections.abc import Mapping
from typing import Any


def page(results: Mapping[str, Any]) -> str:
    """Markdown: what was run where, and every figure, four digits each."""
    gpus = ", ".join(f"{gpu['name']} ({gpu['memory_mib']} MiB)" for gpu in results["gpus"])
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    lines = [
        f"# GPU suite, {results['date']}",
        "",
        *(["**Simulated.** These numbers come from the simulated NVML and say nothing of any GPU.", ""]
          if results["simulated"] else []),
        f"GPU: {gpus}; driver {results['driver']}; {versions}. Command: `{results['command']}`.",
    ]  # fmt: skip
    for name, check in results["checks"].items():
        lines += ["", f"## {name.replace('_', ' ')}", "", check["title"], "", "| figure | value |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in _flat(check) if key != "title"]
    return "\n".join(lines) + "\n"


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name}.")
        elif key == "reasons":
            rows.append((name, ", ".join(reason["code"] for reason in value) or "none"))
        elif isinstance(value, float):
            rows.append((name, f"{value:.4g}"))
        elif value is not None:
            rows.append((name, str(value).replace("|", "/")))
    return rows
