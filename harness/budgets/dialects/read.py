"""The dialects of the package, from its data files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from harness.budgets.dialects.model import Dialect, MetricRole, RoleGroup, RolePattern

# libyaml reads ten times as fast; each command reads all files.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def dialects() -> Mapping[str, Dialect]:
    """All dialects by name, in the order of their names."""
    folder = files("harness.budgets.dialects").joinpath("data")
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda f: f.name
    )
    read = [
        dialect(yaml.load(file.read_text(encoding="utf-8"), _LOADER))  # noqa: S506 - a safe one
        for file in found
    ]
    return {one.name: one for one in read}


def dialect(document: Mapping[str, Any]) -> Dialect:
    """One dialect of a data file.

    Raises:
        ValueError: A role is unknown.
        TypeError: A key is unknown.
    """
    roles = {MetricRole(role): _pattern(one) for role, one in document["roles"].items()}
    families = {
        RoleGroup(group): tuple(starts) for group, starts in document.get("families", {}).items()
    }
    rest = {key: one for key, one in document.items() if key not in {"roles", "families"}}
    return Dialect(**rest, roles=roles, families=families)


def _pattern(document: Mapping[str, Any]) -> RolePattern:
    given: dict[str, Any] = dict(document)
    shapes = given.pop("shape")
    given["shapes"] = (shapes,) if isinstance(shapes, str) else tuple(shapes)
    for key in ("needs", "also"):
        given[key] = tuple(given.get(key, ()))
    labels = given.get("labels", {})
    given["labels"] = {
        meaning: (names,) if isinstance(names, str) else tuple(names)
        for meaning, names in labels.items()
    }
    return RolePattern(**given)
