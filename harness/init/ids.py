"""Where the ids are in the answers of a service, and which fields of a body hold one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from harness.init.functions import singular, snake
from harness.init.model import (
    PARAMETER,
    IdPool,
    IdShape,
    Operation,
    ParameterPick,
    PooledId,
    Unique,
)

_LISTS: Final = (
    *("items", "data", "results", "content", "records", "rows", "entries", "value", "values"),
    *("list", "objects", "hits", "docs", "_embedded", "member", "hydra:member"),
)
_KEYS: Final = ("id", "uuid", "_id", "pk", "guid")
_WORDS: Final = ("name", "slug", "code", "key")
_LONGEST: Final = 200  # characters of an id
_MOST: Final = 100  # ids of one answer
_DEEPEST: Final = 5  # creations that need one another


def collection_of(prefix: str) -> str:
    """The path of the list of what a route template names: `/items` for `/items/{id}`."""
    return prefix[: prefix.rindex("{")].rstrip("/") or "/"


def prefixes_of(path: str) -> list[str]:
    """The route templates up to each parameter of a path that is a whole segment."""
    found = []
    for match in PARAMETER.finditer(path):
        before, after = path[: match.start()], path[match.end() :]
        if before.endswith("/") and (not after or after.startswith("/")):
            found.append(path[: match.end()])
    return found


def list_shape(document: Any, prefix: str) -> IdShape | None:
    """Where the answer of a list has the ids for the last parameter of a route template."""
    parameter = PARAMETER.findall(prefix)[-1]
    collection = collection_of(prefix).rpartition("/")[2]
    for members, items in _lists(document, collection):
        if key := _key_of(items, parameter, collection):
            return IdShape(members, key, many=True)
        if not members and items and all(_is_id(item) for item in items):
            return IdShape(members, None, many=True)
    return None


def object_shape(document: Any, prefix: str) -> IdShape | None:
    """Where the answer of a creation has the id for the last parameter of a route template."""
    parameter = PARAMETER.findall(prefix)[-1]
    collection = collection_of(prefix).rpartition("/")[2]
    if not isinstance(document, Mapping):
        return None
    for members in ((), ("data",), (singular(collection),), ("result",), ("item",)):
        found = _inner(document, members)
        if isinstance(found, Mapping) and (key := _key_of([found], parameter, collection)):
            return IdShape(members, key, many=False)
    return None


def ids_in(document: Any, shape: IdShape) -> list[Any]:
    """The ids of an answer; none where the answer has another shape."""
    found = _inner(document, shape.members)
    items = found if shape.many and isinstance(found, list) else [found]
    ids = [item if shape.key is None else _member(item, shape.key) for item in items]
    return [one for one in ids if _is_id(one)][:_MOST]


def has_list(document: Any) -> bool:
    """Whether an answer is a list, or has one."""
    return any(True for _ in _lists(document, ""))


def _inner(document: Any, members: tuple[str, ...]) -> Any:
    for member in members:
        document = _member(document, member)
    return document


def _member(document: Any, key: str) -> Any:
    return document.get(key) if isinstance(document, Mapping) else None


def _lists(document: Any, collection: str) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """The lists of an answer with the keys that lead there, the likely ones first."""
    if isinstance(document, list):
        yield (), document
    if not isinstance(document, Mapping):
        return
    known = [name for name in (collection, *_LISTS) if name in document]
    for name in dict.fromkeys([*known, *document]):
        if isinstance(document[name], list):
            yield (name,), document[name]
    for name in known:
        inner = document[name]
        if isinstance(inner, Mapping):
            for key in dict.fromkeys(one for one in (collection, *_LISTS, *inner) if one in inner):
                if isinstance(inner[key], list):
                    yield (name, key), inner[key]


def _key_of(items: list[Any], parameter: str, collection: str) -> str | None:
    """The key of the ids: the parameter's own name, then usual ones."""
    objects = [item for item in items if isinstance(item, Mapping)]
    if not objects or len(objects) != len(items):
        return None
    plain, noun = snake(parameter), singular(snake(collection))
    usual = (*_KEYS, *_WORDS) if re.search(r"(^|_)(id|uuid|pk|guid)$", plain) else (*_WORDS, *_KEYS)
    wanted = [plain, f"{noun}_{plain}", *usual]
    if plain == noun:
        wanted = [plain, *_KEYS, *_WORDS]
    keys = [key for key in objects[0] if all(_is_id(item.get(key)) for item in objects)]
    by_name = {snake(key) if key != "_id" else "_id": key for key in reversed(keys)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST
    return isinstance(value, int) and not isinstance(value, bool)


# --- ids of other resources in bodies -----------------------------------------------------------


class LinkedBody(NamedTuple):
    """An operation with ids of the service in its body.

    Attributes:
        picks: The pools of the ids.
        values: Of the ids, for one request.
    """

    operation: Operation
    picks: tuple[ParameterPick, ...] = ()
    values: Mapping[str, Any] = {}


class _IdField(NamedTuple):
    """A field of a body that holds the id of another resource.

    Attributes:
        keys: That lead to it.
        value: Of the document.
        prefixes: The route template of each resource that it can mean, e.g.
            `/companies/{company_id}`; a resource that has no such route gets one with the field.
    """

    keys: tuple[str, ...]
    value: Any
    prefixes: tuple[str, ...]


class BodyIds:
    """The fields of bodies that hold ids of what another operation lists or creates.

    They are known by name: `company_id` or `companyId`, and `company` for an integer or a UUID,
    where there is GET or POST `/companies`.

    Args:
        operations: What the service offers.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        of_paths = [prefix for one in operations for prefix in prefixes_of(one.path)]
        self._fields = {one.title: self._fields_of(one, of_paths) for one in operations}
        of_bodies = [p for found in self._fields.values() for one in found for p in one.prefixes]
        self.prefixes = tuple(dict.fromkeys([*of_paths, *of_bodies]))

    def order(self, operation: Operation) -> tuple[int, int]:
        """A sort key by which creations come after those whose ids they need."""
        return len(operation.parameters), self._rank(operation, 0)

    def notes(self, operation: Operation) -> tuple[str, ...]:
        """A sentence for each field that can mean several resources."""
        return tuple(
            f"{'.'.join(one.keys)} may be an id of {' or '.join(map(collection_of, one.prefixes))}:"
            " the value of the document is sent."
            for one in self._fields[operation.title]
            if len(one.prefixes) > 1
        )

    def linked(
        self,
        operation: Operation,
        of_path: Sequence[ParameterPick],
        first_id: Callable[[str], tuple[IdPool, Any] | None],
    ) -> LinkedBody:
        """The operation with ids of the service in its body.

        Args:
            operation: What is called.
            of_path: The parameters of its path; a field of the same name gets the same id.
            first_id: Finds the pool of a route template, and one id of it.
        """
        pooled = {name for pick in of_path if pick.pool is not None for name in pick.names}
        picks: dict[str, ParameterPick] = {}
        values: dict[str, Any] = {}
        body = operation.body
        for keys, value, prefixes in self._fields[operation.title]:
            name = keys[-1]
            if name not in pooled:
                found = first_id(prefixes[0]) if len(prefixes) == 1 else None
                if found is None or not _may_stand_for(value, found[1]):
                    continue
                values[name] = found[1]
                picks[name] = ParameterPick((name,), found[0])
            assert body is not None
            body = replace(body, value=_with_pooled_id(body.value, keys))
        return LinkedBody(replace(operation, body=body), tuple(picks.values()), values)

    def _fields_of(self, operation: Operation, templates: Sequence[str]) -> list[_IdField]:
        body = operation.body
        if body is None or not isinstance(body.value, Mapping):
            return []
        found = []
        for keys, noun, value in _named_ids(body.value, ()):
            prefixes = []
            for collection in _collections(noun, operation, self._operations):
                known = (one for one in templates if _is_item_of(one, collection))
                prefixes.append(next(known, f"{collection}/{{{keys[-1]}}}"))
            if keys[-1] in operation.parameters:
                prefixes = []  # only that parameter has the id
            if prefixes or keys[-1] in operation.parameters:
                found.append(_IdField(keys, value, tuple(prefixes)))
        return found

    def _rank(self, operation: Operation, depth: int) -> int:
        """How many creations, one after the other, give the ids in the body of an operation."""
        needed = {collection_of(p) for one in self._fields[operation.title] for p in one.prefixes}
        makers = [
            one
            for one in self._operations
            if one.method == "post" and one.path.rstrip("/") in needed
        ]
        deeper = [self._rank(one, depth + 1) for one in makers if depth < _DEEPEST]
        return max(deeper, default=-1) + 1


def _with_pooled_id(value: Any, keys: tuple[str, ...]) -> Any:
    """A body in which a field has the id of its name."""
    return {
        key: one
        if key != keys[0]
        else PooledId(key)
        if len(keys) == 1
        else _with_pooled_id(one, keys[1:])
        for key, one in value.items()
    }


def _may_stand_for(value: Any, found: Any) -> bool:
    """Whether an id of the service has the type of the document's value."""
    return isinstance(found, int) is isinstance(value, int) and _is_id(found)


def _named_ids(
    value: Mapping[str, Any], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """The fields whose names say that they hold an id: their keys, the noun, and their value."""
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from _named_ids(one, (*above, key))
        plain = snake(key)
        noun = plain.removesuffix("_id")
        whole = isinstance(one, int) and not isinstance(one, bool)
        if plain in _KEYS:
            continue  # of the resource itself
        if noun and (whole or _is_uuid(one) or (noun != plain and isinstance(one, str))):
            yield (*above, key), noun, one


def _is_uuid(value: Any) -> bool:
    if isinstance(value, Unique):
        return value.uuid
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def _collections(noun: str, operation: Operation, operations: Sequence[Operation]) -> list[str]:
    """The paths that list or create what a noun means; those beside the operation come first."""
    own = re.sub(r"/\{[^{}]+\}$", "", operation.path.rstrip("/"))
    paths = [one.path.rstrip("/") for one in operations if one.method in {"get", "post"}]
    found = [
        path
        for path in dict.fromkeys(paths)
        if "{" not in path and path != own and _noun_of(path) == noun
    ]
    beside = [one for one in found if one.rpartition("/")[0] == own.rpartition("/")[0]]
    return beside or found


def _noun_of(path: str) -> str:
    return singular(snake(path.rpartition("/")[2]))


def _is_item_of(prefix: str, collection: str) -> bool:
    return collection_of(prefix) == collection and len(PARAMETER.findall(prefix)) == 1
