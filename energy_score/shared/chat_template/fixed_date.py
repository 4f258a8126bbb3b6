"""A chat template that prints one fixed date as today's: one spec is the same work on every day."""

import json
from collections.abc import Sequence
from datetime import date, datetime


def with_fixed_date(template: str, *, day: date, formats: Sequence[str]) -> str:
    """Return ``template`` with noon of ``day`` for every date that it prints in one of ``formats``.

    Templates ask for the date by ``strftime_now(format)``. A macro of that name is put before the template, because
    transformers lets no caller replace the function itself; the line's end after it is taken off by ``trim_blocks``.
    """
    if not formats:
        return template
    noon = datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001 - without a zone, as in transformers
    printed = json.dumps({form: noon.strftime(form) for form in formats})
    return f"{{%- macro strftime_now(format) -%}}{{{{- {printed}[format] -}}}}{{%- endmacro %}}\n{template}"
