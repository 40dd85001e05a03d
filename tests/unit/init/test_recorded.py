"""Operations from a HAR, an access log and paths."""

import json
from typing import Any

import pytest

from harness.errors import UsageError
from harness.init.model import Argument, RequestBody
from harness.init.recorded import (
    access_log_operations,
    har_operations,
    path_operations,
    templated,
)

URL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/items/7", ("/items/{item_id}", [("item_id", "7")])),
        ("/a/1/b/2", ("/a/{a_id}/b/{b_id}", [("a_id", "1"), ("b_id", "2")])),
        ("/1/2", ("/{some_id}/{some_id_2}", [("some_id", "1"), ("some_id_2", "2")])),
        (
            "/x/3f2504e0-4f89-11d3-9a0c-0305e82c3301/y",
            ("/x/{x_id}/y", [("x_id", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")]),
        ),
        ("/x/5f43a1b2c3d4e5f6a7b8c9d0", ("/x/{x_id}", [("x_id", "5f43a1b2c3d4e5f6a7b8c9d0")])),
        ("/v1/about-us", ("/v1/about-us", [])),
        ("/odd/{x}", ("/odd/%7Bx%7D", [])),
    ],
)
def test_ids_in_a_path_become_parameters(path: str, expected: Any) -> None:
    assert templated(path) == expected


LOG = b"""\
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /items/1 HTTP/1.1" 200 12
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /items/2 HTTP/1.1" 200 12 "-" "curl/8"
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /items?limit=3 HTTP/1.1" 200 12
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /missing HTTP/1.1" 404 12
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "GET /app.js HTTP/1.1" 200 12
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "POST /items HTTP/1.1" 201 12
127.0.0.1 - - [28/Nov/2026:10:00:00 +0000] "\\x16\\x03" 400 0
odd line
"""


def test_access_log_gives_what_succeeded_by_how_often_it_came() -> None:
    operations, source = access_log_operations(LOG, "access.log")
    assert source == "access.log"
    assert [(one.title, one.count, one.problem) for one in operations] == [
        ("GET /items/{item_id}", 2, ""),
        ("GET /items", 1, ""),
        ("POST /items", 1, "an access log does not have the bodies of requests"),
    ]
    assert operations[0].arguments == (Argument("path", "item_id", ("1", "2")),)
    assert operations[1].arguments == (Argument("query", "limit", ("3",)),)


def entry(method: str, url: str, kind: str = "application/json", **request: Any) -> dict[str, Any]:
    response = {"status": 200, "content": {"mimeType": kind}}
    return {"request": {"method": method, "url": url, **request}, "response": response}


def har(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def posted(text: str, kind: str = "application/json") -> dict[str, Any]:
    return {"postData": {"mimeType": kind, "text": text}}


def test_har_gives_the_calls_of_its_service() -> None:
    bearer: dict[str, Any] = {"headers": [{"name": "Authorization", "value": "Bearer private"}]}
    data = har(
        entry("GET", f"{URL}/api/items/7", **bearer),
        entry("GET", f"{URL}/logo.png", "image/png"),
        entry("GET", "https://cdn.example.com/x"),
        entry("POST", f"{URL}/api/items", **posted('{"name": "a"}')),
        entry("POST", f"{URL}/api/forms", **posted("a=1", "application/x-www-form-urlencoded")),
        entry("POST", f"{URL}/api/login", **posted('{"password": "private"}')),
        entry("POST", f"{URL}/api/files", **posted("", "multipart/form-data")),
    )
    operations, _ = har_operations(data, "a.har", URL)
    found = {one.title: one for one in operations}
    assert list(found) == [
        *("GET /api/items/{item_id}", "POST /api/items", "POST /api/forms", "POST /api/login"),
        "POST /api/files",
    ]
    assert found["GET /api/items/{item_id}"].credentials[0].variables == ("API_TOKEN",)
    assert found["POST /api/items"].body == RequestBody("json", {"name": "a"})
    assert found["POST /api/forms"].body == RequestBody("form", {"a": "1"})
    assert found["POST /api/login"].problem == "its body has a secret"
    assert (
        found["POST /api/files"].problem == "its body is multipart/form-data, which is not repeated"
    )
    assert "private" not in repr(operations)


def test_har_of_another_host_is_used_if_it_has_none_of_the_service() -> None:
    data = har(*[entry("GET", "https://shop.example.com/a")] * 2, entry("GET", "https://cdn.x/b"))
    operations, _ = har_operations(data, "a.har", URL)
    assert [one.title for one in operations] == ["GET /a"]


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"log": {"entries": 1}}', b"\xff"])
def test_file_that_is_no_har_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"a\.har is not a HAR"):
        har_operations(data, "a.har", URL)


@pytest.mark.parametrize("entries", [[], [{}], [{"request": {"url": "http://[", "method": "GET"}}]])
def test_har_without_a_call_is_refused(entries: list[dict[str, Any]]) -> None:
    with pytest.raises(UsageError, match=r"a\.har has no request"):
        har_operations(har(*entries), "a.har", URL)


def test_file_that_is_no_access_log_is_refused() -> None:
    with pytest.raises(UsageError, match="x has no line of an access log"):
        access_log_operations(b"a\nb\n", "x")


def test_paths_are_reads() -> None:
    (one,) = path_operations(["/items/7?limit=3"])
    assert (one.title, one.count) == ("GET /items/{item_id}", 0)
    with pytest.raises(UsageError, match="'items' is not a path"):
        path_operations(["items"])
