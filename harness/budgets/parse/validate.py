"""Validates a file against the schema, and reports the differences in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harness.budgets.parse.indicators import KINDS
from harness.budgets.parse.problems import Place, Problems, closest, listed, look_alike
from harness.budgets.parse.schema import FileSpec
from harness.budgets.parse.yaml_reader import Value

_EXPECTED = {
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "string_type": "one value",
    "union_tag_not_found": "a name or a mapping",
}


def shaped(document: dict[str, Value], problems: Problems) -> FileSpec:
    """The file as typed specs.

    Invalid entries are reported and left out, so that the rest of the file is checked as well and
    all problems are reported at once.

    Args:
        document: The result of `yaml_reader.read`.
        problems: Takes unknown keys, missing keys, wrong types and values out of range.
    """
    first = True
    while True:
        try:
            return FileSpec.model_validate(document)
        except ValidationError as error:
            for details in error.errors():
                owner, place = _locate(details["loc"])
                if first:  # later rounds only report what the removal has caused
                    _report(details, owner, place, problems)
                missing = details["type"] in {"missing", "union_tag_not_found"}
                parent = missing and place[-1:] != () and not _exists(document, place)
                _remove(document, place[:-1] if parent else place)
            first = False


def _report(
    details: ErrorDetails, owner: type[BaseModel] | None, place: Place, problems: Problems
) -> None:
    kind, key = details["type"], str(place[-1])
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _keys(owner)
        meant = look_alike(key) + closest(key, allowed)
        if key == "where" and "of" in allowed:
            meant = "it belongs to a metric: `of: {metric: NAME, where: {LABEL: VALUE}}`; "
        text = f"unknown key; {meant}allowed: {', '.join(allowed)}"
    elif kind == "missing":
        if problems.within(place):
            return
        description = _description(owner, key)
        text = f"is missing: {description[:1].lower()}{description[1:]}"
    elif kind in {"union_tag_invalid", "union_tag_not_found"} and "kind" in str(
        context.get("discriminator")
    ):
        _report_kind(details["input"], place, problems)
        return
    elif kind == "literal_error":
        options = re.findall(r"'([^']*)'", context["expected"])
        text = _not_one_of(details["input"], options)
    elif kind == "value_error":
        text = str(context["error"])
    elif kind in {"too_short", "string_too_short"}:
        text = "is empty; give it a value or remove the key"
    else:
        text = f"expected {_EXPECTED.get(kind, details['msg'])}, found {_shown(details['input'])}"
    problems.add(place, text)


def _report_kind(indicator: object, place: Place, problems: Problems) -> None:
    kind = indicator.get("kind") if isinstance(indicator, dict) else None
    where = (*place, "kind")
    if isinstance(kind, str):
        problems.add(where, f"unknown kind; {closest(kind, KINDS)}allowed: {', '.join(KINDS)}")
    elif not problems.within(where):
        found = "is missing" if kind is None else f"expected one word, found {_shown(kind)}"
        problems.add(where, f"{found}; allowed: {', '.join(KINDS)}")


def _not_one_of(value: object, options: list[str]) -> str:
    if not isinstance(value, str):
        return f"expected {listed(options)}, found {_shown(value)}"
    return f'"{value}" is not allowed; {closest(value, options)}write {listed(options)}'


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f'"{value}"'


def _keys(owner: type[BaseModel] | None) -> list[str]:
    fields = owner.model_fields if owner else {}
    return [field.alias or name for name, field in fields.items()]


def _description(owner: type[BaseModel] | None, key: str) -> str:
    fields = owner.model_fields if owner else {}
    return next((f.description or "" for name, f in fields.items() if key in {f.alias, name}), "")


def _locate(location: tuple[str | int, ...]) -> tuple[type[BaseModel] | None, Place]:
    """The model that holds the last step of an error's location, and the place in the file.

    Pydantic puts the tag of the chosen member of a union into the location; the file has no such
    step, so the walk follows the types and leaves tags out.
    """
    owner: type[BaseModel] | None = None
    place: Place = ()
    kind: object = FileSpec
    for step in location:
        kind = _bare(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            owner = kind
            place = (*place, step)
            fields = kind.model_fields.items()
            kind = next((f.annotation for n, f in fields if step == (f.alias or n)), None)
        elif get_origin(kind) in {dict, list}:
            place = (*place, step)
            kind = get_args(kind)[-1]
        else:
            kind = KINDS.get(str(step)) or _tagged(kind, step)
    return owner, place


def _bare(kind: object) -> object:
    """A type without its annotations and without `| None`."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in {Union, UnionType} and type(None) in get_args(kind):
            members = tuple(m for m in get_args(kind) if m is not type(None))
            kind = Union[members]  # noqa: UP007  (a union of members known only now)
        else:
            return kind


def _tagged(union: object, tag: str | int) -> object:
    for member in get_args(union):
        if any(getattr(mark, "tag", None) == tag for mark in get_args(member)[1:]):
            return member
    return None


def _exists(document: Value, place: Place) -> bool:
    for step in place:
        if isinstance(document, dict) and step in document:
            document = document[str(step)]
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return False
    return True


def _remove(document: dict[str, Value], place: Place) -> None:
    """Take a key out; a list goes as a whole, because its other items would change their index."""
    parent: Value = document
    for step, following in zip(place, (*place[1:], None), strict=True):
        if not isinstance(parent, dict) or step not in parent:
            return
        if following is None or isinstance(following, int):
            del parent[str(step)]
            return
        parent = parent[str(step)]
