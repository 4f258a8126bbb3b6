"""The lines of the leaderboard: results with ratings, with all figures per query or per 1,000 queries."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from energy_score.contract.plain_text import one_line, without_secrets
from energy_score.contract.record import Record
from energy_score.reports.ratings.rating import Rating
from energy_score.reports.results_table.gpu_figures import product, quotient


class Entry(Record):
    """One line of the leaderboard, as in its CSV, JSON and Parquet files; None if unknown.

    Energies are GPU energy in Wh per 1,000 queries, ``ci95_half_width_wh`` is half of the 95 % interval of the total.
    ``stars`` are relative to ``stars_against``; otherwise ``unrated_because`` has the reason. ``star_chances`` are
    the probabilities of other stars, as text. ``page`` is the detail page, relative to the leaderboard.
    """

    model: str
    revision: str | None
    task: str
    model_class: str | None
    reasoning_state: str
    stars: int | None
    stars_against: str
    unrated_because: str | None
    star_chances: str | None
    rating_notes: str | None
    wh_per_1000_queries: float | None
    ci95_half_width_wh: float | None
    preprocess_wh: float | None
    prefill_wh: float | None
    decode_wh: float | None
    energy_source: str | None
    prompt_tokens_per_query: float | None
    new_tokens_per_query: float | None
    energy_per_output_token_j: float | None
    time_to_first_token_s: float | None
    mean_power_w: float | None
    hardware: str | None
    gpu_count: int | None
    backend: str | None
    dtype: str | None
    quantization: str | None
    dataset: str | None
    date: str | None
    rateable: bool | None
    comparable: bool | None
    verdict_reasons: str | None
    error_message: str | None
    run_id: str | None
    page: str | None


def make_entries(ratings: Iterable[Rating], pages: Sequence[str | None]) -> list[Entry]:
    """Return the lines of the leaderboard in the order of ``ratings``; ``pages`` are their detail pages."""
    return [_entry(rating, page) for rating, page in zip(ratings, pages, strict=True)]


def _entry(rating: Rating, page: str | None) -> Entry:
    row = rating.row
    per_1000 = quotient(1000, row.successful_prompts)
    return Entry(
        model=_clean(row.model_name) or "",
        revision=row.model_commit,
        task=row.task,
        model_class=row.model_class,
        reasoning_state=_clean(row.reasoning_state) or "",
        stars=rating.stars,
        stars_against=rating.against,
        unrated_because=_clean(rating.unrated_because),
        star_chances=rating.other_chances or None,
        rating_notes="; ".join(rating.notes) or None,
        wh_per_1000_queries=row.wh_per_1000_queries,
        ci95_half_width_wh=rating.half_width_wh,
        preprocess_wh=product(row.preprocess_wh, per_1000),
        prefill_wh=product(row.prefill_wh, per_1000),
        decode_wh=product(row.decode_wh, per_1000),
        energy_source=row.energy_source,
        prompt_tokens_per_query=quotient(row.total_prompt_tokens, row.successful_prompts),
        new_tokens_per_query=quotient(row.total_completion_tokens, row.successful_prompts),
        energy_per_output_token_j=row.energy_per_output_token_j,
        time_to_first_token_s=row.time_to_first_token_seconds,
        mean_power_w=row.mean_power_w,
        hardware=_clean(row.hardware),
        gpu_count=row.gpu_count,
        backend=row.backend,
        dtype=row.dtype,
        quantization=row.quantization,
        dataset=_clean(_without_folder(row.dataset)),
        date=f"{row.timestamp:%Y-%m-%d}" if row.timestamp else None,
        rateable=row.rateable,
        comparable=row.comparable,
        verdict_reasons=row.verdict_reasons or None,
        error_message=_clean(row.error_message),
        run_id=row.run_id,
        page=page,
    )


def _clean(text: str | None) -> str | None:
    """Return the text on one line and without secrets, because it comes from outside and is published."""
    return None if text is None else without_secrets(one_line(text))


def _without_folder(dataset: str | None) -> str | None:
    """Return a local file by name only: its folder is private."""
    return Path(dataset).name if dataset is not None and Path(dataset).is_absolute() else dataset
