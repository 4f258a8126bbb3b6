from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import NothingMatchedError
from energy_score.host.batch.plan import RefusedRun, Selection, directory_names, make_plan, same_work
from model_config_parser import ModelConfigParser
from parameter_handler import RunOptions

ROOT = Path(__file__).resolve().parents[3]
HEADER = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n"


def sheet(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "sheet.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_refused_rows_stay_in_the_plan_beside_the_others() -> None:
    plan = make_plan(Selection(csv=ROOT / "models.csv", model_name="DeepSeek-R1-0528"), RunOptions(strict_modes=True))
    assert [(planned.config.reasoning_state, isinstance(planned, RefusedRun)) for planned in plan] == [
        ("Off", True),
        ("On", False),
    ]
    assert isinstance(plan[0], RefusedRun)
    assert "always thinks" in plan[0].refusal


def test_filters_that_match_nothing_are_named() -> None:
    selection = Selection(csv=ROOT / "models.csv", model_name="absent", model_class="A")
    with pytest.raises(NothingMatchedError, match=r"none of the 60 rows .* --model-name 'absent' and --class 'A'"):
        make_plan(selection, RunOptions())


def test_every_row_of_the_sheet_has_a_directory_of_its_own() -> None:
    configs = ModelConfigParser(ROOT / "models.csv").parse()
    names = directory_names(configs)
    assert names[2] == "openai_gpt-oss-20b_On_High"
    assert len(set(names.values())) == 60


def test_names_that_would_coincide_are_told_apart_whatever_the_filter(tmp_path: Path) -> None:
    path = sheet(tmp_path, "a/b_c,1,A,text_gen,Off,", "a_b/c,1,A,text_gen,Off,", "A/B_C,1,A,text_gen,Off,")
    together = [planned.name for planned in make_plan(Selection(csv=path), RunOptions())]
    assert len({name.lower() for name in together}) == 3
    alone = make_plan(Selection(csv=path, model_name="a_b/c"), RunOptions())
    assert alone[0].name == together[1]


def test_a_row_that_is_added_below_leaves_the_others_their_names(tmp_path: Path) -> None:
    """Renamed, a run that is done would run again, and its old directory would be a second row of the results."""
    one = "org/one,1,,summarization,,"
    before = [planned.name for planned in make_plan(Selection(csv=sheet(tmp_path, one)), RunOptions())]
    path = sheet(tmp_path, one, "org/one,1,A,text_gen,,", "https://huggingface.co/org/one/tree/v2,1,A,text_gen,,")
    after = [planned.name for planned in make_plan(Selection(csv=path), RunOptions())]
    assert after[:1] == before == ["org_one"]
    assert len(set(after)) == 3


def test_rows_that_do_the_same_work_are_paired_with_the_first_of_them(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "google/gemma-3-1b-it,1,A,text_gen,Off,",
        "google/gemma-3-1b-it,1,A,text_gen,Off (N/A),",
        "google/gemma-3-1b-it,1,A,text_gen,On,",
    )
    plan = make_plan(Selection(csv=path), RunOptions())
    assert [(first.config.line_number, later.config.line_number) for first, later in same_work(plan)] == [(2, 3)]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"task": "text-gen"}, "match --task 'text-gen'; the sheet has tasks: image_gen, text_gen"),
        ({"model_class": "Z", "task": "asr"}, "tasks: image_gen, text_gen; classes: A, B, C"),
        ({"reasoning_state": "Sometimes"}, "reasoning states: Off, Off (N/A), On, On (High), On (Low), On (Medium)"),
        ({"model_name": "gtp"}, "match --model-name 'gtp'"),
    ],
)
def test_filters_that_match_nothing_are_answered_with_what_there_is(filters: dict[str, Any], said: str) -> None:
    with pytest.raises(NothingMatchedError) as told:
        make_plan(replace(Selection(csv=ROOT / "models.csv"), **filters), RunOptions())
    assert said in str(told.value)
