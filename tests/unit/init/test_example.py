"""Examples of schemas: readable, valid, and the same each time."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.init.document import References
from harness.init.example import ExampleMaker
from harness.init.model import CannotCall, Unique

DOCUMENT = {
    "components": {
        "schemas": {
            "Colour": {"type": "string", "enum": ["red", "green"]},
            "Car": {
                "type": "object",
                "required": ["colour"],
                "properties": {"colour": {"$ref": "#/components/schemas/Colour"}},
            },
            "Loop": {"$ref": "#/components/schemas/Loop"},
            "Tree": {
                "type": "object",
                "required": ["child"],
                "properties": {"child": {"$ref": "#/components/schemas/Tree"}},
            },
            "a/b": {"const": 7},
        }
    }
}


def example(schema: Any, name: str = "", *, unique: bool = False) -> Any:
    return ExampleMaker(References(DOCUMENT)).value(schema, name, unique=unique)


@pytest.mark.parametrize(
    ("schema", "name", "expected"),
    [
        ({"type": "string", "example": "shown", "default": "other"}, "", "shown"),
        ({"type": "string", "examples": ["first", "second"]}, "", "first"),
        ({"type": "integer", "default": 7}, "", 7),
        ({"const": "fixed"}, "", "fixed"),
        ({"enum": [None, "b"]}, "", "b"),
        ({"type": ["null", "integer"]}, "", 1),
        ({"type": "string", "nullable": True}, "title", "An example"),
        ({"type": "string", "format": "date-time"}, "", "2026-01-31T12:00:00Z"),
        ({"type": "string", "format": "email"}, "", "ada@example.com"),
        ({"type": "string"}, "firstName", "Ada"),
        ({"type": "string", "maxLength": 3}, "city", "Lon"),
        ({"type": "string", "minLength": 12}, "", "examplexxxxx"),
        ({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{3}$"}, "", "ABC-123"),
        ({"type": "integer", "minimum": 5}, "", 5),
        ({"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4}, "", 8),
        ({"type": "integer", "minimum": 5, "exclusiveMinimum": True}, "", 6),
        ({"type": "integer", "maximum": -3}, "", -3),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "", 0.5),
        ({"type": "integer", "maximum": 100}, "limit", 20),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "", [1, 1]),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True},
            "",
            [1, 2],
        ),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, "", True),
        ({"oneOf": [{"$ref": "#/nowhere"}, {"type": "integer"}]}, "", 1),
        ({"$ref": "#/components/schemas/Car"}, "", {"colour": "red"}),
        ({"$ref": "#/components/schemas/a~1b"}, "", 7),
        (
            {
                "allOf": [{"$ref": "#/components/schemas/Car"}],
                "required": ["doors"],
                "properties": {"doors": {"type": "integer"}},
            },
            "",
            {"colour": "red", "doors": 1},
        ),
        (
            {
                "required": ["id", "name"],
                "properties": {"id": {"readOnly": True}, "name": {}, "size": {"example": 3}},
            },
            "",
            {"name": "Example", "size": 3},
        ),
        ({}, "", "example"),
        (True, "", "example"),
    ],
)
def test_example_of_a_schema(schema: Any, name: str, expected: Any) -> None:
    assert example(schema, name) == expected


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Loop"}, "leads to itself"),
        ({"$ref": "#/components/schemas/Tree"}, "contains itself"),
        ({"$ref": "#/components/schemas/None"}, "is not in the document"),
        ({"$ref": "https://example.com/a.json"}, "in another document: https://example.com/a.json"),
        (False, "accepts nothing"),
        ({"type": "integer", "minimum": 2, "maximum": 1}, "no number keeps"),
        ({"type": "string", "pattern": "(?P<a"}, "no text can be made for the pattern"),
        ({"type": "string", "pattern": "a{9000}"}, "no text can be made for the pattern"),
        ({"type": "string", "minLength": 1, "maxLength": 0}, "limits that no text keeps"),
        ({"type": "string", "minLength": 10**9}, "a text of 1000000000 characters"),
        ({"type": "array", "items": {}, "minItems": 10**9}, "an array of 1000000000 items"),
        (
            {"type": "array", "items": {"enum": ["a"]}, "minItems": 2, "uniqueItems": True},
            "different items",
        ),
    ],
)
def test_schema_without_an_example_says_why(schema: Any, words: str) -> None:
    with pytest.raises(CannotCall, match=words):
        example(schema)


def test_optional_part_that_contains_itself_is_left_out() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Tree"}}}
    assert example(node) == {}


def test_wide_schema_ends() -> None:
    wide: Any = {"type": "integer"}
    for _ in range(11):
        wide = {
            "type": "object",
            "required": list("abcd"),
            "properties": dict.fromkeys("abcd", wide),
        }
    with pytest.raises(CannotCall, match="too large"):
        example(wide)


@pytest.mark.parametrize(
    ("schema", "name", "expected"),
    [
        ({"format": "email"}, "contact", Unique("ada.", "@example.com")),
        ({"format": "email", "example": "a@b.com"}, "", Unique("a.", "@b.com")),
        ({"type": "string"}, "userName", Unique("ada-")),
        ({"type": "string", "maxLength": 10}, "slug", Unique("ex")),
        ({"type": "string", "maxLength": 5}, "slug", "examp"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "slug", "example"),
        ({"format": "uuid"}, "id", Unique(uuid=True)),
        ({"enum": ["a"]}, "slug", "a"),
        ({"example": {"email": "a@b.com", "n": 1}}, "", {"email": Unique("a.", "@b.com"), "n": 1}),
    ],
)
def test_text_that_is_usually_unique_differs_in_each_creation(
    schema: Any, name: str, expected: Any
) -> None:
    assert example(schema, name, unique=True) == expected


@pytest.mark.parametrize("shown", [float("nan"), {1: 2}, object()], ids=["nan", "key", "object"])
def test_example_that_is_not_json_is_not_used(shown: object) -> None:
    assert example({"type": "integer", "example": shown}) == 1


def test_example_that_aliases_make_huge_is_not_used() -> None:
    huge: Any = ["x"] * 9
    for _ in range(7):
        huge = [huge] * 9
    assert example({"type": "integer", "example": huge}) == 1


def test_patch_changes_something() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/nowhere"}, "b": {"type": "integer"}},
    }
    assert ExampleMaker(References({})).patch(schema) == {"b": 1}


LIMITS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.integers(-50, 50),
        "maximum": st.integers(-50, 50),
        "exclusiveMinimum": st.integers(-50, 50),
        "exclusiveMaximum": st.integers(-50, 50),
        "multipleOf": st.sampled_from([1, 2, 3, 5]),
    },
)
TEXTS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 20),
        "maxLength": st.integers(0, 30),
        "pattern": st.sampled_from(["^[a-f]{2,4}$", r"\d+", "^(x|yy)z$", "[A-Z][a-z]+", "^A.B$"]),
    },
)
VALID = st.recursive(
    LIMITS | TEXTS | st.just({"type": "boolean"}) | st.just({"enum": ["a", 1]}),
    lambda inner: (
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
                "required": st.lists(st.sampled_from("abc"), max_size=3, unique=True),
                "minProperties": st.integers(0, 3),
            },
        )
        | st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 3), "uniqueItems": st.booleans()},
        )
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
    ),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(VALID)
def test_example_is_valid(schema: Any) -> None:
    try:
        made = example(schema, "name")
    except CannotCall:
        return
    jsonschema.Draft202012Validator(schema).validate(made)
