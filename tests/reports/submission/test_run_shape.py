"""Facts about the shape of a report: what no run of its order leaves is named, whatever else was made anew."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from tests.reports.submission.tampering import REPORT, RUN, found, opened, reforged, resealed, with_json
from tests.support.record_factory import H100, make_owner

UUID = H100.uuid


def twice_the_passes(report: Any) -> None:
    for window in report["phases"]:
        if window["phase"] == "full":
            window["passes"] = 2


def twice_the_queries(report: Any) -> None:
    for figures, names in (("queries", ("asked", "succeeded")), ("tokens", ("prompt", "completion"))):
        for name in names:
            report[figures][name] *= 2


def rows_twice(content: bytes) -> bytes:
    header, *rows = content.decode().splitlines()
    again = [f"{len(rows) + number},{row.split(',', 1)[1]}" for number, row in enumerate(rows)]
    return "\n".join([header, *rows, *again, ""]).encode()


def other_repeats_count(report: Any) -> None:
    for window in report["phases"]:
        if window["repeat"] in (1, 11):
            window["counted"] = window["repeat"] == 1


def a_repeat_less(report: Any) -> None:
    report["phases"] = [window for window in report["phases"] if window["repeat"] != 7]


def a_window_twice(report: Any) -> None:
    report["phases"].insert(4, report["phases"][3])


def nothing_sampled(report: Any) -> None:
    report["conditions"] = []
    for window in report["phases"]:
        window["integral_j"] = {}


def another_gpu(report: Any) -> None:
    report["hardware"]["gpus"][0]["uuid"] = "GPU-of-another-run"


def later(report: Any) -> None:
    report["finished_at"] = report["finished_at"].replace("2025", "2026")


def sooner(report: Any) -> None:
    report["finished_at"] = report["started_at"]


FORGERIES: list[tuple[Callable[[Any], None], dict[str, Callable[[bytes], bytes]], tuple[str, ...], str]] = [
    (twice_the_passes, {}, (), "benchmark_results.csv: latency_seconds: the answers took 100.00 s, 1 at a time, but "),
    (twice_the_queries, {"benchmark_results.csv": rows_twice}, (), "phases[2].query_count: found 1000, expected "),
    (other_repeats_count, {}, (), "benchmark_report.json: phases[2].counted: found True, expected False"),
    (a_repeat_less, {}, (), "phases: 20 windows of 2 phases, the last from repeat 11, but expected one per phase in 1"),
    (a_window_twice, {}, (), "phases: 23 windows of 2 phases, the last from repeat 11, but expected one per phase"),
    (nothing_sampled, {}, ("power_trace.csv.gz",), f'conditions: found [], expected ["{UUID}"]'),
    (another_gpu, {}, ("host_witness.json",), f"phases[0].energy_j[0]: found {UUID}, expected GPU-of-another-run"),
    (later, {}, (), "host_witness.json: started_at: the host check lasted from 2025-"),
    (sooner, {}, (), "finished_at: 0.0 s after started_at, but its windows alone last 1312.0 s"),
]  # fmt: skip


@pytest.mark.parametrize(("report", "files", "without", "named"), FORGERIES, ids=[f[0].__name__ for f in FORGERIES])
def test_a_report_that_no_run_of_its_order_leaves_is_caught(
    bundle: bytes,
    report: Callable[[Any], None],
    files: dict[str, Callable[[bytes], bytes]],
    without: tuple[str, ...],
    named: str,
) -> None:
    findings = found(reforged(bundle, report=report, files=files, without=without))
    assert any(named in finding for finding in findings), findings


def test_work_that_is_another_tasks_is_caught_where_that_would_have_more_stars(bundle: bytes) -> None:
    def as_image_generation(spec: Any) -> None:
        spec |= {"task": "image_gen", "model_class": None}
        spec["dataset"]["name"] = "AIEnergyScore/image_generation"
        spec["generation"] |= {"dtype": "float32", "min_new_tokens": None, "max_new_tokens": None}

    def of_the_sheet(content: bytes) -> bytes:
        return with_json(with_json(content, "model_class", None), "task", "image_gen")

    files = {"model_config.json": of_the_sheet}
    assert found(reforged(bundle, spec=as_image_generation, files=files)) == [
        f"{REPORT}: phases: full: not the phases of task image_gen"
    ]
    (sheet, _) = found(reforged(bundle, spec=as_image_generation, files={
        "model_config.json": lambda content: with_json(content, "model_class", None)}))  # fmt: skip
    assert sheet.startswith(f"{RUN}/run_spec.json: task: found image_gen, expected text_gen from {RUN}/model")


@pytest.mark.parametrize("name", ["host_witness.json", "run_owner.json"])
def test_a_record_of_another_run_is_caught(bundle: bytes, name: str) -> None:
    others = make_owner().as_text().encode() if name == "run_owner.json" else opened(bundle)[f"{RUN}/{name}"]
    members = {**opened(bundle), f"{RUN}/{name}": with_json(others, "run_id", "another")}
    assert f"{RUN}/{name}: run_id: found another, expected " in found(resealed(members))[0]


def test_a_repeat_that_was_cut_out_of_the_trace_too_is_caught(bundle: bytes) -> None:
    """The dearest repeat left out, the others numbered anew: the order says how many there are."""

    def renumbered(report: Any) -> None:
        a_repeat_less(report)
        for window in report["phases"]:
            window["repeat"] -= window["repeat"] > 7

    def cut(content: bytes) -> bytes:
        lines = gzip.decompress(content).splitlines(keepends=True)
        return gzip.compress(b"".join(lines[:723] + lines[835:]), mtime=0)

    findings = found(reforged(bundle, report=renumbered, files={"power_trace.csv.gz": cut}))
    assert any("1 discarded and 10 to 10 counted repeats" in finding for finding in findings)


def test_times_at_the_ends_of_the_calendar_are_named_and_nothing_breaks(bundle: bytes) -> None:
    first, last = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    dated = with_json(with_json(opened(bundle)[REPORT], "started_at", last), "finished_at", first)
    witness = with_json(opened(bundle)[f"{RUN}/host_witness.json"], "started_at", first)
    members = {**opened(bundle), REPORT: dated, f"{RUN}/host_witness.json": witness}
    assert any("after started_at, but its windows alone last" in finding for finding in found(resealed(members)))
