import csv
import math
from pathlib import Path
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.stars import compute_bands

PUBLISHED = Path(__file__).resolve().parents[2] / "data"
# Each published table and the cohort's task; energies are kWh per 1,000 queries there.
TABLES = {
    "feb2025_text_generation.csv": "text_gen",
    "feb2025_summarization.csv": "summarization",
    "feb2025_sentence_similarity.csv": "sentence_similarity",
    "feb2025_asr.csv": "asr",
    "feb2025_image_generation.csv": "image_gen",
}


Class = Literal["A", "B", "C"] | None


def published(name: str) -> dict[Class, list[dict[str, str]]]:
    """Return the rows of one published table by class, None if it has no classes."""
    by_class: dict[Class, list[dict[str, str]]] = {}
    with (PUBLISHED / name).open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            by_class.setdefault(cast("Class", row.get("class")), []).append(row)
    return by_class


@pytest.mark.parametrize("name", TABLES)
def test_every_published_star_is_reproduced_from_the_published_energies(name: str) -> None:
    for rows in published(name).values():
        bands = compute_bands([float(row["total_gpu_energy"]) for row in rows])
        assert bands is not None
        got = {row["model"]: bands.stars(float(row["total_gpu_energy"])) for row in rows}
        assert got == {row["model"]: int(row["energy_score"]) for row in rows}


@pytest.mark.parametrize("name", TABLES)
def test_the_shipped_snapshot_holds_the_published_figures_in_watt_hours(name: str) -> None:
    snapshot = open_snapshot("2025-02")
    for model_class, rows in published(name).items():
        cohort = snapshot.cohort(TABLES[name], model_class)
        assert cohort is not None
        expected = {row["model"]: (float(row["total_gpu_energy"]) * 1000, int(row["energy_score"])) for row in rows}
        assert {member.model for member in cohort.members} == set(expected)
        for member in cohort.members:
            energy_wh, stars = expected[member.model]
            assert member.wh_per_1000_queries == pytest.approx(energy_wh, rel=1e-12)
            assert member.stars == stars


def test_energies_in_other_units_get_the_same_stars() -> None:
    """A cohort in kWh and one in Wh differ by a factor, which the rule does not see; mixing them is what it would."""
    rows = published("feb2025_text_generation.csv")["A"]
    kwh = [float(row["total_gpu_energy"]) for row in rows]
    in_kwh, in_wh = compute_bands(kwh), compute_bands([1000 * value for value in kwh])
    assert in_kwh is not None
    assert in_wh is not None
    assert [in_kwh.stars(value) for value in kwh] == [in_wh.stars(1000 * value) for value in kwh]


def test_one_model_alone_has_no_bands() -> None:
    assert compute_bands([3.0]) is None


def test_models_that_are_all_alike_have_no_bands() -> None:
    assert compute_bands([3.0, 3.0, 3.0]) is None


def test_two_models_get_five_stars_and_one() -> None:
    bands = compute_bands([1.0, 2.0])
    assert bands is not None
    assert (bands.stars(1.0), bands.stars(2.0)) == (5, 1)


def test_ties_get_equal_stars() -> None:
    energies = [1.0, 4.0, 4.0, 11.0]
    bands = compute_bands(energies)
    assert bands is not None
    assert [bands.stars(value) for value in energies] == [5, 4, 4, 1]


def test_an_edge_belongs_to_the_better_band() -> None:
    bands = compute_bands([0.0, 10.0])
    assert bands is not None
    for edge, stars in ((2.0, 5), (4.0, 4), (6.0, 3), (8.0, 2), (10.0, 1)):
        assert bands.stars(edge) == stars
        if edge < 10:
            assert bands.stars(math.nextafter(edge, 20)) == stars - 1


def test_what_lies_outside_the_range_gets_the_stars_of_the_nearer_end() -> None:
    bands = compute_bands([10.0, 20.0])
    assert bands is not None
    assert (bands.stars(0.5), bands.stars(1000.0)) == (5, 1)
    assert bands.is_outside(0.5)
    assert bands.is_outside(1000.0)
    assert not bands.is_outside(10.0)
    assert not bands.is_outside(20.0)


def test_chances_are_those_of_the_t_distribution_around_the_mean() -> None:
    bands = compute_bands([0.0, 10.0])
    assert bands is not None
    # On the edge of two bands, narrow: half and half.
    chances = bands.chances(4.0, half_width_wh=0.1, repeats=10)
    assert chances[4] == pytest.approx(0.5)
    assert chances[3] == pytest.approx(0.5)
    # The upper edge is exactly the end of the 95 % interval away: 2.5 % lie beyond it.
    chances = bands.chances(3.9, half_width_wh=0.1, repeats=5)
    assert chances[3] == pytest.approx(0.025, abs=1e-6)  # less what lies beyond 6
    assert sum(chances.values()) == pytest.approx(1)


def test_without_scatter_the_star_is_certain() -> None:
    bands = compute_bands([0.0, 10.0])
    assert bands is not None
    assert bands.chances(3.0, half_width_wh=0.0, repeats=10) == {4: 1.0}


@given(st.lists(st.floats(min_value=1e-3, max_value=1e6), min_size=2, max_size=40), st.data())
def test_less_energy_never_gets_fewer_stars(energies: list[float], data: st.DataObject) -> None:
    bands = compute_bands(energies)
    if bands is None:
        assert max(energies) - min(energies) < 1e-12 * max(energies)
        return
    assert bands.stars(min(energies)) == 5
    assert bands.stars(max(energies)) == 1
    low, high = sorted(data.draw(st.tuples(*[st.floats(min_value=1e-3, max_value=2e6)] * 2)))
    assert bands.stars(low) >= bands.stars(high)
