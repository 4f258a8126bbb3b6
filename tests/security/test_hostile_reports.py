"""Everything that is made from results, where every text of every record is hostile: commands, files and pages."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from energy_score.contract.run_report import Verdict, VerdictReason
from energy_score.contract.server_use import ServerTokens, ServerUse
from tests.security.hostile_strings import CANARY, HOSTILE
from tests.security.traces import live_cells, raw_controls
from tests.support.command_line import Outcome, command
from tests.support.leaderboard_pages import leaderboard
from tests.support.record_factory import (
    H100,
    make_config,
    make_failure,
    make_owner,
    make_report,
    make_run,
    make_spec,
    make_statistics,
)

pytestmark = pytest.mark.slow

# Parts of names by which labels are asked for; each label takes a fifth of a second.
LABELLED = (CANARY, "xxxx", "gpj.exe", "red")


def hostile_run(output: Path, number: int, string: str) -> None:
    """A rated run of a model that is called so, on a GPU that is called so, answered by a server that is called so."""
    spec = make_spec(
        run_id=string, model_id=string, revision=string, reasoning_state=string, backend="vllm", notes=(string,),
        endpoint="http://127.0.0.1/v1", region=string or "world", image=string,
    )  # fmt: skip
    plain = make_report()
    reason = VerdictReason(
        code="phase_too_short", severity="warning", message=string, observed=string, threshold=string
    )
    report = make_report(
        spec=spec,
        statistics=make_statistics(share=1 + number / 10),
        model=plain.model.model_copy(
            update={"commit": string, "attention": string, "quantization": string, "notes": (string,)}
        ),
        queries=plain.queries.model_copy(update={"first_error": string, "failed": 0, "asked": 10, "succeeded": 10}),
        hardware=plain.hardware.model_copy(update={"gpus": (H100.model_copy(update={"name": string}),), "cpu": string}),
        software={string: string, "torch": string},
        meters=(string,),
        dataset_revision=string,
        server=ServerUse(
            address=string, name=string, version=string, served_model=string, managed=False, interface="chat",
            exact_length=True, prefix_caching=False, received=ServerTokens(prompt=1, completion=1), notes=(string,),
        ),
        verdict=Verdict(status="measured", rateable=True, comparable=True, reasons=(reason,)),
    )  # fmt: skip
    config = make_config(model_id=string, reasoning_state=string, chat_template=string, revision=string)
    owner = make_owner(run_id=string, executor=string, cluster_job=string)
    make_run(output, f"rated-{number:03}", config=config, report=report, owner=owner)
    make_run(
        output, f"failed-{number:03}", config=config, owner=owner,
        failure=make_failure(message=string, run_id=string, log_tail=string),
    )  # fmt: skip


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """All that the commands make from such runs: ``told`` by command, files in ``folder``."""
    folder = tmp_path_factory.mktemp("reports")
    output = folder / "output"
    for number, string in enumerate(HOSTILE.values()):
        hostile_run(output, number, string)
    for name in ("script", "title", "markup"):
        for state, share in (("Off", 0.5), ("On", 0.9)):
            spec = make_spec(model_id=HOSTILE[name], reasoning_state=state)
            report = make_report(spec=spec, statistics=make_statistics(share=share))
            make_run(output, f"{state}-{name}", report=report)
    own = ("--results", str(output), "--against", "own")
    told: dict[str, Outcome] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ("aggregate", "--output-dir", str(output)),
            ("rate", *own),
            ("rate", *own, "--json"),
            ("rate", "--results", str(output / "master_results.csv"), "--against", "own"),
            ("snapshot", "--results", str(output), "--name", "hostile", str(folder / "snapshot.json")),
            ("drift", "2025-02", str(folder / "snapshot.json")),
            ("drift", str(folder / "snapshot.json"), "2025-02", "--json"),
            *(("compare", "modes", *own[:2], "--format", form) for form in ("table", "markdown", "json")),
            ("compare", "models", *own[:2], HOSTILE["title"], HOSTILE["script"]),
            ("compare", "models", *own[:2], HOSTILE["vector"], HOSTILE["markup"], "--plot", str(folder / "plot.svg")),
            ("compare", "results", str(output), str(output)),
            *(("impact", *own[:2], "--queries-per-year", "1e9", "--format", form) for form in ("table", "markdown")),
            *(("label", *own, "--to", str(folder / "labels"), "--model-name", part) for part in LABELLED),
            ("leaderboard", *own, "--site", str(folder / "site")),
        ):
            told[" ".join(words).replace(str(folder), "")] = command(*words)
    return SimpleNamespace(folder=folder, output=output, told=told, site=folder / "site", labels=folder / "labels")


def test_every_command_ends_well_and_writes_plain_lines(reports: SimpleNamespace) -> None:
    for words, outcome in reports.told.items():
        assert outcome.exit_code == 0 or words.startswith("compare results"), (words, outcome.stderr)
        assert raw_controls(outcome.told) == [], words
        assert "Traceback" not in outcome.told
        if "--json" in words:
            for line in outcome.stdout.splitlines():
                json.loads(line, parse_constant=pytest.fail)


def test_nothing_is_written_outside_of_what_was_named(reports: SimpleNamespace) -> None:
    assert {path.name for path in reports.folder.iterdir()} == {
        "output", "snapshot.json", "plot.svg", "labels", "site", "site.versions",
    }  # fmt: skip
    assert not list(reports.folder.rglob(CANARY))
    for folder in (reports.labels, reports.folder / "site.versions"):
        for path in folder.rglob("*"):
            assert re.fullmatch(r"[\w.+=@,-]+", path.name, re.ASCII), path


def test_every_name_has_a_page_of_its_own_and_can_have_a_label(reports: SimpleNamespace) -> None:
    assert len(list(reports.labels.glob("*_badge.svg"))) > 2 * len(LABELLED)
    assert len(list((reports.site / "models").iterdir())) == len(HOSTILE) + 6


def test_no_cell_of_any_table_is_run(reports: SimpleNamespace) -> None:
    for table in (reports.output / "master_results.csv", reports.site / "leaderboard.csv"):
        assert live_cells(table) == []


def test_pictures_hold_nothing_that_acts(reports: SimpleNamespace) -> None:
    pictures = [*reports.labels.glob("*.svg"), reports.folder / "plot.svg"]
    assert len(pictures) > 4 * len(LABELLED)
    for path in pictures:
        for element in ET.parse(path).iter():  # noqa: S314 - our own, and it must be well-formed
            assert element.tag.rpartition("}")[2] not in {"script", "foreignObject", "image", "a", "iframe"}, path
            for name, value in element.attrib.items():
                assert not re.match(r"on", name, re.IGNORECASE), path
                assert name.rpartition("}")[2] != "href" or value.startswith("#"), path
    for path in reports.labels.glob("*.png"):
        Image.open(path).verify()


class Markup(HTMLParser):
    """The elements of a page and their attributes that may act, in the order of the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]


def test_pages_have_the_markup_of_their_templates_alone(reports: SimpleNamespace) -> None:
    for path in [reports.site / "index.html", *(reports.site / "models").iterdir()]:
        page = Markup()
        page.feed(path.read_text(encoding="utf-8"))
        scripts = [attributes for tag, attributes in page.shape if tag == "script"]
        assert len(scripts) == (3 if path.name == "index.html" else 0), path
        assert {tag for tag, _ in page.shape} & {"img", "iframe", "object", "embed", "base", "foreignobject"} == set()
        assert [name for _, names in page.shape for name in names if name.startswith("on")] == []
        for address in page.addresses:
            assert re.match(r"(data:,$|#|[\w./-]+$)", address), address


@pytest.mark.browser
def test_a_browser_runs_nothing_of_it(visit: SimpleNamespace, reports: SimpleNamespace) -> None:
    page = leaderboard(visit, reports.site)
    assert page.title() == "AI Energy Score leaderboard"
    page.get_by_label("Search", exact=True).fill(HOSTILE["script"][:20])
    with_canary = [path for path in (reports.site / "models").iterdir() if CANARY in path.read_text(encoding="utf-8")]
    assert len(with_canary) > 8
    for path in with_canary:
        page.goto(path.as_uri())
        assert page.title().endswith("AI Energy Score")
        assert page.evaluate("document.scripts.length") == 0
