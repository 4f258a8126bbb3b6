"""Plot a comparison: energy with its interval, and the split of the ratio into length and energy per token."""

import math
import warnings
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from energy_score.contract.errors import UsageError
from energy_score.contract.plain_text import shorten
from energy_score.reports.comparison.side_by_side import Line, SideBySide
from energy_score.reports.comparison.tables import half_width_wh

# Dark enough on white and light enough on black, and distinguishable for readers who cannot see red and green.
_ENERGY, _LENGTH, _PER_TOKEN = "#0b6e99", "#d9822b", "#6a4c93"
_LABEL_MAX, _TITLE_MAX = 40, 100
_FORMATS = (".svg", ".png", ".pdf")


def plot(comparison: SideBySide, path: Path) -> None:
    """Write the plot to ``path``; the file extension sets the format.

    Raises:
        UsageError: The extension is not a supported format.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"{path}: unknown plot format (expected one of: {', '.join(_FORMATS)})")
    lines = [line for line in comparison.lines if line.energy is not None]
    if not lines:
        raise UsageError(f"{comparison.title}: nothing was measured, so there is nothing to plot")
    # Without a date and with fixed ids, so that equal results give equal bytes. A dollar sign in a name is not a
    # formula, and a character that the font does not have becomes a box.
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    with rc_context({"svg.hashsalt": "ai-energy-score", "text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        _drawn(comparison, lines).savefig(path, dpi=144, metadata=metadata)


def _drawn(comparison: SideBySide, lines: list[Line]) -> Figure:
    figure = Figure(figsize=(9.0, 1.6 + 0.55 * len(lines)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    labels = [shorten(line.label, _LABEL_MAX) for line in lines]
    positions = list(range(len(lines)))
    left.barh(
        positions,
        [line.energy.wh_per_1000_queries for line in lines if line.energy],
        xerr=[math.nan if (width := half_width_wh(line)) is None else width for line in lines],  # unknown is not 0
        color=_ENERGY,
        ecolor="0.3",
        capsize=3,
    )
    left.set_yticks(positions, labels)
    left.invert_yaxis()
    sources = sorted({f"{line.energy.domain}, {line.energy.source}" for line in lines if line.energy})
    left.set_xlabel(f"Wh per 1,000 queries ({'; '.join(sources)})")
    for offset, name, color, values in (
        (-0.2, "length", _LENGTH, [line.length_ratio for line in lines]),
        (0.2, "energy per token", _PER_TOKEN, [line.per_token_ratio for line in lines]),
    ):
        known = [(position, value) for position, value in zip(positions, values, strict=True) if value is not None]
        right.barh(
            [at + offset for at, _ in known], [value for _, value in known], height=0.36, color=color, label=name
        )
    right.axvline(1.0, color="0.4", linewidth=0.8)
    right.set_xlabel(f"ratio to {shorten(comparison.baseline, _LABEL_MAX)}")
    right.legend(loc="best", frameon=False)
    figure.suptitle(_title(comparison, lines))
    return figure


def _title(comparison: SideBySide, lines: list[Line]) -> str:
    unrated = any(not line.row.rateable for line in lines)
    return f"{shorten(comparison.title, _TITLE_MAX)}{' (not rateable)' if unrated else ''}"
