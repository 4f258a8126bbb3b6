"""Pages of the leaderboard for tests: generated rows of all kinds, and a real Chromium that opens them."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from energy_score.reports.leaderboard.site import RatedRun, write_site
from energy_score.reports.ratings.rating import rate_among
from energy_score.reports.results_table.result_row import ResultRow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ROWS = "#leaderboard tbody tr"
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>document.title='owned'</script>=cmd|x"


def generated_rows(count: int) -> list[ResultRow]:
    """So many rows of all kinds: rated, not rateable, unmeasured, failed, and one whose name is an attack."""
    rng = random.Random(1)
    tasks = ("text_gen", "asr", "image_gen", "summarization")
    rows = []
    for number in range(count):
        energy_wh = rng.lognormvariate(3, 1)
        task = tasks[number % 4]
        changes: dict[str, object] = {}
        if number % 10 == 7:
            changes = {"rateable": False, "verdict_reasons": "quick_protocol"}
        elif number % 10 == 8:
            changes = {"wh_per_1000_queries": None, "gpu_energy_wh": None, "energy_source": None}
        elif number % 10 == 9:
            changes = {"successful_prompts": None, "error_message": "load: out of memory"}
        values: dict[str, object] = {
            "model_name": f"organisation-{number % 37}/model-{number:04}",
            "model_class": "ABC"[number % 3] if task == "text_gen" else None,
            "task": task,
            "reasoning_state": ("Off", "On", "")[number % 3],
            "successful_prompts": 1000,
            "total_prompt_tokens": 40_000,
            "total_completion_tokens": 10_000,
            "gpu_energy_wh": energy_wh,
            "wh_per_1000_queries": energy_wh,
            "prefill_wh": energy_wh / 3,
            "decode_wh": energy_wh * 2 / 3,
            "gpu_energy_ci95_half_width_wh": energy_wh / 100,
            "repeats": 10,
            "energy_source": "nvml-counter",
            "hardware": "NVIDIA H100 80GB HBM3",
            "rateable": True,
            "comparable": True,
            "timestamp": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number),
            "run_id": f"run-{number}",
        }
        rows.append(ResultRow.model_validate(values | changes))
    rows[0] = rows[0].model_copy(update={"model_name": HOSTILE, "error_message": HOSTILE, "hardware": HOSTILE})
    return rows


@pytest.fixture(scope="session")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of 2,000 rows."""
    folder = tmp_path_factory.mktemp("large")
    ratings = rate_among(generated_rows(2000))
    write_site(folder, [RatedRun(rating, None) for rating in ratings], made_at=datetime(2026, 11, 24, tzinfo=UTC))
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on the PATH")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - tests of other things do without

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser: "Browser") -> Iterator[SimpleNamespace]:
    """``open(path)`` gives a page; whatever it says on the console or asks the network for is kept."""
    contexts = []
    kept = SimpleNamespace(messages=[], requests=[])

    def open_page(path: Path, *, dark: bool = False, viewport: "ViewportSize | None" = None) -> "Page":
        context = browser.new_context(
            color_scheme="dark" if dark else "light", viewport=viewport or {"width": 1400, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: kept.messages.append(message.text))
        page.on("pageerror", lambda error: kept.messages.append(str(error)))
        page.on("request", lambda request: kept.requests.append(request.url))
        page.goto(path.as_uri())
        return page

    kept.open = open_page
    yield kept
    for context in contexts:
        context.close()
    assert kept.messages == []
    assert [url for url in kept.requests if not url.startswith(("file:", "data:"))] == []


def leaderboard(visit: SimpleNamespace, site: Path, **options: object) -> "Page":
    page: Page = visit.open(site / "index.html", **options)
    page.wait_for_selector("html[data-ready]")
    return page


def column(page: "Page", name: str) -> list[str]:
    titles = [re.sub(r"\s+", " ", text).strip() for text in page.locator("#leaderboard thead th").all_inner_texts()]
    return page.locator(f"{ROWS} td:nth-child({titles.index(name) + 1})").all_inner_texts()
