"""How things are made wrong: texts, bytes, JSON documents and tables that are almost what they should be."""

import copy
import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.security.hostile_strings import HOSTILE

hostile = st.sampled_from([*HOSTILE.values(), "\ud800", "\udfff\ud800", "\U0010ffff\ufffe"])
texts = st.one_of(hostile, st.text(max_size=40))
printed = texts.filter(lambda text: text.isprintable() and text.isascii())
# Numbers at the edges of what a type, a formula or a file can hold.
moments = st.sampled_from(
    ["2025-11-17T03:15:00", "2025-11-17", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
numbers = st.one_of(
    st.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, -0.0, 1e308, -1e308, 5e-324, float("inf"), float("nan")]),
    st.integers(),
    st.floats(),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, texts, moments)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn, good: Any) -> bytes:
    """A JSON document that differs from ``good`` in up to three places, or is cut, or has other bytes in it."""
    document = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        document = _changed(draw, document)
    data = json.dumps(document).encode()
    match draw(st.integers(0, 9)):
        case 0:
            return data[: draw(st.integers(0, len(data)))]
        case 1:
            place = draw(st.integers(0, len(data)))
            return data[:place] + draw(st.binary(max_size=8)) + data[place + draw(st.integers(0, 8)) :]
        case _:
            return data


def _changed(draw: st.DrawFn, document: Any) -> Any:
    """``document`` with one value in it replaced, taken away or added; the way down is drawn."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 5)) == 0:
        return draw(values)
    if isinstance(document, list):
        place = draw(st.integers(0, len(document) - 1))
        document[place] = _changed(draw, document[place])
        return document * 2 if draw(st.integers(0, 9)) == 0 else document
    name = draw(st.sampled_from(sorted(document)))
    match draw(st.integers(0, 7)):
        case 0:
            del document[name]
        case 1:
            document[draw(texts)] = draw(values)
        case _:
            document[name] = _changed(draw, document[name])
    return document


@st.composite
def tables(draw: st.DrawFn, header: Sequence[str], cells: Sequence[st.SearchStrategy[str]]) -> bytes:
    """A CSV file under ``header`` with a strategy for each column's cells, now and then cut or mixed up."""
    rows = draw(st.lists(st.tuples(*cells), max_size=4))
    columns = list(header)
    match draw(st.integers(0, 11)):
        case 0:
            columns = draw(st.permutations(columns))
        case 1:
            columns[draw(st.integers(0, len(columns) - 1))] = draw(texts)
        case 2:
            rows.append(tuple(draw(st.lists(texts, max_size=12))))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])))
    writer.writerows([columns, *rows])
    data = text.getvalue().encode("utf-8", errors=draw(st.sampled_from(["surrogatepass", "replace"])))
    match draw(st.integers(0, 9)):
        case 0:
            return data[: draw(st.integers(0, len(data)))]
        case 1:
            return b"\xef\xbb\xbf" + data
        case 2:
            place = draw(st.integers(0, len(data)))
            return data[:place] + draw(st.binary(max_size=6)) + data[place:]
        case _:
            return data
