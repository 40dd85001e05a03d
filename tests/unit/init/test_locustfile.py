"""The locustfile that is written: goldens, and what holds for every document."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.init.functions import function_name
from harness.init.locustfile import locustfile_text
from harness.init.model import Answered, Selection
from harness.init.operations import read_operations
from harness.init.select import select
from tests.unit.init.documents import CONTACTS, Service, contacts, fastapi, nested, swagger_2
from tests.unit.report.golden import GOLDEN, check_golden

VARIABLES = {"API_KEY", "API_TOKEN", "API_USERNAME", "API_PASSWORD"}
CASES = {
    "fastapi": (fastapi, False),
    "fastapi_writes": (fastapi, True),
    "swagger_2_writes": (swagger_2, True),
    "nested_writes": (nested, True),
    "contacts_writes": (contacts, True),
}


def selected(document: dict[str, Any], *, writes: bool) -> Selection:
    return select(
        *(read_operations(document), Service(CONTACTS)),
        writes=writes,
        environment=VARIABLES,
        source="openapi.json",
    )


def written(document: dict[str, Any], *, writes: bool) -> str:
    selection = selected(document, writes=writes)
    return locustfile_text(selection, "shop", "scenarios/load.py", "http://127.0.0.1:8000")


@pytest.mark.parametrize("name", CASES)
def test_locustfile_is_the_golden(name: str) -> None:
    make, writes = CASES[name]
    check_golden(GOLDEN / "init" / f"{name}.py.txt", written(make(), writes=writes))


def test_locustfile_is_as_the_formatter_and_the_linter_want_it(tmp_path: Path) -> None:
    for name, (make, writes) in CASES.items():
        (tmp_path / f"{name}.py").write_text(written(make(), writes=writes))
    for command in (["format", "--diff"], ["check", "--select", "E4,E7,E9,F,I,B,SIM,UP,A"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


class _User:
    """Stands for `FastUser`: keeps the paths that a task asks for."""

    def __init__(self) -> None:
        self.client = self
        self.paths: list[str] = []

    def get(self, path: str, **_: Any) -> None:
        self.paths.append(path)


def test_values_of_a_path_are_sent_as_the_document_has_them() -> None:
    """Also values with a comma, for whose list a line is too short, and with signs of URLs."""
    values = ["Korea, Republic of", "Congo, The Democratic Republic of the", "a/b?c", "100%", "ü"]
    schema = {"type": "string", "enum": values}
    parameter = {"name": "name", "in": "path", "required": True, "schema": schema}
    document = {
        "openapi": "3.0.0",
        "paths": {"/countries/{name}": {"get": {"parameters": [parameter]}}},
    }
    operations = read_operations(document)
    found = select(
        *(operations, lambda *_: Answered(200)),
        writes=False,
        environment=(),
        source="openapi.json",
    )
    text = locustfile_text(found, "shop", "scenarios/load.py", "http://127.0.0.1:8000")
    tree = ast.parse(text)
    tree.body = [one for one in tree.body if not _imports_locust(one)]
    scope = {"FastUser": _User, "between": max, "task": lambda _: lambda function: function}
    exec(compile(tree, "load.py", "exec"), scope)
    user: Any = scope["Visitor"]
    visitor = user()
    for _ in range(200):
        getattr(visitor, operations[0].function)()
    assert {unquote(one.removeprefix("/countries/")) for one in visitor.paths} == set(values)
    assert all(re.fullmatch(r"/countries/[\w%.-]+", one, re.ASCII) for one in visitor.paths)


def _imports_locust(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module in {"harness", "locust"}


def test_same_document_gives_the_same_text() -> None:
    assert written(nested(), writes=True) == written(nested(), writes=True)


@pytest.mark.parametrize(
    ("method", "path", "identifier", "name"),
    [
        ("get", "/items", "list_items_items_get", "list_items"),  # FastAPI
        ("get", "/items/{item_id}", "get_item_items__item_id__get", "get_item"),
        ("get", "/items", "ItemsListItems", "list_items"),  # Litestar
        ("get", "/items/{item_id}", "ItemsItemIdReadItem", "read_item"),
        ("get", "/companies", "list_companies", "list_companies"),
        ("get", "/users", "users_list", "users_list"),
        ("get", "/users", "usersGetAll", "users_get_all"),
        ("get", "/users/{id}", "", "get_users_id"),
        ("get", "/", "", "get_root"),
        ("post", "/2fa", "2fa", "post_2fa"),
    ],
)
def test_name_of_a_function_has_what_people_call_the_operation(
    method: str, path: str, identifier: str, name: str
) -> None:
    assert function_name(method, path, identifier) == name


def called_methods(text: str) -> set[str]:
    """The methods of the client that a locustfile calls."""
    return {
        node.func.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "client"
    }


NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "odd"]),
            "format": st.sampled_from(["email", "uuid", "date", "odd"]),
            "example": NAMES | st.integers() | st.floats() | st.none(),
            "enum": st.lists(NAMES | st.integers(), max_size=3),
            "pattern": NAMES,
            "minLength": st.integers(-1, 30),
            "$ref": st.sampled_from(["#/components/schemas/A", "#/nowhere", "other.yaml#/A"]),
        },
    )
    | NAMES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array"]),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, max_size=2),
            "items": inner,
            "oneOf": st.lists(inner, max_size=2),
            "allOf": st.lists(inner, max_size=2),
        },
    ),
    max_leaves=6,
)
OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "operationId": NAMES,
        "summary": NAMES,
        "parameters": st.lists(
            st.fixed_dictionaries(
                {
                    "name": NAMES | st.sampled_from(["id", "self", "item_id"]),
                    "in": st.sampled_from(["query", "path", "header", "cookie", "odd"]),
                    "schema": SCHEMAS,
                },
                optional={"required": st.booleans(), "example": NAMES},
            ),
            max_size=3,
        ),
        "requestBody": st.builds(
            lambda schema, kind: {"content": {kind: {"schema": schema}}},
            SCHEMAS,
            st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/x"]),
        ),
        "security": st.sampled_from([[], [{"key": []}], [{"key": [], "odd": []}], [{}]]),
    },
)
PATHS = st.sampled_from(["/", "/items", "/items/{id}", "/items/{id}/{self}", '/q"{item_id}.x'])
DOCUMENTS = st.builds(
    lambda paths, schema: {
        "openapi": "3.1.0",
        "paths": paths,
        "components": {
            "schemas": {"A": schema},
            "securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "k"}},
        },
    },
    st.dictionaries(
        PATHS | NAMES.map(lambda name: f"/{name}"),
        st.dictionaries(st.sampled_from(["get", "post", "put", "patch", "delete"]), OPERATIONS),
        max_size=4,
    ),
    SCHEMAS,
)


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_any_document_gives_a_locustfile_that_writes_only_with_writes(
    document: dict[str, Any], writes: bool
) -> None:
    selection = selected(document, writes=writes)
    if not selection.tasks:
        return
    text = locustfile_text(selection, "shop", "scenarios/load.py", "http://127.0.0.1:8000")
    compile(text, "load.py", "exec")
    if not writes:
        assert called_methods(text) <= {"get", "head"}
