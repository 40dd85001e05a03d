"""The budgets that were in force in a run, as text for its folder."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from harness.budgets.parse.yaml_reader import Value

SECTIONS = ("version", "service", "scenarios", "indicators", "budgets")
"""The sections that verdicts need."""
_HEADER = """\
# The budgets in force in this run: every ${VAR} is replaced by the value that it had then.
# `target`, `runbooks` and `selftest` are left out: no verdict needs them; they may hold secrets.
"""


def in_force(document: Mapping[str, Value]) -> str:
    """A budgets.yaml that gives the same budgets in any environment.

    It holds only the sections that verdicts need. So no secret of `target` (its command, its
    environment, its URL) is stored.

    Args:
        document: The sections of a valid file, as `yaml_reader.read` returns them.
    """
    needed = {name: _literal(document[name]) for name in SECTIONS if name in document}
    return _HEADER + yaml.safe_dump(needed, sort_keys=False, width=100)


def _literal(value: Value) -> Value:
    """A value in which no `${` is read as a variable."""
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return value.replace("${", "$${") if value else value
