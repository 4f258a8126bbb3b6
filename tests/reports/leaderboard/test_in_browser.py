"""The pages in a real Chromium, opened from the disk."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ViewportSize, expect

from energy_score.contract.run_directory import RunDirectory
from energy_score.reports.leaderboard.build import rate_runs
from energy_score.reports.leaderboard.site import Prior, RatedRun, write_site
from energy_score.reports.leaderboard.update import update_site
from energy_score.reports.ratings.rating import rate_among
from energy_score.reports.results import read_results
from tests.support.leaderboard_pages import HOSTILE, ROWS, column, generated_rows, leaderboard
from tests.support.record_factory import make_config, make_failure, make_report, make_run, make_spec

pytestmark = pytest.mark.browser

PHONE: ViewportSize = {"width": 390, "height": 844}


def test_search_finds_a_model_by_a_part_of_its_name(visit: SimpleNamespace, large_site: Path) -> None:
    page = leaderboard(visit, large_site)
    page.get_by_label("Search", exact=True).fill("model-0123")
    assert column(page, "Model") == ["organisation-12/model-0123"]


def test_filters_combine(visit: SimpleNamespace, large_site: Path) -> None:
    page = leaderboard(visit, large_site)
    page.get_by_label("Task", exact=True).select_option("text_gen")
    page.get_by_label("Class", exact=True).select_option("B")
    page.get_by_label("Stars", exact=True).select_option("5")
    assert set(column(page, "Task")) == {"text_gen"}
    assert set(column(page, "Class")) == {"B"}
    assert all("5 of 5 stars" in stars for stars in column(page, "Stars"))
    page.get_by_label("Stars", exact=True).select_option("none")
    assert all(stars.startswith("Not rated") for stars in column(page, "Stars"))


def test_a_column_sorts_by_its_numbers_with_the_keyboard_and_unknown_ones_come_last(
    visit: SimpleNamespace, large_site: Path
) -> None:
    page = leaderboard(visit, large_site)
    header = page.locator("#leaderboard thead th", has_text="Wh per 1,000")
    header.locator("[role=button]").focus()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    shown = [float(text.replace(",", "")) for text in column(page, "Wh per 1,000")]
    assert shown == sorted(shown)
    page.get_by_label("Search", exact=True).fill("organisation-1/")
    assert column(page, "Wh per 1,000")[-1] == "not measured"
    page.get_by_label("Search", exact=True).fill("")
    header.locator("[role=button]").press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    most = [float(text.replace(",", "")) for text in column(page, "Wh per 1,000")]
    assert most == sorted(most, reverse=True)
    assert most[0] > shown[-1]
    page.get_by_label("Search", exact=True).fill("organisation-1/")
    assert column(page, "Wh per 1,000")[-1] == "not measured"


def test_small_energies_keep_their_significant_digits(visit: SimpleNamespace, tmp_path: Path) -> None:
    [row] = generated_rows(11)[10:]
    values = {"wh_per_1000_queries": 0.245417, "prefill_wh": 0.00081234, "gpu_energy_ci95_half_width_wh": 0.000412}
    [rating] = rate_among([row.model_copy(update=values)])
    write_site(tmp_path / "site", [RatedRun(rating, None)], made_at=datetime(2026, 11, 24, tzinfo=UTC))
    page = leaderboard(visit, tmp_path / "site")
    shown = [column(page, name) for name in ("Wh per 1,000", "±", "Prefill", "Tokens in")]
    assert shown == [["0.24542"], ["0.00041"], ["0.0008123"], ["40"]]


def test_the_keyboard_reaches_search_filters_and_table(visit: SimpleNamespace, large_site: Path) -> None:
    page = leaderboard(visit, large_site)
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert reached[:5] == ["skip", "search", "task", "model_class", "stars"]
    assert "table" in reached


def test_a_hostile_name_is_shown_and_does_nothing(visit: SimpleNamespace, large_site: Path) -> None:
    page = leaderboard(visit, large_site)
    page.get_by_label("Search", exact=True).fill("onerror")
    assert column(page, "Model") == [HOSTILE]
    assert page.title() == "AI Energy Score leaderboard"
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_the_leaderboard_has_no_accessibility_violation(visit: SimpleNamespace, large_site: Path, dark: bool) -> None:  # noqa: FBT001 - what is tried
    page = leaderboard(visit, large_site, dark=dark)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_a_phone_shows_the_table_without_the_page_scrolling_sideways(visit: SimpleNamespace, large_site: Path) -> None:
    page = leaderboard(visit, large_site, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator(ROWS).first.is_visible()


def test_dark_follows_the_reader_s_scheme(visit: SimpleNamespace, large_site: Path) -> None:
    colors = [
        leaderboard(visit, large_site, dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]
    assert colors == ["rgb(255, 255, 255)", "rgb(15, 20, 25)"]


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A finished run, a failed one, and one whose page cannot be made."""
    results = tmp_path / "results"
    make_run(results, "good", report=make_report(spec=make_spec(model_id="a/good")))
    make_run(results, "bad", config=make_config(model_id="b/bad"), failure=make_failure())
    make_run(results, "damaged", config=make_config(model_id="c/damaged"), report=make_report())
    RunDirectory(results / "individual_runs" / "damaged").report_file.write_text("{", encoding="utf-8")
    site = tmp_path / "site"
    write_site(
        site, rate_runs(read_results(results), against="2025-02"), made_at=datetime(2026, 11, 24, tzinfo=UTC),
        priors=[Prior("2026-10-01", "prior/2026-10-01/index.html")],
    )  # fmt: skip
    return site


def test_a_model_leads_to_its_page_with_phases_verdict_and_environment(
    visit: SimpleNamespace, small_site: Path
) -> None:
    page = leaderboard(visit, small_site)
    page.get_by_role("link", name="a/good").click()
    assert page.locator("h1").inner_text() == "a/good"
    text = page.locator("main").inner_text()
    for expected in ("1 of 5 stars", "2540 ± 32 Wh of GPU energy per 1,000 queries", "decode", "NVIDIA H100 80GB HBM3"):
        assert expected in text
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    page.get_by_role("link", name="all models").click()
    assert page.title() == "AI Energy Score leaderboard"


def test_failed_and_damaged_runs_say_so(visit: SimpleNamespace, small_site: Path) -> None:
    page = leaderboard(visit, small_site)
    stars = dict(zip(column(page, "Model"), column(page, "Stars"), strict=True))
    assert stars["b/bad"] == "Not rated: the run failed: load: the model's weights are not there"
    page.get_by_role("link", name="c/damaged").click()
    assert "cannot be read" in page.locator("main").inner_text()


def test_earlier_leaderboards_are_named(visit: SimpleNamespace, small_site: Path) -> None:
    page = leaderboard(visit, small_site)
    assert page.get_by_role("link", name="2026-10-01").get_attribute("href") == "prior/2026-10-01/index.html"


def test_the_earliest_leaderboard_is_reached_by_way_of_an_earlier_one(visit: SimpleNamespace, tmp_path: Path) -> None:
    for day, model in enumerate(("a/one", "a/two", "a/three"), start=1):
        make_run(tmp_path / "results", f"{day}", report=make_report(spec=make_spec(model_id=model)))
        update_site(tmp_path / "site", tmp_path / "results", against="own", now=datetime(2026, 11, day, tzinfo=UTC))
    page = leaderboard(visit, tmp_path / "site")
    for expected, name in enumerate(("2026-11-02T000000Z", "2026-11-01T000000Z")):
        page.get_by_role("link", name=name).click()
        page.wait_for_selector("html[data-ready]")
        assert len(column(page, "Model")) == 2 - expected
