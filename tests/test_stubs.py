"""Facts about the type stubs that an installed package brings."""

from tests.support.stub_files import FOLDER, generate_stubs


def test_the_stubs_say_what_the_modules_are() -> None:
    expected = generate_stubs()
    found = {path.relative_to(FOLDER): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.pyi")}
    assert found == expected, "make stubs writes them anew"
