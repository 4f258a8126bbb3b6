"""Remove a query's text from its errors: servers, templates and libraries often quote their input."""

import contextlib
import json
from collections.abc import Iterator
from itertools import groupby

# This many consecutive characters of the query's text count as a quotation. Shorter queries are matched as a whole, and
# words of a few letters reveal nothing.
_PIECE = 16
_SHORTEST = 10
_LEFT_OUT = "…"


@contextlib.contextmanager
def hide_query_text(query_text: str) -> Iterator[None]:
    """Remove ``query_text`` from everything raised inside, including the causes."""
    try:
        yield
    except Exception as error:
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            link.args = tuple(remove_quotation(arg, query_text) if isinstance(arg, str) else arg for arg in link.args)
            link = link.__cause__ or link.__context__
        raise


def remove_quotation(message: str, query_text: str) -> str:
    """Return ``message`` with an ellipsis for every quotation of ``query_text``, also as written by JSON and Python."""
    forms = {_plain(query_text), _plain(json.dumps(query_text)[1:-1]), _plain(repr(query_text)[1:-1])}
    size = min(_PIECE, *map(len, forms))
    line = _plain(message)
    if size < _SHORTEST or len(line) < size:
        return message
    pieces = {form[start : start + size] for form in forms for start in range(len(form) - size + 1)}
    quoted = [False] * len(line)
    for start in range(len(line) - size + 1):
        if line[start : start + size] in pieces:
            quoted[start : start + size] = [True] * size
    if not any(quoted):
        return message
    runs = groupby(zip(line, quoted, strict=True), key=lambda character: character[1])
    return "".join(_LEFT_OUT if is_quoted else "".join(letter for letter, _ in run) for is_quoted, run in runs)


def _plain(text: str) -> str:
    return " ".join(text.split())
