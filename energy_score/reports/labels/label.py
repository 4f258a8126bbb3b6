"""The label of the AI Energy Score, 260 x 364 px, and a one-line badge.

Source of sizes and colors: the project's label specification, in METHOD.md, "Label". At twice the size, the header ends
at 90, the dividers are at 429 and 545, and the button starts at 632.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from energy_score.reports.labels.outlines import Weight, text_path, text_width, wrap_text

WIDTH_PX, HEIGHT_PX = 260, 364
BADGE_HEIGHT_PX = 28

_DARK, _STAR, _DIVIDER, _TEXT, _PAPER = "#313131", "#3fa45b", "#f0f0f0", "#313131", "#ffffff"
_MARGIN_PX = 16
_HEADER_END, _FIRST_DIVIDER, _SECOND_DIVIDER, _BUTTON = 45.0, 214.5, 272.5, 316.0
_MODEL_PX, _DETAIL_PX, _ENERGY_PX = 16.0, 12.0, 14.0
# A model id in a smaller size cannot be read.
_LEAST_PX = 8.0
_MODEL_HEIGHT_PX = 76.0


@dataclass(frozen=True)
class LabelContent:
    """The content of a label. ``scored`` is month and year. ``watermark`` is None only for officially scored models."""

    model: str
    scored: str
    task: str
    hardware: str
    wh_per_1000_queries: float
    stars: int
    watermark: str | None

    @property
    def energy(self) -> str:
        """Return the energy in Wh with four digits, without an exponent."""
        digits = max(0, 3 - math.floor(math.log10(abs(self.wh_per_1000_queries))))
        return f"{self.wh_per_1000_queries:,.{min(digits, 6)}f}"

    @property
    def alt_text(self) -> str:
        """Return the label as a sentence, for people who cannot see it."""
        note = f" {self.watermark.capitalize()}." if self.watermark else ""
        return (
            f"AI Energy Score label: {self.model}, {self.stars} of 5 stars, {self.energy} Wh of GPU energy per 1,000 "
            f"queries, {self.task}, {self.hardware}, scored {self.scored}.{note}"
        )


def label_svg(content: LabelContent) -> str:
    """Return the label as an SVG document, with text as outlines."""
    return _document(WIDTH_PX, HEIGHT_PX, content.alt_text, _label_parts(content))


def badge_svg(content: LabelContent) -> str:
    """Return one line with stars and energy as an SVG document, as wide as its text."""
    name, energy = "AI Energy Score", f"{content.energy} Wh / 1k"
    if content.watermark:
        energy += f" ({content.watermark})"
    size_px, stars_px = 12.0, 5 * 16.0
    name_px = text_width(name, weight="Bold", size_px=size_px)
    energy_px = text_width(energy, weight="Medium", size_px=size_px)
    split = name_px + 20
    width = math.ceil(split + 10 + stars_px + 8 + energy_px + 10)

    def parts() -> Iterator[str]:
        yield _rectangle(0, 0, width, BADGE_HEIGHT_PX, _PAPER)
        yield _rectangle(0, 0, split, BADGE_HEIGHT_PX, _DARK)
        yield _text(name, "Bold", size_px, (10, 18.5), _PAPER)
        yield from _stars(content.stars, center_y=14, left=split + 10, pitch=16, radius=7)
        yield _text(energy, "Medium", size_px, (split + 10 + stars_px + 8, 18.5), _TEXT)
        yield _frame(width, BADGE_HEIGHT_PX)

    return _document(width, BADGE_HEIGHT_PX, content.alt_text, parts())


def _label_parts(content: LabelContent) -> Iterator[str]:
    yield _rectangle(0, 0, WIDTH_PX, HEIGHT_PX, _PAPER)
    yield _rectangle(0, 0, WIDTH_PX, _HEADER_END, _DARK)
    yield _centered("AI Energy Score", "Bold", _MODEL_PX, 28.5, _PAPER)
    yield from _model(content.model)
    for number, line in enumerate(
        (f"Scored: {content.scored}", f"Task: {content.task}", f"Hardware: {content.hardware}")
    ):
        size_px = _fitting(line, "Medium", _DETAIL_PX)
        yield _text(line, "Medium", size_px, (_MARGIN_PX, 160 + number * 19), _TEXT)
    yield _rectangle(0, _FIRST_DIVIDER - 0.5, WIDTH_PX, 1, _DIVIDER)
    yield _centered("Inference Energy (Wh) per 1k tasks", "Medium", _DETAIL_PX, 236, _TEXT)
    yield _centered(content.energy, "Medium", _ENERGY_PX, 259, _TEXT)
    yield _rectangle(0, _SECOND_DIVIDER - 0.5, WIDTH_PX, 1, _DIVIDER)
    yield from _stars(
        content.stars, center_y=(_SECOND_DIVIDER + _BUTTON) / 2, left=WIDTH_PX / 2 - 85, pitch=34, radius=14
    )
    yield _rectangle(0, _BUTTON, WIDTH_PX, HEIGHT_PX - _BUTTON, _DARK)
    yield _centered("Learn More: tiny.cc/AIEnergy", "Medium", _DETAIL_PX, 344, _PAPER)
    if content.watermark:
        yield _watermark(content.watermark.upper())
    yield _frame(WIDTH_PX, HEIGHT_PX)


def _model(model: str) -> Iterator[str]:
    """Yield the word Model and the id below it, in the specified size or smaller so that it fits."""
    yield _text("Model", "Medium", _DETAIL_PX, (_MARGIN_PX, 65), _TEXT)
    size_px = _MODEL_PX
    while True:
        lines = wrap_text(model, weight="Bold", size_px=size_px, width_px=WIDTH_PX - 2 * _MARGIN_PX)
        pitch = size_px * 18 / 16
        if len(lines) * pitch <= _MODEL_HEIGHT_PX or size_px <= _LEAST_PX:
            break
        size_px -= 0.5
    for number, line in enumerate(lines[: int(_MODEL_HEIGHT_PX // pitch)]):
        yield _text(line, "Bold", size_px, (_MARGIN_PX, 68 + pitch * (number + 0.85)), _TEXT)


def _fitting(text: str, weight: Weight, size_px: float) -> float:
    """Return the size, reduced if needed so that ``text`` fits between the margins."""
    width = text_width(text, weight=weight, size_px=size_px)
    return size_px * min(1.0, (WIDTH_PX - 2 * _MARGIN_PX) / width)


def _centered(text: str, weight: Weight, size_px: float, baseline: float, color: str) -> str:
    size_px = _fitting(text, weight, size_px)
    left = (WIDTH_PX - text_width(text, weight=weight, size_px=size_px)) / 2
    return _text(text, weight, size_px, (left, baseline), color)


def _text(text: str, weight: Weight, size_px: float, at: tuple[float, float], color: str) -> str:
    return f'<path fill="{color}" d="{text_path(text, weight=weight, size_px=size_px, x=at[0], baseline=at[1])}"/>'


def _watermark(text: str) -> str:
    size_px = 30.0
    width = text_width(text, weight="Bold", size_px=size_px)
    size_px *= min(1.0, 400 / width)
    left = -text_width(text, weight="Bold", size_px=size_px) / 2
    path = text_path(text, weight="Bold", size_px=size_px, x=left, baseline=size_px / 3)
    return (
        f'<path transform="translate({WIDTH_PX / 2} 180) rotate(-54)" fill="#b00020" fill-opacity="0.28" d="{path}"/>'
    )


def _stars(count: int, *, center_y: float, left: float, pitch: float, radius: float) -> Iterator[str]:
    """Yield five stars, ``count`` of them filled; the first one's cell starts at ``left``."""
    for number in range(5):
        filled = number < count
        points = _star_points(left + pitch * (number + 0.5), center_y, radius)
        yield f'<polygon fill="{_STAR if filled else _PAPER}" stroke="{_STAR}" stroke-width="1" points="{points}"/>'


def _star_points(x: float, y: float, radius: float) -> str:
    """Return a five-pointed star: ten corners, every other one on the inner circle of a regular pentagram."""
    inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(126))
    corners = []
    for number in range(10):
        angle, distance = math.radians(36 * number - 90), inner if number % 2 else radius
        corners.append(f"{x + distance * math.cos(angle):.2f},{y + distance * math.sin(angle):.2f}")
    return " ".join(corners)


def _rectangle(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{color}"/>'


def _frame(width: float, height: float) -> str:
    return (
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" fill="none" stroke="{_DARK}" '
        'stroke-width="1"/>'
    )


def _document(width: int, height: int, alt_text: str, parts: Iterator[str]) -> str:
    text = escape(alt_text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{text}"><title>{text}</title>{"".join(parts)}</svg>\n'
    )
