import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from energy_score.reports.labels.contents import make_rating_contents, make_snapshot_contents
from energy_score.reports.labels.files import png, write_label
from energy_score.reports.labels.label import LabelContent, badge_svg, label_svg
from energy_score.reports.labels.outlines import text_path, text_width, wrap_text
from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import rate_among
from tests.reports.ratings.test_rating import make_row

DARK, STAR, DIVIDER, PAPER = (0x31, 0x31, 0x31), (0x3F, 0xA4, 0x5B), (0xF0, 0xF0, 0xF0), (255, 255, 255)


def make_content(**changes: Any) -> LabelContent:
    values: dict[str, Any] = {
        "model": "microsoft/phi-4",
        "scored": "February 2025",
        "task": "Text Generation, class A",
        "hardware": "NVIDIA H100 80GB",
        "wh_per_1000_queries": 28.741175,
        "stars": 3,
        "watermark": None,
    }
    return LabelContent(**(values | changes))


def rendered(content: LabelContent, width: int = 520) -> Image.Image:
    return Image.open(io.BytesIO(png(label_svg(content), width=width, alt_text="")))


@pytest.mark.parametrize("size", [(260, 364), (520, 728)])
def test_a_label_has_the_specified_size(size: tuple[int, int]) -> None:
    assert rendered(make_content(), size[0]).size == size


def test_bars_dividers_and_stars_have_the_specified_places_and_colours() -> None:
    picture = rendered(make_content())
    places = {
        (20, 2): DARK,  # the header's first line, below the frame
        (20, 88): DARK,  # its last
        (20, 92): PAPER,
        (260, 429): DIVIDER,
        (260, 545): DIVIDER,
        (20, 630): PAPER,
        (20, 634): DARK,  # the button
        (20, 726): DARK,
    }
    assert {place: picture.getpixel(place) for place in places} == places
    # Five stars of 34 px pitch around the middle, three of them filled.
    centers = [int(260 + 68 * (number - 2)) for number in range(5)]
    assert [picture.getpixel((x, 588)) for x in centers] == [STAR, STAR, STAR, PAPER, PAPER]


def test_nothing_is_written_into_the_margins() -> None:
    picture = rendered(make_content(model="w" * 60, hardware="W" * 60))
    for x in (*range(4, 30), *range(490, 516)):
        column = {picture.getpixel((x, y)) for y in range(96, 425)}
        assert column == {PAPER}, x


def test_an_id_of_90_characters_fits_above_the_details() -> None:
    model = "some-organisation/" + "model-with-quite-a-long-name-" * 3
    assert len(model[:90]) == 90
    picture = rendered(make_content(model=model[:90]))
    assert any(picture.getpixel((x, 158)) != PAPER for x in range(32, 488))  # the name is there
    assert {picture.getpixel((x, 294)) for x in range(32, 488)} == {PAPER}  # and ends before the details


@pytest.mark.parametrize("text", ["a" * 200, "a/b-c_d.e f" * 9, "x"])
def test_wrapped_lines_fit_and_lose_no_character(text: str) -> None:
    lines = wrap_text(text, weight="Bold", size_px=16, width_px=228)
    assert all(text_width(line, weight="Bold", size_px=16) <= 228 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_only_what_is_officially_scored_bears_no_watermark() -> None:
    own = make_rating_contents(rate_among([make_row("a/a", 1.0), make_row("b/b", 2.0)]))
    assert {content.watermark for content, _ in own} == {"not official"}
    official = list(make_snapshot_contents(open_snapshot("2025-02")))
    assert len(official) == 95
    assert {content.watermark for content, _ in official} == {None}
    unmarked, marked = label_svg(make_content()), label_svg(make_content(watermark="not official"))
    assert "rotate" not in unmarked
    assert "rotate" in marked
    assert "(not official)" not in badge_svg(make_content())


def test_a_label_says_the_published_figures() -> None:
    [content] = [one for one, _ in make_snapshot_contents(open_snapshot("2025-02")) if one.model == "microsoft/phi-4"]
    assert content == make_content(stars=1)
    assert content.energy == "28.74"


@pytest.mark.parametrize(
    ("energy_wh", "shown"), [(1639.845, "1,640"), (0.5904, "0.5904"), (0.000123456, "0.000123"), (99.996, "100.00")]
)
def test_an_energy_is_shown_with_four_digits(energy_wh: float, shown: str) -> None:
    assert make_content(wh_per_1000_queries=energy_wh).energy == shown


def test_a_label_tells_readers_who_do_not_see_it_what_it_says(tmp_path: Path) -> None:
    content = make_content(model="a/<b>&c", watermark="not official")
    svg = label_svg(content)
    assert "<title>AI Energy Score label: a/&lt;b&gt;&amp;c, 3 of 5 stars, 28.74 Wh of GPU energy" in svg
    assert "Not official." in svg
    files = list(write_label(content, tmp_path, reasoning_state="On (High)"))
    assert [path.name for path in files] == [
        "a__b__c_On_High.svg", "a__b__c_On_High_260x364.png", "a__b__c_On_High_520x728.png",
        "a__b__c_On_High_badge.svg",
    ]  # fmt: skip
    with Image.open(files[1]) as picture:
        assert picture.info["Description"] == content.alt_text


def test_an_svg_needs_no_font_and_no_network() -> None:
    for svg in (label_svg(make_content()), badge_svg(make_content())):
        assert "<text" not in svg
        assert "font" not in svg
        assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]


def test_a_letter_that_the_font_lacks_is_seen_to_be_one() -> None:
    drawn = [text_path(text, weight="Bold", size_px=16, x=0, baseline=16) for text in ("日本/モデル", "??/???")]
    assert drawn[0] == drawn[1]
