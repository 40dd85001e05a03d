"""A URL that was parsed before has the parts, errors and redirects of geventhttpclient's."""

from collections.abc import Callable
from typing import Any

import pytest
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from geventhttpclient.useragent import CompatRequest

from harness.load.child.client.urls import KnownUrlRequest

URLS = [
    "http://shop.example",
    "http://shop.example/",
    "http://shop.example:8080/items?page=2&size=10#top",
    "https://user:secret@shop.example/a b/ü?q=a%2Fb%7e%zz",
    "http://[::1]:80/items;version=1",
    "HTTP://Shop.Example/Items",
    "http://shop.example/a//b/../c",
    "//shop.example/items",
    "/items",
    "",
    "shop",
    "http://shop.example:port/",
    "http://shop.example:99999/",
    "http://[shop/",
    "http://shop.example/\ud800",
]
LOCATIONS = ["/b", "c?d=1", "?e", "#f", "//other.example/g", "https://other.example", "http://x:y/"]
PARTS = (
    *("scheme", "netloc", "path", "params", "query", "fragment", "username", "user", "password"),
    *("hostname", "host", "port", "query_string", "request_uri", "quoted", "quoted_uri"),
)


def outcome(call: Callable[[], object]) -> str:
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 - the result
        return f"{type(error).__name__}: {error}"


def of_url(url: Any) -> list[str]:
    return [
        *(outcome(lambda: getattr(url, name)) for name in PARTS),  # noqa: B023
        outcome(lambda: str(url)),
        outcome(lambda: tuple(url)),
        outcome(lambda: url == URL(str(url))),
    ]


def of_request(kind: type[Any], url: object, **options: Any) -> list[object]:
    """What a client reads of a request."""
    found: list[object] = []

    def make() -> None:
        made = kind(url, **options)
        names = ("url", "type", "host", "selector", "original_host", "original_origin", "full_url")
        found.extend(getattr(made, name) for name in names)
        found.extend(of_url(made.url_split))
        found.extend(outcome(lambda: of_url(made.url_split.redirect(to))) for to in LOCATIONS)  # noqa: B023

    return [outcome(make), *found]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("params", [None, {"page": 3, "q": "ü"}])
def test_request_has_what_that_of_geventhttpclient_has(url: str, params: Any) -> None:
    wanted = of_request(CompatRequest, url, params=params)
    for _ in range(2):  # then it is known
        assert of_request(KnownUrlRequest, url, params=params) == wanted


def test_request_of_a_parsed_url_has_what_that_of_geventhttpclient_has() -> None:
    for url in URLS[:-2]:
        assert of_request(KnownUrlRequest, URL(url)) == of_request(CompatRequest, URL(url))


def test_request_that_is_redirected_leaves_its_url_to_others() -> None:
    first = KnownUrlRequest("http://shop.example/old", headers=Headers())
    first.redirect(307, "/new")
    assert first.url == "http://shop.example/new"
    assert first.url_split.quoted_uri == "/new"
    assert KnownUrlRequest("http://shop.example/old").url_split.quoted_uri == "/old"


def test_more_urls_than_are_kept_are_all_parsed() -> None:
    for number in (*range(1500), *range(1500)):
        made = KnownUrlRequest(f"http://shop.example/{number}")
        assert made.url_split.request_uri == made.selector == f"/{number}"
