"""Text as outlines, so that a picture looks the same everywhere without installing a font."""

from functools import lru_cache
from importlib import resources
from typing import Literal

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

Weight = Literal["Bold", "Medium"]

_FONTS = resources.files("energy_score.reports.labels") / "fonts"


def text_path(text: str, *, weight: Weight, size_px: float, x: float, baseline: float) -> str:
    """Return the ``d`` of an SVG path that draws ``text`` starting at ``x`` on ``baseline``."""
    font = _font(weight)
    scale = size_px / font["head"].unitsPerEm
    glyphs, pen = (
        font.getGlyphSet(),
        SVGPathPen(font.getGlyphSet(), ntos=lambda number: f"{number:.2f}".rstrip("0").rstrip(".")),
    )
    for name in _glyph_names(text, weight):
        glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, x, baseline)))
        x += glyphs[name].width * scale
    return str(pen.getCommands())


def text_width(text: str, *, weight: Weight, size_px: float) -> float:
    """Return the width of ``text`` in px."""
    font = _font(weight)
    glyphs = font.getGlyphSet()
    return float(sum(glyphs[name].width for name in _glyph_names(text, weight)) * size_px / font["head"].unitsPerEm)


def wrap_text(text: str, *, weight: Weight, size_px: float, width_px: float) -> list[str]:
    """Split ``text`` into lines of at most ``width_px``, broken after ``/``, ``-``, ``_``, ``.`` or a space."""
    lines, line = [], ""
    for part in _parts(text):
        if text_width((line + part).rstrip(), weight=weight, size_px=size_px) <= width_px:
            line += part
            continue
        if line:
            lines.append(line.rstrip())
        line = part
        while text_width(line.rstrip(), weight=weight, size_px=size_px) > width_px:
            count = next(
                length
                for length in range(len(line) - 1, 0, -1)
                if length == 1 or text_width(line[:length], weight=weight, size_px=size_px) <= width_px
            )
            lines.append(line[:count])
            line = line[count:]
    return [*lines, line.rstrip()]


def _parts(text: str) -> list[str]:
    parts = [""]
    for character in text:
        parts[-1] += character
        if character in "/-_. ":
            parts.append("")
    return [part for part in parts if part]


def _glyph_names(text: str, weight: Weight) -> list[str]:
    """Return the glyph of each character; a question mark if the font lacks it (its own substitute is blank)."""
    characters = _font(weight).getBestCmap()
    return [characters.get(ord(character), characters[ord("?")]) for character in text]


@lru_cache
def _font(weight: Weight) -> TTFont:
    with resources.as_file(_FONTS / f"Inter-{weight}.otf") as path:
        return TTFont(path, lazy=False)
