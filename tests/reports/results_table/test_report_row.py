"""The row of a run that reads images: what it has is there, and what it has not is empty."""

from energy_score.contract.csv_text import cell
from energy_score.contract.run_report import EnergySource, MediaCounts, PhaseStatistics, RunReport, TokenCounts
from energy_score.contract.run_spec import DatasetRef, GenerationSettings
from energy_score.reports.results_table.report_row import row_of_report
from tests.support.record_factory import make_report, make_spec

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
    row = row_of_report(classified())
    assert {column: cell(getattr(row, column)) for column in TOKEN_COLUMNS} == dict.fromkeys(TOKEN_COLUMNS, "")


def test_energy_per_query_and_images_are_there() -> None:
    row = row_of_report(classified())
    assert (row.gpu_energy_wh, row.wh_per_1000_queries, row.preprocess_wh) == (1.0, 100.0, 0.1)
    assert (row.total_input_images, row.total_input_audio_seconds, row.total_output_images) == (10, None, None)


def test_tokens_that_are_only_read_are_the_total() -> None:
    read = NO_TOKENS.model_copy(update={"prompt": 720})
    row = row_of_report(classified(tokens=read))
    assert (row.total_tokens, row.total_completion_tokens, row.tokens_per_joule) == (720, None, 0.2)


def test_notes_of_the_loaded_model_follow_those_of_the_order() -> None:
    model = make_report().model.model_copy(update={"notes": ("2 weights are random",), "quantization": "fp8"})
    row = row_of_report(make_report(spec=make_spec(notes=("run as default",)), model=model))
    assert (row.notes, row.quantization) == ("run as default; 2 weights are random", "fp8")
