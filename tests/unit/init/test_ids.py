"""Where the ids are in an answer."""

from typing import Any

import pytest

from harness.init.ids import collection_of, ids_in, list_shape, object_shape, prefixes_of
from harness.init.model import IdShape

ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]


@pytest.mark.parametrize(
    ("document", "prefix", "shape", "ids"),
    [
        (ROWS, "/items/{id}", IdShape((), "id", many=True), [1, 2]),
        ({"items": ROWS}, "/items/{item_id}", IdShape(("items",), "id", many=True), [1, 2]),
        ({"data": {"rows": ROWS}}, "/x/{id}", IdShape(("data", "rows"), "id", many=True), [1, 2]),
        ({"tags": ["x"], "pets": ROWS}, "/pets/{id}", IdShape(("pets",), "id", many=True), [1, 2]),
        ([{"itemId": "u"}], "/items/{item_id}", IdShape((), "itemId", many=True), ["u"]),
        ([{"_id": "5f"}], "/items/{id}", IdShape((), "_id", many=True), ["5f"]),
        (ROWS, "/items/{name}", IdShape((), "name", many=True), ["a", "b"]),
        (ROWS, "/items/{item}", IdShape((), "id", many=True), [1, 2]),
        ([{"slug": "s", "id": 1}], "/posts/{slug}", IdShape((), "slug", many=True), ["s"]),
        (["a", "b"], "/names/{name}", IdShape((), None, many=True), ["a", "b"]),
        ([], "/items/{id}", None, []),
        ({"items": []}, "/items/{id}", None, []),
        ([{"id": None}], "/items/{id}", None, []),
        ([{"id": 1}, {}], "/items/{id}", None, []),
        ("text", "/items/{id}", None, []),
        (None, "/items/{id}", None, []),
    ],
)
def test_ids_of_a_list(document: Any, prefix: str, shape: IdShape | None, ids: list[Any]) -> None:
    assert list_shape(document, prefix) == shape
    assert shape is None or ids_in(document, shape) == ids


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        ({"id": 5}, IdShape((), "id", many=False)),
        ({"data": {"id": 5}}, IdShape(("data",), "id", many=False)),
        ({"item": {"item_id": 5}}, IdShape(("item",), "item_id", many=False)),
        ({"ok": True}, None),
        ([5], None),
    ],
)
def test_id_of_a_creation(document: Any, shape: IdShape | None) -> None:
    assert object_shape(document, "/items/{item_id}") == shape
    assert shape is None or ids_in(document, shape) == [5]


def test_answer_of_another_shape_has_no_ids() -> None:
    assert ids_in({"other": 1}, IdShape(("items",), "id", many=True)) == []


def test_collections_of_a_path() -> None:
    assert prefixes_of("/a/{x}/b/{y}/c") == ["/a/{x}", "/a/{x}/b/{y}"]
    assert prefixes_of("/files/{name}.json") == []
    assert collection_of("/a/{x}/b/{y}") == "/a/{x}/b"
    assert collection_of("/{id}") == "/"
