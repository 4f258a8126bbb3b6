"""Errors of one query without the query's text: servers, templates and libraries like to quote what they were given."""

import contextlib
import json
from collections.abc import Iterator
from itertools import groupby

# So much in a row of the query's own text is a quotation. A shorter query is looked for as a whole, and words of a few
# letters are nobody's secret.
_PIECE = 16
_SHORTEST = 10
_LEFT_OUT = "…"


@contextlib.contextmanager
def unquoted(query_text: str) -> Iterator[None]:
    """Whatever is raised inside says nothing of ``query_text``, nor do the errors that led to it."""
    try:
        yield
    except Exception as error:
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            link.args = tuple(without_quotation(arg, query_text) if isinstance(arg, str) else arg for arg in link.args)
            link = link.__cause__ or link.__context__
        raise


def without_quotation(message: str, query_text: str) -> str:
    """``message`` with an ellipsis for every piece of ``query_text`` in it, as it is or as JSON and Python write it."""
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
