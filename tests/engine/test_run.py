"""Facts about one run from its spec to its report, with a backend of another package that answers by rule."""

import hashlib
import importlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import DatasetError, EnvironmentNotReadyError, ModelLoadError, QueryError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.events import EventStream
from energy_score.engine.run import Run
from tests.support.official_facts import valid_spec
from tests.support.toy_package import install

MODULE = """
from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.contract.run_report import LoadedModel
from energy_score.engine.query import Completion, PreparedQuery


class LabelingBackend:
    work_phase = "forward"

    def __init__(self, spec):
        self._spec = spec

    def load(self):
        if self._spec.model_id == "lab/broken":
            raise ModelLoadError("lab/broken: no weights")
        return LoadedModel(
            commit="c0ffee", dtype="float32", devices=("cpu",), parameter_count=1, attention=None,
            random_weights=False, offloaded=False, context_length=None,
        )

    def prepare(self, row):
        return PreparedQuery(rendered=f"<{row['text']}>", inputs=row["text"])

    def answer(self, query, limits):
        if query.inputs == "fail":
            raise QueryError("out of memory")
        return Completion(latency_s=0.001, output=query.inputs.upper(), prompt_tokens=len(query.inputs.split()))

    def decode(self, completion):
        return completion.output

    def synchronise(self):
        pass
"""
ENTRY_POINTS = "[energy_score.backends]\nlabeling = labeling_backend:LabelingBackend\n"


@pytest.fixture(autouse=True)
def labeling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend, found as installed packages are."""
    install(tmp_path / "site", "labeling_backend", entry_points=ENTRY_POINTS, module=MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "labeling_backend", raising=False)


def ordered(folder: Path, *texts: str, **changes: Any) -> RunSpec:
    """An order of the queries ``texts`` with one short counted repeat and no meter."""
    (folder / "q.csv").write_text("\n".join(["text", *texts, ""]))
    order: dict[str, Any] = {
        "task": "text_classification",
        "backend": "labeling",
        "meter": "none",
        "dataset": {"path": str(folder / "q.csv"), "sha256": "0" * 64, "columns": ("text",)},
        "generation": {"min_new_tokens": None, "max_new_tokens": None, "dtype": "float32", "seed": 42},
        "repeat_policy": {
            "protocol": "quick", "repeats": 1, "discarded_repeats": 0, "min_phase_s": 0, "idle_baseline_s": 0,
        },
        "warmup_query_count": 1,
        "gpu_requirement": {"count": 0},
    }  # fmt: skip
    return valid_spec(**(order | changes))


def run_of(folder: Path, spec: RunSpec, **more: Any) -> tuple[Run, io.StringIO]:
    (folder / "run").mkdir()
    told = io.StringIO()
    return Run(spec=spec, directory=RunDirectory(folder / "run"), events=EventStream(told), **more), told


def stages(told: io.StringIO) -> list[str]:
    events = [json.loads(line) for line in told.getvalue().splitlines()]
    return [event["stage"] for event in events if event["event"] == "stage"]


def test_a_run_goes_through_its_stages_in_order_and_tells_each(tmp_path: Path) -> None:
    run, told = run_of(tmp_path, ordered(tmp_path, "one", "two words"))
    run.execute()
    assert stages(told) == ["data", "load", "warmup", "measure", "report"]
    assert run.stage == "report"


def test_the_report_carries_its_order_and_what_was_measured_and_lies_there_as_it_was_given(tmp_path: Path) -> None:
    spec = ordered(tmp_path, "one", "two words")
    run, _ = run_of(tmp_path, spec)
    report = run.execute()
    assert (report.spec, report.spec_identity, report.run_id) == (spec, spec.identity(), spec.run_id)
    assert [window.phase for window in report.phases] == ["load", "preprocess", "forward"]
    assert (report.queries.succeeded, report.tokens.prompt, report.model.commit) == (2, 3, "c0ffee")
    assert report.first_prompt_sha256 == hashlib.sha256(b"<one>").hexdigest()
    assert (report.meters, report.verdict.status, report.verdict.rateable) == ((), "unmeasured", False)
    assert RunReport.read(run.directory.report_file) == report


@pytest.mark.parametrize("save_text", [False, True])
def test_beside_the_report_lie_the_queries_and_the_texts_only_where_they_are_asked_for(
    tmp_path: Path, *, save_text: bool
) -> None:
    run, _ = run_of(tmp_path, ordered(tmp_path, "one", save_text=save_text))
    run.execute()
    assert run.directory.queries_file.read_text().splitlines()[1].startswith("0,success,1,")
    assert run.directory.texts_file.exists() is save_text
    if save_text:
        (answer,) = map(json.loads, run.directory.texts_file.read_text().splitlines())
        assert answer == {"query_index": 0, "prompt": "<one>", "completion": "ONE"}


@pytest.mark.parametrize(
    ("texts", "changes", "error", "stage"),
    [
        (("one",), {"dataset": {"path": "/nowhere/q.csv", "columns": ("text",)}}, DatasetError, "data"),
        (("one",), {"model_id": "lab/broken"}, ModelLoadError, "load"),
        (("fail",), {}, QueryError, "warmup"),
        (("fail",), {"warmup_query_count": 0}, QueryError, "measure"),
    ],
    ids=["data", "load", "warmup", "measure"],
)
def test_a_run_that_fails_says_at_which_stage_and_leaves_no_report(
    tmp_path: Path, texts: tuple[str, ...], changes: dict[str, Any], error: type[Exception], stage: str
) -> None:
    run, _ = run_of(tmp_path, ordered(tmp_path, *texts, **changes))
    with pytest.raises(error):
        run.execute()
    assert run.stage == stage
    assert list(run.directory.path.iterdir()) == []


def test_a_gpu_that_the_run_was_given_and_does_not_see_ends_it_before_anything_is_read(tmp_path: Path) -> None:
    run, told = run_of(tmp_path, ordered(tmp_path, "one"), gpu_uuids=("GPU-that-is-not-there",))
    with pytest.raises(EnvironmentNotReadyError, match="the run was given GPU-that-is-not-there"):
        run.execute()
    assert (run.stage, stages(told)) == ("start", [])


def test_a_query_that_fails_is_counted_and_the_run_goes_on(tmp_path: Path) -> None:
    run, _ = run_of(tmp_path, ordered(tmp_path, "one", "fail"))
    queries = run.execute().queries
    assert (queries.asked, queries.succeeded, queries.failed, queries.first_error) == (2, 1, 1, "out of memory")


def test_a_meters_energy_of_every_window_is_in_the_report(tmp_path: Path) -> None:
    readings = [{"time_s": float(number), "energy_j": {"cpu:0": 10.0 * number}} for number in range(6)]
    (tmp_path / "recording.json").write_text(json.dumps({"domain": "cpu", "readings": readings}))
    run, _ = run_of(tmp_path, ordered(tmp_path, "one", meter=f"replay:{tmp_path / 'recording.json'}"))
    report = run.execute()
    assert [(window.phase, window.energy_j) for window in report.phases] == [
        ("load", {"cpu:0": 10.0}),
        ("preprocess", {"cpu:0": 10.0}),
        ("forward", {"cpu:0": 10.0}),
    ]
    assert len(report.meters) == 1
