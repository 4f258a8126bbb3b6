"""The row of a finished run: what the run has is there, and what it has not is empty."""

import pytest

from energy_score.contract.csv_text import cell
from energy_score.contract.errors import UsageError
from energy_score.contract.run_report import (
    EnergySource,
    Gpu,
    Hardware,
    MediaCounts,
    PhaseStatistics,
    RunReport,
    TokenCounts,
)
from energy_score.contract.run_spec import DatasetRef, GenerationSettings
from energy_score.reports.results_table.report_row import make_report_row
from tests.support.record_factory import (
    H100,
    make_owner,
    make_queries,
    make_report,
    make_spec,
    make_statistics,
    make_witness,
)

NO_TOKENS = TokenCounts(prompt=None, completion=None, completion_min=None, completion_max=None)
TOKEN_COLUMNS = (
    "total_tokens", "total_prompt_tokens", "total_completion_tokens", "throughput_tokens_per_second",
    "tokens_per_joule", "energy_per_output_token_j", "energy_per_input_token_j", "max_new_tokens", "prefill_wh",
    "decode_wh",
)  # fmt: skip


def classified(**changes: object) -> RunReport:
    spec = make_spec(
        task="image_classification",
        generation=GenerationSettings(min_new_tokens=None, max_new_tokens=None, dtype="float32", seed=42),
        dataset=DatasetRef(name="AIEnergyScore/image_classification", columns=("image",)),
    )
    statistics = tuple(
        PhaseStatistics(
            phase=phase, domain="gpu", source=EnergySource.NVML_COUNTER, repeats=5, mean_duration_s=10.0,
            mean_energy_j=energy_j, stdev_energy_j=1.0, ci95_half_width_j=1.0,
        )
        for phase, energy_j in (("preprocess", 360.0), ("forward", 3240.0), ("total", 3600.0))
    )  # fmt: skip
    report = {"spec": spec, "statistics": statistics, "tokens": NO_TOKENS, "media": MediaCounts(input_images=10)}
    return make_report(**(report | changes))


def test_columns_of_tokens_are_empty() -> None:
    row = make_report_row(classified())
    assert {column: cell(getattr(row, column)) for column in TOKEN_COLUMNS} == dict.fromkeys(TOKEN_COLUMNS, "")


def test_energy_per_query_and_images_are_there() -> None:
    row = make_report_row(classified())
    assert (row.gpu_energy_wh, row.wh_per_1000_queries, row.preprocess_wh) == (1.0, 100.0, 0.1)
    assert (row.total_input_images, row.total_input_audio_seconds, row.total_output_images) == (10, None, None)


def test_tokens_that_are_only_read_are_the_total() -> None:
    read = NO_TOKENS.model_copy(update={"prompt": 720})
    row = make_report_row(classified(tokens=read))
    assert (row.total_tokens, row.total_completion_tokens, row.tokens_per_joule) == (720, None, 0.2)


def test_notes_of_the_loaded_model_follow_those_of_the_order() -> None:
    model = make_report().model.model_copy(update={"notes": ("2 weights are random",), "quantization": "fp8"})
    row = make_report_row(make_report(spec=make_spec(notes=("run as default",)), model=model))
    assert (row.notes, row.quantization) == ("run as default; 2 weights are random", "fp8")


def test_a_text_models_figures_are_those_of_one_pass() -> None:
    row = make_report_row(make_report())  # 25.4 Wh, 10 queries, 1,000 tokens written in 100 s
    assert (row.gpu_energy_wh, row.avg_energy_per_prompt_wh, row.wh_per_1000_queries) == (25.4, 2.54, 2540.0)
    assert (row.prefill_wh, row.decode_wh) == pytest.approx((0.9, 24.5))
    assert row.throughput_tokens_per_second == 10.0
    assert row.tokens_per_joule == pytest.approx(1500 / (25.4 * 3600))


def test_energy_per_query_is_over_those_that_were_answered() -> None:
    row = make_report_row(make_report(queries=make_queries(failed=2, first_error="out of memory")))
    assert row.avg_energy_per_prompt_wh == pytest.approx(25.4 / 8)
    assert row.error_message == "PARTIAL FAILURE: 2/10 prompts failed (20.0%): out of memory"


def test_an_estimate_is_no_gpu_energy_and_a_cpus_has_columns_of_its_own() -> None:
    estimated = make_statistics(source=EnergySource.ESTIMATE)
    measured = make_statistics(domain="cpu", source=EnergySource.RAPL, share=0.5)
    row = make_report_row(make_report(statistics=estimated + measured))
    assert (row.gpu_energy_wh, row.energy_source, row.co2_emissions_g, row.wh_per_1000_queries) == (None,) * 4
    assert (row.cpu_energy_wh, row.cpu_energy_source) == (12.7, "rapl")


def test_co2_is_that_of_the_region_asked_for_else_of_the_orders_and_none_where_that_is_unknown() -> None:
    ordered = make_report_row(make_report())
    asked = make_report_row(make_report(), "france")
    forgotten = make_report_row(make_report(spec=make_spec(region="atlantis")))
    assert (ordered.co2_region, asked.co2_region, forgotten.co2_region) == ("world", "france", None)
    assert asked.co2_factor_g_per_kwh is not None
    assert asked.co2_emissions_g == pytest.approx(0.0254 * asked.co2_factor_g_per_kwh)
    assert forgotten.co2_emissions_g is None
    with pytest.raises(UsageError, match="atlantis"):
        make_report_row(make_report(), "atlantis")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), "a CPU"),
        (("NVIDIA T4",), "NVIDIA T4"),
        (("NVIDIA H200", "NVIDIA T4", "NVIDIA H200"), "2x NVIDIA H200, NVIDIA T4"),
    ],
)
def test_the_hardware_is_its_gpus_by_number_and_name_or_the_cpu(names: tuple[str, ...], told: str) -> None:
    gpus = tuple(Gpu(uuid=f"GPU-{number}", name=name, memory_mib=1) for number, name in enumerate(names))
    report = make_report(hardware=Hardware(gpus=gpus, cpu="a CPU", cpu_count=1, memory_mib=1))
    row = make_report_row(report)
    assert (row.hardware, row.gpu_count) == (told, len(names))


def test_the_verdict_has_the_host_heard_and_another_runs_owner_is_not() -> None:
    report, witness = make_report(), make_witness()
    others = make_owner(run_id="another", concurrent_runs=4)
    alone, unheard, beside = (
        make_report_row(report, witness=witness, owner=owner)
        for owner in (make_owner(), others, make_owner(concurrent_runs=4))
    )
    assert (alone.concurrent_runs, unheard.concurrent_runs, beside.concurrent_runs) == (1, None, 4)
    assert alone.verdict_reasons == ""
    assert beside.verdict_reasons != ""
    assert make_report_row(report).verdict_reasons == "no_host_witness"
    contradicted = make_witness(energy_j={H100.uuid: 1.0})
    assert make_report_row(report, witness=contradicted).rateable is False
