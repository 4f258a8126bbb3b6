"""Write labels as files: SVG, PNG in both sizes, and a badge."""

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import resvg_py
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from energy_score.contract.record import write_atomically, write_bytes_atomically
from energy_score.contract.run_directory import run_name
from energy_score.reports.labels.label import HEIGHT_PX, WIDTH_PX, LabelContent, badge_svg, label_svg

_SCALES = (1, 2)


def make_name_marks(labels: Sequence[tuple[LabelContent, str]]) -> list[str]:
    """Return what distinguishes the file names of each label (with its reasoning state); empty if nothing is needed.

    One model can be rated in several tasks, classes and revisions. Names are compared without case, because some file
    systems are case-insensitive.
    """
    names = [run_name(content.model, state).lower() for content, state in labels]
    taken: Counter[str] = Counter()
    marks = []
    for name, (content, _) in zip(names, labels, strict=True):
        mark = f"-{re.sub(r'[^A-Za-z0-9]+', '-', content.task)[:40].strip('-')}" if names.count(name) > 1 else ""
        taken[key := f"{name}{mark}".lower()] += 1
        marks.append(mark if taken[key] == 1 else f"{mark}-{taken[key]}")
    return marks


def write_label(content: LabelContent, folder: Path, *, reasoning_state: str, mark: str = "") -> Iterator[Path]:
    """Write the files of one label into ``folder``, with ``mark`` in their names, and yield each path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{run_name(content.model, reasoning_state)}{mark}"
    svg = label_svg(content)
    write_atomically(path := folder / f"{name}.svg", svg)
    yield path
    for scale in _SCALES:
        path = folder / f"{name}_{WIDTH_PX * scale}x{HEIGHT_PX * scale}.png"
        write_bytes_atomically(path, png(svg, width=WIDTH_PX * scale, alt_text=content.alt_text))
        yield path
    write_atomically(path := folder / f"{name}_badge.svg", badge_svg(content))
    yield path


def png(svg: str, *, width: int, alt_text: str) -> bytes:
    """Return the picture as PNG, ``width`` px wide, with its alternative text in the field Description."""
    drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width))))
    info = PngInfo()
    info.add_itxt("Description", alt_text)
    content = io.BytesIO()
    drawn.convert("RGB").save(content, format="PNG", pnginfo=info, optimize=True)
    return content.getvalue()
