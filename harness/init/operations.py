"""An OpenAPI 3 or Swagger 2 document to operations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from harness.init.document import References
from harness.init.example import ExampleMaker
from harness.init.functions import NameSpace, function_name
from harness.init.model import (
    METHODS,
    PARAMETER,
    Argument,
    ArgumentPlace,
    CannotCall,
    Operation,
    RequestBody,
)
from harness.init.security import Security

_PLACES: Final[dict[str, ArgumentPlace]] = {
    "path": "path",
    "query": "query",
    "header": "header",
    "cookie": "cookie",
}
_OWN_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = re.compile(r"application/([\w.+-]+\+)?json(;.*)?|\*/\*")


def read_operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of a document, in its order; also those that cannot be called."""
    return list(_Reader(document).read())


def prefix_of(document: Mapping[str, Any]) -> str:
    """The path before all paths of a document, without a slash at its end."""
    if "swagger" in document:
        base = document.get("basePath")
        return "" if not isinstance(base, str) else base.rstrip("/")
    servers = document.get("servers")
    server = servers[0] if isinstance(servers, list) and servers else {}
    url = server.get("url") if isinstance(server, Mapping) else None
    if not isinstance(url, str):
        return ""
    variables = server.get("variables")
    for name, variable in variables.items() if isinstance(variables, Mapping) else ():
        default = variable.get("default") if isinstance(variable, Mapping) else ""
        url = url.replace(f"{{{name}}}", str(default))
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""
    return path if path.startswith("/") else ""


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._references = References(document)
        self._examples = ExampleMaker(self._references)
        self._prefix = prefix_of(document)
        self._security = Security(document, self._references, self._prefix)
        self._names = NameSpace()

    def read(self) -> Iterator[Operation]:
        for path, item in self._document["paths"].items():
            if not isinstance(path, str) or not path.startswith("/"):
                continue
            try:
                found = self._references.mapping(item)
            except CannotCall as error:
                yield Operation("get", f"{self._prefix}{path}", "call", problem=str(error))
                continue
            for method in METHODS:
                if isinstance(found.get(method), Mapping):
                    yield self._operation(path, method, found, found[method])

    def _operation(
        self, path: str, method: str, item: Mapping[str, Any], node: Mapping[str, Any]
    ) -> Operation:
        identifier = node.get("operationId")
        identifier = identifier if isinstance(identifier, str) else ""
        function = self._names.take(function_name(method, path, identifier))
        whole = f"{self._prefix}{path}"
        try:
            arguments, body = self._inputs(path, method, item, node)
            credentials = self._security.credentials(node)
        except CannotCall as error:
            return Operation(method, whole, function, _summary(node), problem=str(error))
        problem = "it is deprecated" if node.get("deprecated") is True else ""
        if any("event-stream" in kind for kind in self._answers(node)):
            problem = "its answer is an endless stream of events"
        return Operation(
            *(method, whole, function, _summary(node), arguments, body, credentials, problem)
        )

    def _answers(self, node: Mapping[str, Any]) -> Iterator[str]:
        """Media types of the answers."""
        produces = node.get("produces")
        yield from map(str, produces if isinstance(produces, list) else ())
        responses = node.get("responses")
        for status, response in responses.items() if isinstance(responses, Mapping) else ():
            content = response.get("content") if isinstance(response, Mapping) else None
            if str(status).startswith("2") and isinstance(content, Mapping):
                yield from map(str, content)

    def _inputs(
        self, path: str, method: str, item: Mapping[str, Any], node: Mapping[str, Any]
    ) -> tuple[tuple[Argument, ...], RequestBody | None]:
        """The arguments and the body of an operation.

        Raises:
            CannotCall: No value can be made for what the operation requires.
        """
        parameters = {}
        for part in [*_list(item.get("parameters")), *_list(node.get("parameters"))]:
            parameter = self._references.mapping(part)
            parameters[str(parameter.get("in")), str(parameter.get("name"))] = parameter
        arguments = [
            argument
            for (place, name), parameter in parameters.items()
            if (argument := self._argument(place, name, parameter)) is not None
        ]
        known = {one.name for one in arguments if one.place == "path"}
        unknown = (name for name in PARAMETER.findall(path) if name not in known)
        arguments += (Argument("path", name, ()) for name in unknown)
        body = self._body(method, node) or self._swagger_body(method, parameters)
        return tuple(arguments), body

    def _argument(self, place: str, name: str, parameter: Mapping[str, Any]) -> Argument | None:
        """An argument that is sent; None for one that may be left out."""
        if place not in _PLACES or (place == "header" and name.lower() in _OWN_HEADERS):
            return None
        content = parameter.get("content")
        shown = "example" in parameter or bool(parameter.get("examples"))
        schema = parameter.get("schema", parameter)
        if not shown and isinstance(schema, Mapping):
            found = self._references.mapping(schema)
            shown = "example" in found or bool(found.get("examples"))
        if place != "path" and not parameter.get("required") and not shown:
            return None
        if isinstance(content, Mapping) and content:
            raise CannotCall(f"its parameter {name} is not a plain value")
        if place == "path":
            return Argument("path", name, self._path_values(name, parameter, schema, shown=shown))
        return Argument(_PLACES[place], name, (self._shown(parameter, schema, name),))

    def _path_values(
        self, name: str, parameter: Mapping[str, Any], schema: Any, *, shown: bool
    ) -> tuple[Any, ...]:
        """Values of a parameter of the path; none where only the service knows which exist."""
        found = self._references.mapping(schema)
        values = found.get("enum")
        if isinstance(values, list) and values:
            return tuple(one for one in values if isinstance(one, str | int) and one != "")[:10]
        whole = found.get("type") in {"integer", "number"}
        if not (shown or whole or "default" in found or "const" in found):
            return ()
        value = self._shown(parameter, schema, name)
        return (value,) if isinstance(value, str | int | float) and value != "" else ()

    def _shown(self, parameter: Mapping[str, Any], schema: Any, name: str) -> Any:
        """The example of a parameter itself, else a value for its schema."""
        examples = parameter.get("examples")
        given = parameter.get("example")
        if given is None and isinstance(examples, Mapping):
            given = self._first(examples)
        return self._examples.value({"example": given} if given is not None else schema, name)

    def _body(self, method: str, node: Mapping[str, Any]) -> RequestBody | None:
        """The body as OpenAPI 3 describes it."""
        described = self._references.mapping(node.get("requestBody"))
        content = described.get("content")
        if not isinstance(content, Mapping) or not content:
            return None
        for media, part in content.items():
            kind = "json" if _JSON.fullmatch(str(media)) else "form" if media == _FORM else None
            if kind is not None:
                described_part = self._references.mapping(part)
                given = self._example_of(described_part)
                schema = {"example": given} if given is not None else described_part.get("schema")
                return self._made_body(method, kind, schema)
        if described.get("required") is True or method in {"post", "put", "patch"}:
            raise CannotCall(f"its body is {', '.join(map(str, content))}, which is not generated")
        return None

    def _example_of(self, part: Mapping[str, Any]) -> Any:
        examples = part.get("examples")
        if part.get("example") is not None or not isinstance(examples, Mapping):
            return part.get("example")
        return self._first(examples)

    def _first(self, examples: Mapping[str, Any]) -> Any:
        """The value of the first of several named examples."""
        return next((self._references.mapping(one).get("value") for one in examples.values()), None)

    def _swagger_body(
        self, method: str, parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    ) -> RequestBody | None:
        """The body as Swagger 2 describes it, among the parameters."""
        form = {}
        for (place, name), parameter in parameters.items():
            if place == "body":
                return self._made_body(method, "json", parameter.get("schema", {}))
            if place == "formData" and parameter.get("type") == "file":
                raise CannotCall("its body is a file, which is not generated")
            if place == "formData" and parameter.get("required"):
                form[name] = self._examples.value(parameter, name)
        return RequestBody("form", form) if form else None

    def _made_body(self, method: str, kind: str, schema: Any) -> RequestBody:
        if method in {"patch", "put"}:
            value = self._examples.patch(schema)
        else:
            value = self._examples.value(schema, unique=method == "post")
        if kind == "form" and not isinstance(value, dict):
            raise CannotCall("its body is a form without fields")
        return RequestBody("json" if kind == "json" else "form", value)


def _summary(node: Mapping[str, Any]) -> str:
    for key in ("summary", "description"):
        if isinstance(node.get(key), str) and node[key].strip():
            return " ".join(str(node[key]).split())
    return ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
