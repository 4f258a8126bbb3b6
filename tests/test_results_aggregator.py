"""Facts about the results table."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from energy_score.contract.errors import UsageError
from energy_score.contract.prompt_plan import PromptPlan, PromptUse
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import EnergySource, GpuConditions, Hardware, RunReport, Verdict, VerdictReason
from energy_score.reports.results_table.csv_table import COLUMNS
from energy_score.reports.results_table.result_row import DOCUMENTED_COLUMNS, ResultRow
from results_aggregator import ResultsAggregator
from tests.support.record_factory import (
    H100,
    make_config,
    make_failure,
    make_overhead,
    make_owner,
    make_phases,
    make_queries,
    make_report,
    make_run,
    make_spec,
    make_statistics,
    make_witness,
)

GOLDEN = Path(__file__).parent / "golden"
IDENTITY = {"model_name", "model_class", "task", "reasoning_state", "timestamp", "error_message", "run_id"}
UNMEASURED = Verdict(
    status="unmeasured",
    rateable=False,
    comparable=False,
    reasons=(
        VerdictReason(code="unmeasured", severity="invalid", message="no meter", observed="none", threshold="a meter"),
        VerdictReason(code="not-h100", severity="not_comparable", message="no GPU", observed="0", threshold="1"),
    ),
)


def cells(output_directory: Path) -> list[dict[str, str]]:
    with ResultsAggregator(output_directory).write_master_csv().open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def only_row(output_directory: Path, region: str | None = None) -> ResultRow:
    (row,) = ResultsAggregator(output_directory).rows(region)
    return row


def with_every_figure() -> RunReport:
    """Idle at 90 W, a peak of 950 W, an integral that is 1 % above the counter, and a switch that was sent."""
    total = make_statistics()[-1].model_copy(update={"idle_subtracted_j": 25.4 * 3600 - 90 * 100})
    windows = [
        window.model_copy(update={"integral_j": {H100.uuid: 92354.4}}) if window.phase == "full" else window
        for window in make_phases()
    ]
    return make_report(
        statistics=(*make_statistics()[:-1], total),
        phases=(*make_overhead(), *windows),
        conditions=(GpuConditions(uuid=H100.uuid, peak_power_w=950.0),),
        prompt=PromptUse(
            sent=PromptPlan(chat_template_kwargs={"enable_thinking": True}), source="template", kind="switch",
            expressed=True, day=date(2025, 12, 4), notes=("a note of the engine",),
        ),
        tokens=make_report().tokens.model_copy(update={"thinking": 900, "answer": 100}),
    )  # fmt: skip


def test_the_documented_columns_come_first_and_column_19_is_the_error_message() -> None:
    assert COLUMNS[:19] == DOCUMENTED_COLUMNS
    assert COLUMNS[18] == "error_message"


def test_the_documented_example_gives_its_published_figures(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report())
    row = only_row(tmp_path)
    assert row.gpu_energy_wh == pytest.approx(25.4)
    assert f"{row.avg_energy_per_prompt_wh:.4f}" == "2.5400"
    assert f"{row.tokens_per_joule:.4f}" == "0.0164"
    assert row.wh_per_1000_queries == pytest.approx(2540)
    assert row.prefill_wh == pytest.approx(0.9)
    assert row.decode_wh == pytest.approx(24.5)
    assert row.preprocess_wh is None
    assert row.gpu_energy_stdev_wh == pytest.approx(0.254)
    assert row.throughput_tokens_per_second == pytest.approx(10.0)
    assert row.repeats == 5
    assert row.error_message is None
    assert type(row.energy_source) is str
    assert row.energy_source == "nvml-counter"


def test_co2_is_the_energy_times_the_factor_of_the_region_the_run_was_ordered_with(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(spec=make_spec(region="france")))
    row = only_row(tmp_path)
    assert (row.co2_region, row.co2_factor_g_per_kwh) == ("france", 56.0)
    assert row.co2_emissions_g == pytest.approx(0.0254 * 56.0)


def test_a_region_asked_for_replaces_the_recorded_one(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(spec=make_spec(region="france")))
    assert only_row(tmp_path, "USA").co2_emissions_g == pytest.approx(0.0254 * 369.5)


def test_an_unknown_region_is_refused_even_without_runs(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown region 'mars' \(expected one of: world, usa, france, china, gas_turbine"
    ):
        ResultsAggregator(tmp_path).write_master_csv("mars")


def test_a_recorded_region_that_is_no_longer_known_leaves_co2_empty(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(spec=make_spec(region="atlantis")))
    row = only_row(tmp_path)
    assert row.gpu_energy_wh is not None
    assert row.co2_emissions_g is None
    assert row.co2_region is None


def test_unmeasured_energy_is_an_empty_cell_and_a_status(tmp_path: Path) -> None:
    report = make_report(statistics=make_statistics(domain=None, source=None), phases=(), verdict=UNMEASURED)
    make_run(tmp_path, report=report)
    (row,) = cells(tmp_path)
    energies = {name: value for name, value in row.items() if "energy" in name or "_wh" in name or "co2" in name}
    assert energies.pop("energy_status") == "unmeasured"
    assert set(energies.values()) == {""}
    assert row["tokens_per_joule"] == ""
    assert row["verdict_reasons"] == "unmeasured; not-h100"
    assert float(row["total_duration_seconds"]) == pytest.approx(100)
    assert row["repeats"] == "5"
    assert row["rateable"] == "false"


def test_cpu_energy_stays_out_of_the_gpu_columns(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(statistics=make_statistics(domain="cpu", source=EnergySource.RAPL)))
    row = only_row(tmp_path)
    assert row.cpu_energy_wh == pytest.approx(25.4)
    assert row.cpu_energy_source == "rapl"
    assert row.gpu_energy_wh is None
    assert row.energy_source is None
    assert row.prefill_wh is None


def test_an_estimate_of_gpu_energy_is_no_gpu_measurement(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(statistics=make_statistics(source=EnergySource.ESTIMATE)))
    assert only_row(tmp_path).gpu_energy_wh is None


def test_sources_are_never_mixed_in_one_row_of_gpu_columns(tmp_path: Path) -> None:
    total_by_counter = make_statistics()[-1:]
    by_power = make_statistics(source=EnergySource.NVML_POWER, share=2)
    make_run(tmp_path, report=make_report(statistics=total_by_counter + by_power))
    row = only_row(tmp_path)
    assert row.energy_source == "nvml-counter"
    assert row.gpu_energy_wh == pytest.approx(25.4)
    assert row.prefill_wh is None


def test_failed_queries_are_told_and_their_energy_is_divided_by_the_successes(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(queries=make_queries(failed=1, first_error="out of memory\nat step 3")))
    (row,) = cells(tmp_path)
    assert row["error_message"] == "PARTIAL FAILURE: 1/10 prompts failed (10.0%): out of memory at step 3"
    assert float(row["avg_energy_per_prompt_wh"]) == pytest.approx(25.4 / 9)


def test_no_success_leaves_the_energy_per_query_unknown(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(queries=make_queries(failed=10)))
    row = only_row(tmp_path)
    assert row.error_message == "PARTIAL FAILURE: 10/10 prompts failed (100.0%)"
    assert row.avg_energy_per_prompt_wh is None
    assert row.wh_per_1000_queries is None


def test_several_gpus_are_named_with_their_number(tmp_path: Path) -> None:
    hardware = Hardware(gpus=(H100, H100), cpu="a CPU", cpu_count=8, memory_mib=1024)
    make_run(tmp_path, report=make_report(hardware=hardware))
    row = only_row(tmp_path)
    assert (row.hardware, row.gpu_count) == ("2x NVIDIA H100 80GB HBM3", 2)


def test_without_a_gpu_the_hardware_is_the_cpu(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report(hardware=Hardware(gpus=(), cpu="a CPU", cpu_count=8, memory_mib=1024)))
    row = only_row(tmp_path)
    assert (row.hardware, row.gpu_count) == ("a CPU", 0)


def test_a_failed_run_says_why_and_measures_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, failure=make_failure(message="no such\nfile"))
    (row,) = cells(tmp_path)
    assert row["error_message"] == "load: no such file"
    assert row["model_name"] == "openai/gpt-oss-20b"
    assert row["reasoning_state"] == "On (High)"
    assert row["timestamp"] == "2025-11-17T03:16:00+00:00"
    assert {value for name, value in row.items() if name not in IDENTITY} == {""}


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        (None, "planned: the run has not started"),
        (make_owner(finished_at=None), "running: the run is in progress"),
        (make_owner(), "interrupted: the run was started but has no result. Run the batch again."),
    ],
    ids=["planned", "running", "lost"],
)
def test_a_run_without_a_result_says_how_far_it_is(tmp_path: Path, owner: RunOwner | None, message: str) -> None:
    make_run(tmp_path, owner=owner)
    (row,) = cells(tmp_path)
    assert row["error_message"] == message
    assert {value for name, value in row.items() if name not in IDENTITY} == {""}


def test_a_run_that_left_no_order_is_interrupted(tmp_path: Path) -> None:
    make_run(tmp_path).spec_file.unlink()
    (row,) = cells(tmp_path)
    assert row["error_message"] == "interrupted: the run was started but has no result. Run the batch again."
    assert {value for name, value in row.items() if name not in IDENTITY} == {""}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"schema_version": 2}', b"[" * 100_000, b'{"schema_version": NaN}'],
    ids=["empty", "cut", "not-text", "list", "no-fields", "version-2", "deep", "nan"],
)
@pytest.mark.parametrize("file", ["benchmark_report.json", "run_failure.json"])
def test_a_damaged_record_is_a_row_that_names_the_file(tmp_path: Path, file: str, content: bytes) -> None:
    directory = make_run(tmp_path)
    (directory.path / file).write_bytes(content)
    (row,) = cells(tmp_path)
    assert row["error_message"].startswith(f"individual_runs/openai_gpt-oss-20b_On_High/{file}: ")
    assert row["model_name"] == "openai/gpt-oss-20b"


def test_a_report_of_another_schema_version_is_refused_by_name(tmp_path: Path) -> None:
    directory = make_run(tmp_path, report=make_report())
    text = directory.report_file.read_text().replace('"schema_version": 1', '"schema_version": 2', 1)
    directory.report_file.write_text(text)
    row = only_row(tmp_path)
    assert row.gpu_energy_wh is None
    assert "schema_version: Input should be 1" in str(row.error_message)


def test_without_a_readable_spreadsheet_row_the_directory_gives_the_name(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    directory.config_file.write_text("{")
    assert only_row(tmp_path).model_name == "openai_gpt-oss-20b_On_High"


def test_a_directory_name_that_is_no_text_still_has_its_row(tmp_path: Path) -> None:
    runs = tmp_path / "individual_runs"
    runs.mkdir()
    (runs / "model\udcff").mkdir()
    (row,) = cells(tmp_path)
    assert row["model_name"] == "model\ufffd"


def test_rows_come_by_directory_name_and_hidden_directories_and_files_are_no_runs(tmp_path: Path) -> None:
    for name in ("b", "a", "B", ".aside"):
        make_run(tmp_path, name, config=make_config(model_id=f"org/{name}"))
    (tmp_path / "individual_runs" / "note.txt").touch()
    assert [row["model_name"] for row in cells(tmp_path)] == ["org/B", "org/a", "org/b"]


def test_without_any_run_the_table_is_its_header(tmp_path: Path) -> None:
    assert ResultsAggregator(tmp_path).write_master_csv().read_text() == ",".join(COLUMNS) + "\n"


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    make_run(tmp_path, report=make_report())
    old = ResultsAggregator(tmp_path).write_master_csv().read_bytes()
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        ResultsAggregator(tmp_path).write_master_csv("usa")
    assert (tmp_path / "master_results.csv").read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["individual_runs", "master_results.csv"]


def test_a_deleted_table_is_rebuilt_to_the_same_bytes_and_equals_the_golden_one(tmp_path: Path) -> None:
    make_run(tmp_path, "a_done", report=with_every_figure(), witness=make_witness(), owner=make_owner())
    partial = make_report(
        spec=make_spec(model_id="=cmd|' /C calc'!A0", notes=("thinks by default", "sheet, and state; differ")),
        queries=make_queries(failed=1, first_error='said "no",\nthen stopped'),
        statistics=make_statistics() + make_statistics(domain="cpu", source=EnergySource.RAPL, share=0.3),
    )
    make_run(tmp_path, "b_partial", report=partial)
    unmeasured = make_report(statistics=make_statistics(domain=None, source=None), phases=(), verdict=UNMEASURED)
    make_run(tmp_path, "c_unmeasured", report=unmeasured, owner=make_owner(concurrent_runs=4))
    make_run(tmp_path, "d_failed", failure=make_failure())
    make_run(tmp_path, "e_started", config=make_config(model_class=None, reasoning_state=""), owner=make_owner())
    table = ResultsAggregator(tmp_path).write_master_csv()
    first = table.read_bytes()
    table.unlink()
    assert ResultsAggregator(tmp_path).write_master_csv().read_bytes() == first
    assert first == (GOLDEN / "master_results.csv").read_bytes()


def test_the_further_figures_of_the_gpu_follow_from_the_report(tmp_path: Path) -> None:
    make_run(tmp_path, report=with_every_figure())
    row = only_row(tmp_path)
    assert row.idle_power_w == pytest.approx(90)
    assert row.idle_subtracted_wh == pytest.approx(25.4 - 90 * 100 / 3600)
    assert row.mean_power_w == pytest.approx(914.4)
    assert row.peak_power_w == 950.0
    assert row.integral_discrepancy_percent == pytest.approx(1.0)
    assert row.energy_per_output_token_j == pytest.approx(25.4 * 3600 / 1000)
    assert row.energy_per_input_token_j == pytest.approx(0.9 * 3600 / 500)
    assert row.load_energy_wh == 1.0


def test_the_row_shows_how_many_runs_were_under_way_and_more_than_one_is_a_warning(tmp_path: Path) -> None:
    make_run(tmp_path, "alone", report=make_report(), owner=make_owner())
    make_run(tmp_path, "beside", report=make_report(), owner=make_owner(concurrent_runs=3))
    make_run(tmp_path, "of_another_run", report=make_report(), owner=make_owner(run_id="another", concurrent_runs=3))
    make_run(tmp_path, "unknown", report=make_report())
    alone, beside, of_another, unknown = ResultsAggregator(tmp_path).rows()
    assert [row.concurrent_runs for row in (alone, beside, of_another, unknown)] == [1, 3, None, None]
    assert "concurrent_runs" in str(beside.verdict_reasons)
    assert beside.rateable == alone.rateable
    assert not any("concurrent_runs" in str(row.verdict_reasons) for row in (alone, of_another, unknown))


def test_without_idle_sampling_and_integral_their_figures_are_empty(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report())
    row = only_row(tmp_path)
    assert (row.idle_subtracted_wh, row.idle_power_w, row.peak_power_w) == (None, None, None)
    assert (row.integral_discrepancy_percent, row.load_energy_wh) == (None, None)


def test_the_peak_of_several_gpus_is_the_sum_of_theirs_and_unknown_where_one_is(tmp_path: Path) -> None:
    known, unknown = GpuConditions(uuid="GPU-a", peak_power_w=300.0), GpuConditions(uuid="GPU-b")
    make_run(tmp_path, "two", report=make_report(conditions=(known, known)))
    assert only_row(tmp_path).peak_power_w == 600.0
    make_report(conditions=(known, unknown)).write(tmp_path / "individual_runs" / "two" / "benchmark_report.json")
    assert only_row(tmp_path).peak_power_w is None


def test_an_unresolved_decode_is_an_empty_cell(tmp_path: Path) -> None:
    prefill, decode, total = make_statistics()
    unresolved = decode.model_copy(update={"mean_energy_j": None, "unresolved": True})
    make_run(tmp_path, report=make_report(statistics=(prefill, unresolved, total)))
    row = only_row(tmp_path)
    assert row.decode_wh is None
    assert row.gpu_energy_wh == pytest.approx(25.4)


def test_the_verdict_of_a_row_is_that_after_the_host_was_heard(tmp_path: Path) -> None:
    make_run(tmp_path, "agrees", report=make_report(), witness=make_witness())
    make_run(tmp_path, "alone", report=make_report())
    make_run(tmp_path, "contradicted", report=make_report(), witness=make_witness(foreign_process_ids=(7,)))
    seen = [(row["verdict_reasons"], row["rateable"], row["comparable"]) for row in cells(tmp_path)]
    assert seen == [
        ("", "true", "true"),
        ("no_host_witness", "true", "true"),
        ("witness_foreign_process", "false", "false"),
    ]


def test_a_damaged_witness_is_a_row_that_names_the_file(tmp_path: Path) -> None:
    make_run(tmp_path, report=make_report()).witness_file.write_text("{")
    row = only_row(tmp_path)
    assert row.error_message is not None
    assert "host_witness.json" in row.error_message
    assert row.gpu_energy_wh is None


def test_a_data_frame_has_one_column_per_field(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    make_run(tmp_path, report=make_report())
    frame = ResultsAggregator(tmp_path).to_dataframe()
    assert tuple(frame.columns) == COLUMNS
    assert frame["timestamp"][0] == datetime(2025, 11, 17, 3, 27, 45, 250000, tzinfo=UTC)


@pytest.mark.parametrize("figure", [float("inf"), float("nan"), 1e31, -1e31])
def test_what_no_measurement_can_be_is_unknown(figure: float) -> None:
    row = ResultRow(model_name="m", model_class=None, task="asr", reasoning_state="", gpu_energy_wh=figure)
    assert row.gpu_energy_wh is None
