"""Where the ids are in the answers of a service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.init.functions import singular, snake
from harness.init.model import PARAMETER, IdShape

_LISTS: Final = (
    *("items", "data", "results", "content", "records", "rows", "entries", "value", "values"),
    *("list", "objects", "hits", "docs", "_embedded", "member", "hydra:member"),
)
_KEYS: Final = ("id", "uuid", "_id", "pk", "guid")
_WORDS: Final = ("name", "slug", "code", "key")
_LONGEST: Final = 200  # characters of an id
_MOST: Final = 100  # ids of one answer


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
