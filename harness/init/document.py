"""The text of an OpenAPI document to a value, and the references inside of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import yaml

from harness.errors import UsageError
from harness.init.model import CannotCall

MOST_BYTES: Final = 16 * 2**20
_ANOTHER: Final = "name another document, or use --har, --access-log or --path"
_MOST_HOPS: Final = 32  # references that lead to another reference
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(data: bytes, source: str) -> Mapping[str, Any]:
    """Read an OpenAPI 3 or Swagger 2 document in JSON or YAML.

    Args:
        data: The content.
        source: The file or URL, for messages.

    Raises:
        UsageError: It is not such a document, or has no paths.
    """
    if len(data) > MOST_BYTES:
        raise UsageError(
            f"{source} has more than {MOST_BYTES >> 20} MiB",
            "reduce it to the paths that the load test needs",
        )
    document = _parsed(data, source)
    if not is_document(document):
        raise UsageError(
            f"{source} is not an OpenAPI document: it has no `openapi: 3...` and no `swagger: 2.0`",
            "name the document with --openapi, or use --har, --access-log or --path",
        )
    paths = document.get("paths")
    if not isinstance(paths, Mapping) or not paths:
        raise UsageError(f"{source} has no paths", _ANOTHER)
    return document


def is_document(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is an OpenAPI 3 or Swagger 2 document."""
    if not isinstance(value, Mapping):
        return False
    version = value.get("openapi", value.get("swagger"))
    return str(version).startswith("3." if "openapi" in value else "2")


def _parsed(data: bytes, source: str) -> Any:
    text = data.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except ValueError as error:
        if text.lstrip().startswith("{"):
            raise UsageError(f"{source} is not JSON: {error}", _ANOTHER) from error
    except RecursionError as error:
        raise UsageError(f"{source} is nested too deeply", _ANOTHER) from error
    try:
        return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        place = str(error).replace("\n", " ")
        raise UsageError(f"{source} is neither JSON nor YAML: {place}", _ANOTHER) from error
    except RecursionError as error:
        raise UsageError(f"{source} is nested too deeply", _ANOTHER) from error


class References:
    """The references of a document (`$ref: "#/..."`).

    Args:
        document: The whole document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def follow(self, node: Any) -> Any:
        """A node, or the node that its reference leads to.

        Raises:
            CannotCall: The reference leads out of the document, nowhere, or to itself.
        """
        for _ in range(_MOST_HOPS):
            if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
                return node
            node = self._target(node["$ref"])
        raise CannotCall("a $ref of its document leads to itself")

    def mapping(self, node: Any) -> Mapping[str, Any]:
        """As `follow`; an empty mapping for a node of another type."""
        found = self.follow(node)
        return found if isinstance(found, Mapping) else {}

    def _target(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise CannotCall(f"its schema is in another document: {reference}")
        node: Any = self._document
        for part in filter(None, reference.removeprefix("#").split("/")):
            key = part.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")
            if isinstance(node, Mapping) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                raise CannotCall(f"{reference} is not in the document")
        return node
