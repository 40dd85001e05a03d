"""Whether a dashboard has the types that Grafana's SDK declares, as its JSON Schema would say.

The schema itself is not part of the package.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from harness.render.grafana.sdk import models

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog import plugins

plugins.register_default_plugins()  # so that options and queries have types of their own


def mistyped(board: dict[str, Any]) -> Iterator[str]:
    """Each place of a dashboard whose value is not of the declared type."""
    yield from _misfits(models.Dashboard.from_json(board), models.Dashboard, "")


def _misfits(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(value, dict) and hasattr(hint, "from_json"):  # not all of it is read at once
        value = hint.from_json(value)
    if origin is Union:
        of_its_class = [one for one in inner if type(value) in {one, get_origin(one)}]
        found = [[*_misfits(value, one, where)] for one in of_its_class or inner]
        yield from min(found, key=len)
    elif origin is list and isinstance(value, list):
        for number, one in enumerate(value):
            yield from _misfits(one, inner[0], f"{where}[{number}]")
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from _misfits(one, inner[1], f"{where}.{key}")
    elif not _fits(value, hint):
        yield f"{where}: {value!r} is not of {hint}"
    elif type(value).__module__.startswith("grafana_foundation_sdk.models"):
        for name, of in get_type_hints(type(value)).items():
            yield from _misfits(getattr(value, name), of, f"{where}.{name}")


def _fits(value: Any, hint: Any) -> bool:
    if hint in {object, Any}:
        return True
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if not isinstance(hint, type):
        return False
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    if issubclass(hint, Enum):  # which the SDK reads as they are
        return value in {one.value for one in hint}
    return isinstance(value, int | float if hint is float else hint)
