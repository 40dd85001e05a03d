"""One call of Locust's client for an operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from harness.init.model import Argument, ArgumentPlace, Credential, Operation, Selection
from harness.init.python_text import CallText, DictText, Node, node, path_literal, text_literal


def place_of(credential: Credential) -> str:
    """The name of the variable that holds a credential."""
    start = "BASIC" if credential.kind == "basic" else "KEY" if credential.kind == "query" else ""
    if start:
        return start if credential.kind == "basic" else _named("KEY", credential)
    return "AUTH" if credential.kind in {"bearer", "password"} else _named("AUTH", credential)


def _named(start: str, credential: Credential) -> str:
    end = re.sub(r"[^A-Za-z0-9]+", "_", credential.scheme).strip("_").upper()
    return f"{start}_{end}" if end else start


def variables_of(selection: Selection) -> list[str]:
    """The environment variables that the locustfile reads."""
    credentials = (one for task in selection.tasks for one in task.operation.credentials)
    return list(dict.fromkeys(name for one in credentials for name in one.variables))


def call_of(operation: Operation, expressions: Mapping[str, str]) -> CallText:
    """The call of the client.

    Args:
        operation: What is called.
        expressions: The values of the path's parameters, as in `path_literal`.
    """
    path = path_literal(operation.path, expressions)
    arguments: list[tuple[str, Node]] = [("", path)]
    keys = [place_of(one) for one in operation.credentials if one.kind == "query"]
    params = _mapping(_values(operation, "query"), keys)
    if params is not None:
        arguments.append(("params", params))
    body = operation.body
    if body is not None:
        arguments.append(("json" if body.media == "json" else "data", node(body.value)))
    headers = _headers(operation)
    if headers is not None:
        arguments.append(("headers", headers))
    if any(one.kind == "basic" for one in operation.credentials):
        arguments.append(("auth", "BASIC"))
    if path != text_literal(operation.path) or params is not None:
        arguments.append(("name", text_literal(operation.path)))
    return CallText(f"self.client.{operation.method}", tuple(arguments))


def _values(operation: Operation, place: ArgumentPlace) -> list[tuple[str, Node]]:
    return [(text_literal(one.name), node(one.values[0])) for one in _of(operation, place)]


def _of(operation: Operation, place: ArgumentPlace) -> Iterable[Argument]:
    return (one for one in operation.arguments if one.place == place and one.values)


def _headers(operation: Operation) -> Node | None:
    own = [
        (text_literal(one.name), text_literal(_as_text(one.values[0])))
        for one in _of(operation, "header")
    ]
    cookies = [f"{one.name}={_as_text(one.values[0])}" for one in _of(operation, "cookie")]
    if cookies:
        own.append(('"Cookie"', text_literal("; ".join(cookies))))
    kinds = {"bearer", "password", "header", "cookie"}
    shared = [place_of(one) for one in operation.credentials if one.kind in kinds]
    return _mapping(list(own), shared)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(own: Iterable[tuple[str, Node]], shared: list[str]) -> Node | None:
    """A dictionary of own entries and of shared variables; None for an empty one."""
    entries = tuple(own)
    if not entries and len(shared) == 1:
        return shared[0]
    if not entries and not shared:
        return None
    return DictText((*(("**", name) for name in dict.fromkeys(shared)), *entries))
