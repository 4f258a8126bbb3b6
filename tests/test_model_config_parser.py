import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_score.contract.errors import ModelsCsvError, UsageError
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from model_config_parser import REQUIRED_COLUMNS, ModelConfigParser

ROOT = Path(__file__).resolve().parents[1]
OCTOBER = ROOT.parent / "shared" / "data" / "oct_2025_models.csv"
HEADER = ",".join(REQUIRED_COLUMNS)


def parse_json(folder: Path, text: str | bytes) -> list[ModelConfig]:
    file = folder / "models.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ModelConfigParser(file).parse()


def faults(folder: Path, text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ModelsCsvError) as caught:
        parse_json(folder, text)
    return caught.value.faults


def rows(folder: Path, *lines: str) -> list[ModelConfig]:
    return parse_json(folder, "\n".join((HEADER, *lines)))


def row_faults(folder: Path, *lines: str) -> tuple[str, ...]:
    return faults(folder, "\n".join((HEADER, *lines)))


@pytest.fixture(params=[ROOT / "models.csv", OCTOBER], ids=["models.csv", "october"], scope="module")
def sheet(request: pytest.FixtureRequest) -> list[ModelConfig]:
    path: Path = request.param
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    return ModelConfigParser(path).parse()


def test_the_filters_select_the_documented_numbers_of_rows(sheet: list[ModelConfig]) -> None:
    def count(**filters: str) -> int:
        return len(ModelConfigParser.filter_configs(sheet, **filters))  # type: ignore[arg-type]

    assert len(sheet) == 60
    assert [count(model_class=name) for name in ("A", "b", "C")] == [19, 14, 24]
    assert count(model_name="GPT-OSS") == 7
    assert count(reasoning_state="high") == 2
    assert count(reasoning_state="Off") == 33
    assert count(reasoning_state="On") == 24
    assert count(task="image_gen") == count(task="text-to-image") == 3
    assert count(task="gen") == 60
    assert count(model_name="gpt-oss", model_class="B", reasoning_state="High") == 1
    assert [config.model_class for config in sheet if config.task == "image_gen"] == [None] * 3
    assert sum(config.use_harmony for config in sheet) == 7


def test_an_exact_filter_finds_whole_values_only(sheet: list[ModelConfig]) -> None:
    def exact(name: str | None = None, state: str | None = None, task: str | None = None) -> int:
        return len(
            ModelConfigParser.filter_configs(sheet, model_name=name, reasoning_state=state, task=task, exact=True)
        )

    assert exact(name="openai/GPT-OSS-20b") == 4
    assert exact(name="gpt-oss") == 0
    assert exact(state="on") == 18
    assert exact(state="off") == 12
    assert exact(task="text") == 0
    assert exact(task="text-generation") == 57


@pytest.mark.parametrize("state", ["On(High)", "on  ( high )", "On\u00a0(High)"])
@pytest.mark.parametrize("wanted", ["On (High)", "on(high)", "On", "High", "(high)"])
def test_a_state_is_found_however_either_side_spaces_it(tmp_path: Path, state: str, wanted: str) -> None:
    sheet = rows(tmp_path, f"org/one,1,A,text_gen,{state},", "org/one,1,A,text_gen,Off,")
    found = ModelConfigParser.filter_configs(sheet, reasoning_state=wanted)
    assert [config.reasoning_mode for config in found] == [ReasoningMode.HIGH]
    is_whole = "on" in wanted.lower() and "high" in wanted.lower()
    assert bool(ModelConfigParser.filter_configs(sheet, reasoning_state=wanted, exact=True)) == is_whole


def test_the_two_copies_of_the_october_sheet_say_the_same() -> None:
    if not OCTOBER.exists():
        pytest.skip("the data file is not on this machine")
    told = {"line_number", "chat_template"}
    ours, theirs = (ModelConfigParser(path).parse() for path in (ROOT / "models.csv", OCTOBER))
    assert [config.model_dump(exclude=told) for config in ours] == [
        config.model_dump(exclude=told) for config in theirs
    ]


def test_a_sheet_with_a_mark_crlf_and_cells_of_several_lines_is_read(tmp_path: Path) -> None:
    text = (
        "\ufeff,models to add , PRIORITY (1=hi),Class,Task,Reasoning State,Chat Template,Owner\r\n"
        ",,,,,,,\r\n"
        "\r\n"
        '1,https://huggingface.co/openai/gpt-oss-20b ,1,b,text_gen,On (High),"  reasoning: True\r\n'
        "  reasoning_params:\r\n"
        '    reasoning_effort: high",me\r\n'
        "2,./models/Qwen3 tiny,2.0,,text-generation, off ,enable_thinking=False,\r\n"
        "3,Qwen/Qwen-Image,,,image_gen\r\n"
    )
    first, second, third = parse_json(tmp_path, text.encode())
    assert (first.model_id, first.priority, first.model_class, first.line_number) == ("openai/gpt-oss-20b", 1, "B", 4)
    assert first.reasoning_params == {"reasoning": True, "reasoning_effort": "high"}
    assert (first.reasoning_state, first.reasoning_mode) == ("On (High)", ReasoningMode.HIGH)
    assert (second.model_id, second.priority, second.line_number) == ("./models/Qwen3 tiny", 2, 7)
    assert (second.task, second.reasoning_state, second.reasoning_mode) == ("text_gen", "off", ReasoningMode.OFF)
    assert (third.line_number, third.priority, third.reasoning_mode) == (8, None, ReasoningMode.NOT_APPLICABLE)


def test_five_different_faults_are_all_named(tmp_path: Path) -> None:
    found = row_faults(
        tmp_path,
        "org/one,first,A,text_gen,On,",
        "org/two,1,D,text_gen,On,",
        "org/three,1,A,text2text,On,",
        "org/four,1,A,text_gen,Sometimes,",
        "org/good,1,A,text_gen,On,",
        "datasets/org/five,1,A,text_gen,On,",
    )
    assert [fault.split(" (expected")[0] for fault in found] == [
        "models.csv:2: Priority (1=hi): 'first' is not a priority",
        "models.csv:3: Class: 'D' is not a class",
        "models.csv:4: Task: unknown task 'text2text'",
        "models.csv:5: Reasoning State: 'Sometimes' is not a reasoning state",
        "models.csv:7: Models to Add: 'datasets/org/five' is not a model id",
    ]
    assert found[1].endswith(" (expected A, B, C, or nothing)")
    assert found[3].endswith(
        " (expected On, On (Low), On (Medium), On (High), Off, Off (N/A), N/A, On (budget N), or nothing)"
    )


def test_all_faults_of_one_row_are_named(tmp_path: Path) -> None:
    assert [fault.split(": ")[1] for fault in row_faults(tmp_path, ",0,Z,chess,maybe,")] == [
        "Models to Add",
        "Priority (1=hi)",
        "Class",
        "Task",
        "Reasoning State",
    ]


def test_every_missing_or_repeated_column_is_named_and_the_rows_are_still_checked(tmp_path: Path) -> None:
    found = faults(tmp_path, "Models to Add,Class,class,Task\norg/one,A,A,chess\n")
    assert [fault.split(": ")[:2] for fault in found] == [
        ["models.csv:1", "Class"],
        ["models.csv:1", "Priority (1=hi)"],
        ["models.csv:1", "Reasoning State"],
        ["models.csv:1", "Chat Template"],
        ["models.csv:2", "Task"],
    ]


def test_a_repeated_row_names_the_first(tmp_path: Path) -> None:
    found = row_faults(
        tmp_path,
        "org/one,1,A,text_gen,Off (N/A),",
        "org/one,1,A,text_gen,Off,",
        "org/ONE,1,A,text_gen,Off,",
        "https://huggingface.co/org/one/,2,B,text-generation,N/A,",
    )
    assert len(found) == 1
    assert found[0].startswith("models.csv:5: Models to Add: duplicate row: line 2 has org/one with the same task")
    assert "line 2" in found[0]


def test_another_revision_is_another_row(tmp_path: Path) -> None:
    text = f"{HEADER},revision,Trust Remote Code\norg/one,1,A,text_gen,Off,,main,\norg/one,1,A,text_gen,Off,,v2,Yes\n"
    first, second = parse_json(tmp_path, text)
    assert (first.revision, first.trust_remote_code) == ("main", False)
    assert (second.revision, second.trust_remote_code) == ("v2", True)


def test_faults_of_the_optional_columns_are_named(tmp_path: Path) -> None:
    text = (
        f"{HEADER},Revision,Trust Remote Code\n"
        "org/one,1,A,text_gen,Off,,../main,perhaps\n"
        "https://huggingface.co/org/two/tree/v1,1,A,text_gen,Off,,v2,no\n"
        "./folder,1,A,text_gen,Off,,main,no\n"
    )
    assert [fault.split(": ")[:2] for fault in faults(tmp_path, text)] == [
        ["models.csv:2", "Revision"],
        ["models.csv:2", "Trust Remote Code"],
        ["models.csv:3", "Revision"],
        ["models.csv:4", "Revision"],
    ]


@pytest.mark.parametrize(
    ("cell", "model_id", "revision"),
    [
        ("org/name", "org/name", None),
        ("gpt2", "gpt2", None),
        ("https://huggingface.co/org/name", "org/name", None),
        ("http://huggingface.co/org/name/", "org/name", None),
        ("HTTPS://HuggingFace.co/org/name?library=transformers", "org/name", None),
        ("huggingface.co/org/name#usage", "org/name", None),
        ("https://huggingface.co/org/name/tree/v1.0", "org/name", "v1.0"),
        ("https://huggingface.co/org/name/tree/refs%2Fpr%2F3", "org/name", "refs/pr/3"),
        ("./demo/models/Qwen3-tiny", "./demo/models/Qwen3-tiny", None),
        ("../a folder/x/", "../a folder/x/", None),
        ("~/models/x", "~/models/x", None),
        ("/srv/models/x", "/srv/models/x", None),
    ],
)
def test_a_model_is_an_id_an_address_or_a_folder(
    tmp_path: Path, cell: str, model_id: str, revision: str | None
) -> None:
    (config,) = rows(tmp_path, f"{cell},1,A,text_gen,Off,")
    assert (config.model_id, config.revision) == (model_id, revision)


@pytest.mark.parametrize(
    "cell", ["", "org/", "/../\x00", "a/b/c", "org/na me", "org/-x", "org/a..b", "org/a--b", "https://example.org/a/b"]
)
def test_a_malformed_model_id_is_a_fault(tmp_path: Path, cell: str) -> None:
    (fault,) = row_faults(tmp_path, f'"{cell}",1,A,text_gen,Off,')
    assert fault.startswith("models.csv:2: Models to Add: ")
    assert "(expected " in fault


@pytest.mark.parametrize(
    ("state", "mode"),
    [
        ("On", ReasoningMode.ON),
        ("OFF", ReasoningMode.OFF),
        ("On(High)", ReasoningMode.HIGH),
        ("on ( low )", ReasoningMode.LOW),
        ("On (Medium)", ReasoningMode.MEDIUM),
        ("Off (N/A)", ReasoningMode.NOT_APPLICABLE),
        ("N/A", ReasoningMode.NOT_APPLICABLE),
        ("", ReasoningMode.NOT_APPLICABLE),
    ],
)
def test_a_reasoning_state_is_read_in_any_case(tmp_path: Path, state: str, mode: ReasoningMode) -> None:
    (config,) = rows(tmp_path, f"org/name,1,A,text_gen,{state},")
    assert config.reasoning_mode is mode


def test_too_many_cells_are_a_fault_unless_they_are_blank(tmp_path: Path) -> None:
    (fault,) = row_faults(tmp_path, "org/one,1,A,text_gen,On,reasoning: True, enable_thinking=True")
    assert fault == 'models.csv:2: row: expected 6 cells, found 7. Put a cell that contains a comma in "quotes".'
    assert len(rows(tmp_path, "org/one,1,A,text_gen,On,,,")) == 1


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    data = f"{HEADER}\norg/one,1,A,text_gen,On,caf".encode() + b"\xe9\norg/two,9x,A,text_gen,On,\n"
    assert faults(tmp_path, data) == (
        "models.csv:2: file: byte 0xE9 is not UTF-8. Save the file as UTF-8.",
        "models.csv:3: Priority (1=hi): '9x' is not a priority (expected a whole number from 1, or nothing)",
    )


def test_a_sheet_in_utf_16_is_named_so(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f"{HEADER}\norg/one,1,A,text_gen,On,\n".encode("utf-16"))
    assert "the file is UTF-16. Save it as UTF-8" in fault


def test_a_quoted_cell_without_an_end_swallows_no_rows_silently(tmp_path: Path) -> None:
    (fault,) = row_faults(
        tmp_path, "org/one,1,A,text_gen,On,", 'org/two,1,A,text_gen,On,"', "org/three,1,A,text_gen,On,"
    )
    assert fault.startswith("models.csv:3: file: a quoted cell has no end")


def test_a_cell_beyond_the_limit_of_csv_is_a_fault(tmp_path: Path) -> None:
    found = row_faults(tmp_path, f"org/one,1,A,text_gen,On,{'x' * 200_000}", "org/two,1,Z,text_gen,On,")
    assert [fault.split(": ")[:2] for fault in found] == [["models.csv:2", "file"], ["models.csv:3", "Class"]]


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", HEADER, f"{HEADER}\n,,,,,\n"])
def test_a_sheet_without_rows_is_a_fault(tmp_path: Path, text: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("models.csv:1: file: the file has no rows (expected a header with Models to Add, ")


@pytest.mark.parametrize("path", ["absent.csv", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        ModelConfigParser(tmp_path / path).parse()


def outcome(folder: Path, content: bytes) -> tuple[list[ModelConfig], tuple[str, ...]]:
    try:
        return parse_json(folder, content), ()
    except ModelsCsvError as error:
        return [], error.faults


SCRAPS = st.sampled_from(
    [
        *("org/name", "./x", "1", "A", "text_gen", "On", "Off (N/A)", '"', ",", "\n", "\r\n", "\r", "\0", "\ufeff"),
        *("https://huggingface.co/", "https://huggingface.co/a/tree/", "reasoning: True", "x" * 140_000, "=1+1", "é"),
    ]
)


@given(st.binary(max_size=200) | st.lists(SCRAPS | st.text(max_size=5), max_size=40).map(lambda s: "".join(s).encode()))
def test_any_bytes_give_configs_or_faults(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for content in (data, HEADER.encode() + b"\n" + data):
        configs, found = outcome(tmp_path_factory.getbasetemp(), content)
        assert bool(configs) != bool(found)
        assert all(fault.startswith("models.csv:") for fault in found)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30), min_size=6, max_size=7))
def test_any_cells_give_a_config_or_faults(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    line = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    configs, found = outcome(tmp_path_factory.getbasetemp(), f"{HEADER}\n{line}".encode())
    assert bool(configs) != bool(found)


def test_the_command_line_lists_the_rows_and_names_faults(tmp_path: Path) -> None:
    command = [sys.executable, "model_config_parser.py"]
    good = subprocess.run([*command, "models.csv"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.splitlines()[0].split() == ["2", "openai/gpt-oss-20b", "B", "text_gen", "On", "(High)"]
    assert good.stdout.splitlines()[-1] == "60 rows"
    (tmp_path / "bad.csv").write_text("x\n1\n")
    bad = subprocess.run([*command, str(tmp_path / "bad.csv")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "bad.csv:1: file: not a models spreadsheet" in bad.stderr
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2


def test_the_parser_imports_nothing_heavy() -> None:
    code = (
        "import sys, model_config_parser, parameter_handler;"
        "print(sorted({'pandas', 'numpy', 'torch', 'transformers', 'click', 'rich', 'yaml'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
