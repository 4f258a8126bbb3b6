"""Compose ``--config-name`` and ``key=value`` arguments with Hydra into the value of every documented key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, cast

from energy_score.contract.errors import UsageError
from energy_score.contract.plain_text import shorten
from energy_score.host.single_run.keys import KEYS, PARAMETERS, parse_overrides

_CONFIGS = "energy_score.host.single_run.configs"
_BASE = "base"
_QUOTE_MAX = 1000
_HYDRA = "1.3"  # the version whose defaults of the compose API are used


@dataclass(frozen=True)
class Composition:
    """The result of a configuration and arguments; ``values`` by key, ``given`` are the keys set by the user.

    ``task`` is the configuration's own, ``deprecated`` tells users of an old name what to use instead.
    """

    config_name: str
    task: str
    values: dict[str, Any]
    given: frozenset[str]
    deprecated: str | None


def config_names() -> tuple[str, ...]:
    """Return the configurations for ``--config-name``."""
    files = (entry.name for entry in resources.files(_CONFIGS).iterdir())
    names = (name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))
    return tuple(sorted(name for name in names if name != _BASE))


def compose(config_name: str, arguments: Sequence[str]) -> Composition:
    """Return the composition of the configuration ``config_name`` with ``arguments``.

    Raises:
        UsageError: The configuration does not exist, a key is unknown, or Hydra cannot parse a value.
    """
    name = config_name.removesuffix(".yaml")
    if name not in config_names():
        raise UsageError(f"unknown --config-name {config_name!r} (expected one of: {', '.join(config_names())})")
    overrides = parse_overrides(arguments)
    for key, override in overrides.items():
        _require_one_value(key, override)
    composed = _compose_values(name, list(overrides.values()))
    return Composition(
        config_name=name,
        task=_own_task(name),
        values={key: _value_at(composed, key) for key in KEYS},
        given=frozenset(overrides),
        deprecated=composed["deprecated"],
    )


@cache
def _own_task(name: str) -> str:
    """Return the task that the configuration names before any argument changes it."""
    task: str = _compose_values(name, [])["backend"]["task"]
    return task


def _require_one_value(key: str, override: str) -> None:
    """Return if Hydra's grammar reads a single value; a list to sweep over would be several runs."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: PLC0415 - not on the way to --help
    from hydra.errors import HydraException  # noqa: PLC0415

    try:
        is_sweep = OverridesParser.create().parse_override(override).is_sweep_override()
    except (HydraException, ValueError, RecursionError) as error:  # e.g. endless numbers and brackets
        raise _fault(key, override, "cannot be parsed") from error
    if is_sweep:
        raise _fault(key, override, "has several values")


def _compose_values(name: str, overrides: list[str]) -> dict[str, Any]:
    from hydra import compose as hydra_compose  # noqa: PLC0415 - not on the way to --help
    from hydra import initialize_config_module  # noqa: PLC0415
    from hydra.errors import HydraException  # noqa: PLC0415
    from omegaconf import OmegaConf  # noqa: PLC0415
    from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415

    try:
        with initialize_config_module(_CONFIGS, version_base=_HYDRA):
            config = hydra_compose(name, overrides=overrides)
        return cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError) as error:
        first_line = str(error).partition("\n")[0]
        told = shorten(f"{' '.join(overrides)}: {first_line}", _QUOTE_MAX)
        raise UsageError(f"{told} (expected KEY=VALUE with a plain value)") from error


def _value_at(config: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - whatever YAML can hold
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def _fault(key: str, override: str, what: str) -> UsageError:
    is_text = key.startswith(PARAMETERS)
    quotes = f"; put text with Hydra's special characters in quotes: {key}='\"a, b\"'" if is_text else ""
    value = shorten(override.partition("=")[2], _QUOTE_MAX)
    return UsageError(f"{key}={value}: {what} (expected a single value{quotes})")
