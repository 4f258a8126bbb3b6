"""Facts about what the page of one run shows."""

import gzip
from pathlib import Path

import pytest

from energy_score.contract.errors import RecordError
from energy_score.reports.leaderboard.detail import read_detail
from tests.support.finished_runs import write_finished_run
from tests.support.record_factory import make_owner, make_queries, make_report, make_run, make_statistics


def test_phases_are_told_per_1000_answered_queries_with_their_source(tmp_path: Path) -> None:
    half = make_report(queries=make_queries(failed=5, first_error="out of memory"))  # 5 answers for 25.4 Wh
    lines = {line.phase: line for line in read_detail(make_run(tmp_path, report=half)).phases}
    assert list(lines) == ["prefill", "decode", "total"]
    assert (lines["total"].domain, lines["total"].source, lines["total"].repeats) == ("gpu", "nvml-counter", 5)
    assert lines["total"].mean_wh == pytest.approx(5080.0)
    assert lines["total"].stdev_wh == pytest.approx(50.8)
    assert lines["total"].half_width_wh == pytest.approx(63.5)


def test_a_run_without_an_answer_or_a_measured_phase_has_no_figure(tmp_path: Path) -> None:
    unanswered = make_report(queries=make_queries(failed=10))
    assert {line.mean_wh for line in read_detail(make_run(tmp_path / "a", report=unanswered)).phases} == {None}
    unmeasured = make_report(statistics=make_statistics(domain=None, source=None))
    assert read_detail(make_run(tmp_path / "b", report=unmeasured)).phases == ()


def test_the_environment_names_what_the_figures_were_read_on(tmp_path: Path) -> None:
    environment = dict(read_detail(write_finished_run(tmp_path, query_count=6)).environment)
    assert environment["GPUs"] == "NVIDIA H100 80GB HBM3 (81559 MiB)"
    assert environment["parameters"] == "20,914,757,184"
    assert environment["protocol"] == "official, 10 repeats"
    assert environment["new tokens"] == "1 to 8192"
    assert environment["host check"] == "same counters read"
    assert environment["nvidia_driver"] == "570.124.06"


def test_what_nobody_told_is_told_as_such(tmp_path: Path) -> None:
    model = make_report().model.model_copy(
        update={"commit": None, "dtype": None, "parameter_count": None, "attention": None}
    )
    environment = dict(read_detail(make_run(tmp_path, report=make_report(model=model))).environment)
    untold = [name for name, value in environment.items() if value == "unknown"]
    assert untold == ["model commit", "parameters", "precision", "attention"]
    assert environment["host check"] == "none"


def test_the_verdict_is_that_of_the_results_table_and_a_damaged_owner_file_costs_only_the_owner(tmp_path: Path) -> None:
    directory = make_run(tmp_path, report=make_report(), owner=make_owner(concurrent_runs=4))
    heard = [reason.code for reason in read_detail(directory).verdict.reasons]
    directory.owner_file.write_text("{")
    unheard = [reason.code for reason in read_detail(directory).verdict.reasons]
    assert unheard == ["no_host_witness"]
    assert heard[:1] == unheard
    assert len(heard) == 2


def test_a_damaged_report_is_a_record_error(tmp_path: Path) -> None:
    directory = make_run(tmp_path, report=make_report())
    directory.report_file.write_text("{")
    with pytest.raises(RecordError, match=r"benchmark_report\.json"):
        read_detail(directory)


def test_sampled_power_is_drawn_alike_each_time_and_a_run_without_samples_has_no_picture(tmp_path: Path) -> None:
    directory = make_run(tmp_path, report=make_report())
    assert read_detail(directory).trace_svg is None
    lines = [f"{number / 10},{gpu},{300 + gpu}\n" for number in range(50) for gpu in (0, 1)]
    directory.trace_file.write_bytes(gzip.compress("".join(["time_s,gpu,power_w\n", *lines]).encode()))
    picture = read_detail(directory).trace_svg
    assert picture is not None
    assert picture.startswith("<svg")
    assert picture == read_detail(directory).trace_svg
    directory.trace_file.write_bytes(gzip.compress(b"time_s,gpu,power_w\n1.0,0,much\n"))
    assert read_detail(directory).trace_svg is None
