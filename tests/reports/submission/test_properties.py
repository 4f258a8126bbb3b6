"""Whatever bytes a file holds: checking it gives a verification or one refusal, and no changed bundle is verified."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from energy_score.contract.errors import BundleRefusedError
from energy_score.reports.submission.archive import build_archive
from energy_score.reports.submission.verify import MANIFEST, verify_bytes
from tests.reports.submission.tampering import REPORT, RUN, opened, resealed

JSON_FILES = (REPORT, f"{RUN}/run_spec.json", f"{RUN}/model_config.json", f"{RUN}/host_witness.json")
# What records, figures and messages may stumble over, and any number and text beside it.
CORNERS: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 1, 7, 2**63, 10**320, 0.0, -0.0, 1e-320, 1e15, 1e308, float("nan"), float("inf"), "",
     "x" * 3000, "\x1b[31m\n", "2025-11-17T03:15:00", "-inf", [], {}, [[]], {"a": 1}]
)  # fmt: skip
VALUES = CORNERS | st.integers() | st.floats() | st.text(max_size=20)


def is_verified(data: bytes) -> bool:
    """Whether ``data`` is a bundle without a finding; nothing but a refusal may be raised."""
    try:
        return verify_bytes(data).is_verified
    except BundleRefusedError as error:
        refusal = str(error)
    assert refusal.isprintable()
    return False


@given(st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: b"PK\3\4" + tail + b"PK\5\6" + bytes(18)))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    assert not is_verified(data)


@settings(deadline=None)
@given(data=st.data())
def test_a_bundle_of_which_any_byte_differs_is_not_verified(small_bundle: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(small_bundle) - 1))
    length = data.draw(st.integers(0, 40))
    mutated = small_bundle[:start] + data.draw(st.binary(max_size=40)) + small_bundle[start + length :]
    assert is_verified(mutated) == (mutated == small_bundle)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc/.", min_size=1, max_size=5).filter(lambda name: name[0] not in "/."), st.binary()))
def test_an_archive_of_anything_with_any_manifest_is_not_verified(members: dict[str, bytes]) -> None:
    names = {name: content for name, content in members.items() if ".." not in name and "//" not in name}
    names = {name: content for name, content in names.items() if "/." not in name and name[-1] != "/"}
    assert not is_verified(build_archive({**names, MANIFEST: b'{"schema_version": 1}'}))


@settings(deadline=None)
@given(data=st.data())
def test_a_record_of_which_anything_was_changed_and_sealed_again_never_breaks_the_check(
    small_bundle: bytes, data: st.DataObject
) -> None:
    members = opened(small_bundle)
    name = data.draw(st.sampled_from(JSON_FILES))
    document = json.loads(members[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place, key = one_of(places(document), data)
        place[key] = deepcopy(data.draw(VALUES))
    is_verified(resealed({**members, name: json.dumps(document).encode()}))


@settings(deadline=None)
@given(data=st.data())
def test_a_report_with_other_numbers_never_breaks_the_check(small_bundle: bytes, data: st.DataObject) -> None:
    members = opened(small_bundle)
    document = json.loads(members[REPORT])
    numbers = [(place, key) for place, key in places(document) if isinstance(place[key], int | float)]
    for _ in range(data.draw(st.integers(1, 5))):
        place, key = one_of(numbers, data)
        place[key] = data.draw(st.floats(allow_nan=False) | st.integers(-(10**16), 10**16) | st.floats(0, 1e6))
    is_verified(resealed({**members, REPORT: json.dumps(document).encode()}))


@settings(deadline=None)
@given(data=st.data())
def test_a_manifest_of_which_anything_was_changed_is_not_verified(small_bundle: bytes, data: st.DataObject) -> None:
    members = opened(small_bundle)
    document = json.loads(members[MANIFEST])
    place, key = one_of(places(document), data)
    place[key] = deepcopy(data.draw(VALUES))
    content = json.dumps(document, indent=1).encode() + b"\n"
    assert is_verified(build_archive({**members, MANIFEST: content})) == (content == members[MANIFEST])


def one_of(found: list[tuple[Any, Any]], data: st.DataObject) -> tuple[Any, Any]:
    """By its index: a strategy must not hold containers that are about to change."""
    return found[data.draw(st.integers(0, len(found) - 1))]


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every place in the document whose value can be replaced: its container, and its key there."""
    keys = document if isinstance(document, Mapping) else range(len(document))
    found = []
    for key in keys:
        found.append((document, key))
        if isinstance(document[key], dict | list):
            found += places(document[key])
    return found
