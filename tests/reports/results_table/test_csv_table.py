"""Facts about cells."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from energy_score.contract.csv_text import cell
from energy_score.contract.run_report import EnergySource


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        (0, "0"),
        (0.0, "0.0"),
        (25.4, "25.4"),
        (-1.5, "-1.5"),
        (float("nan"), ""),
        (float("inf"), ""),
        (True, "true"),
        (False, "false"),
        (EnergySource.NVML_COUNTER, "nvml-counter"),
        (datetime(2025, 11, 17, 3, 15, 0, 999, tzinfo=UTC), "2025-11-17T03:15:00+00:00"),
        (datetime(2025, 11, 17, 3, 15, tzinfo=timezone(timedelta(hours=-7))), "2025-11-17T03:15:00-07:00"),
        (datetime(2025, 11, 17, 3, 15), "2025-11-17T03:15:00+00:00"),  # noqa: DTZ001 - what an old record may hold
    ],
)
def test_a_value_has_one_way_to_be_written(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'=1"),
        ("\t=1", "'=1"),
        ("\r=1", "'=1"),
        ("\n=1", "'=1"),
        ("\x00=1", "'=1"),
        ("\x1b[31m=1", "'=1"),
        ("\ufeff=1", "'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("one\r\ntwo", "one  two"),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_quoted(text: str, written: str) -> None:
    assert cell(text) == written


def test_an_access_token_in_an_error_never_reaches_the_table() -> None:
    assert cell("401 for hf_abcdefghijKLMNOPqrstuvwx0123456789") == "401 for hf_***"
