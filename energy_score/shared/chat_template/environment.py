"""Jinja as chat templates expect it: the sandbox of transformers, with a date that is given. For the child."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateRefusal(Exception):  # noqa: N818 - a refusal is an answer here
    """The template refused the messages, or its code failed; the message has the reason."""


class _Generation(Extension):
    """``{% generation %}`` marks what an assistant wrote; here it is written like everything else."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class ChatTemplate:
    """A compiled chat template, with the variables that its tokenizer always gives it (``bos_token`` and others).

    ``date_formats`` are those in which it has printed the date.
    """

    def __init__(self, source: str, variables: Mapping[str, Any]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _as_json
        environment.globals["raise_exception"] = _refuse
        self._variables = dict(variables)
        self.date_formats: dict[str, None] = {}
        try:
            self.tree = environment.parse(source)
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise TemplateRefusal(f"it is not a template: {error}") from error

    def render(self, messages: list[dict[str, Any]], *, day: date, kwargs: Mapping[str, Any]) -> str:
        """Return the prompt for ``messages``, with the answer begun, as of ``day``.

        Raises:
            TemplateRefusal: The template raises an error.
        """
        printed = date_printer(day)

        def strftime_now(form: str) -> str:
            self.date_formats[str(form)] = None
            return printed(form)

        given = {"strftime_now": strftime_now, **self._variables, **kwargs}
        try:
            return self._template.render(messages=messages, add_generation_prompt=True, **given)
        except MemoryError:
            raise
        except Exception as error:  # foreign code: whatever it raises is its answer
            raise TemplateRefusal(f"{type(error).__name__}: {error}"[:500]) from error


def date_printer(day: date) -> Callable[[str], str]:
    """Return a ``strftime_now`` that always says noon of ``day``: templates print hours too."""
    return datetime(day.year, day.month, day.day, 12).strftime  # noqa: DTZ001 - without a zone, as in transformers


def _refuse(message: object) -> None:
    raise jinja2.TemplateError(str(message))


def _as_json(value: object, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:  # noqa: ANN401, FBT001, FBT002 - templates call it
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)
