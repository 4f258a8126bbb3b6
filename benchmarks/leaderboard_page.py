"""The leaderboard of 2,000 rows in a real Chromium beside itables' own page of the same data; as ratios.

Run: python -m benchmarks.leaderboard_page [--pictures FOLDER]; needs Chromium on the PATH and the extra ``dev``.
"""

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import itables
import pandas as pd
from itables import to_html_datatable
from itables.javascript import generate_init_offline_itables_html
from playwright.sync_api import Browser, Page, sync_playwright

from energy_score.reports.leaderboard.site import RatedRun, write_site
from energy_score.reports.ratings.rating import rate_among
from tests.support.leaderboard_pages import generated_rows

ROWS, ROUNDS = 2000, 7
# Does something, and gives the ms until the table is drawn anew and a frame has been shown; at most 5 s.
_TIMED = """async (act) => {
  const body = document.querySelector("tbody");
  const start = performance.now();
  const drawn = new Promise((done) => {
    new MutationObserver(() => done()).observe(body, {childList: true});
    setTimeout(done, 5000);
  });
  new Function(act)();
  await drawn;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - start;
}"""
_SORT = """
  const headers = [...document.querySelectorAll("thead th")];
  headers.find((one) => /Wh per 1,000|wh_per_1000/.test(one.textContent)).querySelector(".dt-column-order").click();
"""
_SEARCH = """
  const input = document.querySelector("#search, input[type=search]");
  input.value = "model-01";
  input.dispatchEvent(new Event("input", {bubbles: true}));
"""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Measure both pages in turn, round by round, and print the medians in ms and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="also write screenshots there")
    options = parser.parse_args()
    program = shutil.which("chromium")
    if program is None:
        sys.exit("no chromium on the PATH")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        ratings = rate_among(generated_rows(ROWS))
        write_site(folder, [RatedRun(rating, None) for rating in ratings], made_at=datetime(2026, 11, 24, tzinfo=UTC))
        frame = pd.read_json(folder / "leaderboard.json")
        peer = folder / "peer.html"
        bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
        table = generate_init_offline_itables_html(bundle)
        table += to_html_datatable(frame, connected=False, maxBytes=0, pageLength=50)
        peer.write_text(f"<!doctype html><html><body>{table}</body></html>", encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        measured: dict[str, dict[str, list[float]]] = {"ours": {}, "itables": {}}
        for _ in range(ROUNDS):
            for which, path in (("ours", folder / "index.html"), ("itables", peer)):
                for what, value in _visit(browser, path).items():
                    measured[which].setdefault(what, []).append(value)
        if options.pictures:
            _take_pictures(browser, folder / "index.html", options.pictures)
        browser.close()
        figures = {which: {what: median(values) for what, values in one.items()} for which, one in measured.items()}
        ratios = {what: figures["ours"][what] / figures["itables"][what] for what in figures["ours"]}
        size = {"ours": (folder / "index.html").stat().st_size, "itables": peer.stat().st_size}
    print(json.dumps({"rows": ROWS, "median_ms": figures, "ratio": ratios, "bytes": size}, indent=1))


def _visit(browser: Browser, path: Path) -> dict[str, float]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector("table.dataTable tbody tr:nth-child(5)")
    figures = {
        "first_contentful_paint": float(page.evaluate(_PAINT)),
        "table_there": float(page.evaluate("performance.now()")),
        "sort": float(page.evaluate(_TIMED, _SORT)),
        "search": float(page.evaluate(_TIMED, _SEARCH)),
    }
    page.close()
    return figures


def _take_pictures(browser: Browser, path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, scheme, size in (
        ("leaderboard-desktop", "light", (1400, 900)),
        ("leaderboard-dark", "dark", (1400, 900)),
        ("leaderboard-phone", "light", (390, 844)),
    ):
        page: Page = browser.new_page(
            color_scheme="dark" if scheme == "dark" else "light", viewport={"width": size[0], "height": size[1]}
        )
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        page.fill("#search", "organisation-1")
        page.screenshot(path=folder / f"{name}.png")
        page.close()


if __name__ == "__main__":
    main()
