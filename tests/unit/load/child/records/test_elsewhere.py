"""Which URLs belong to the target, and the counts of those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.child.records.elsewhere import MOST, UrlsElsewhere, origin_of


def counted(target: str, *urls: str) -> dict[str, int]:
    """The counts of requests; like the recorder, it leaves out what begins with the prefix."""
    found = UrlsElsewhere(target)
    for url in urls:
        if not url.startswith(found.prefix):
            found.count_sent(url)
    return found.sent


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/items?next=http://other.example/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000?page=2"),
        ("http://127.0.0.1:8000/api/", "http://127.0.0.1:8000/health"),
        ("http://127.0.0.1:8000", "http://localhost:8000/items"),
        ("http://localhost:8000", "http://[::1]:8000/items"),
        ("http://[::1]:8000", "http://0.0.0.0:8000/items"),
        ("http://shop.example", "HTTP://Shop.Example:80/items"),
        ("http://SHOP.example:80", "http://shop.example/items"),
        ("https://shop.example:443", "https://shop.example./items"),
        ("https://ada:secret@shop.example", "https://shop.example/items"),
        ("https://shop.example", "https://ada:secret@shop.example/items"),
        ("http://shop.example", "items"),
        ("http://shop.example", ""),
        ("http://shop.example", "http://shop.example:port/"),
        ("http://shop.example", "http://[::1/"),
        ("", "http://other.example/"),
    ],
)
def test_url_of_the_target_is_not_counted_however_it_is_written(target: str, url: str) -> None:
    assert counted(target, url) == {}


@pytest.mark.parametrize(
    ("target", "url", "place"),
    [
        ("http://127.0.0.1:8000", "https://other.example/x", "https://other.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:80001/x", ""),
        ("http://127.0.0.1:800", "http://127.0.0.1:8000/x", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.2:8000/x", "http://127.0.0.2:8000"),
        ("http://127.0.0.1:8000", "http://[::1]:9000/x", "http://[::1]:9000"),
        ("http://shop.example", "http://shop.example.evil/x", "http://shop.example.evil"),
        ("http://shop.example", "http://shop.example@evil.example/x", "http://evil.example"),
        ("http://shop.example", "https://shop.example/x", "https://shop.example"),
        ("http://shop.example", "http://shop.example:443/x", "http://shop.example:443"),
        ("http://shop.example", "https://API.example:443/x", "https://api.example"),
        ("http://shop.example", "https://ada:secret@api.example?key=1", "https://api.example"),
    ],
)
def test_other_url_is_counted_by_scheme_host_and_port(target: str, url: str, place: str) -> None:
    assert counted(target, url) == ({place: 1} if place else {})


def test_places_are_counted_by_themselves_up_to_a_limit_and_then_together() -> None:
    urls = [f"http://h{i}.example/x" for i in range(MOST + 5)]
    found = counted("http://shop.example", *urls, *urls)
    assert found == {f"http://h{i}.example": 2 for i in range(MOST)} | {"other hosts": 10}


def test_name_of_a_place_has_a_limit() -> None:
    (place,) = counted("http://shop.example", f"http://{'a' * 100_000}/x")
    assert len(place) == 300


def test_redirects_are_counted_apart_from_requests() -> None:
    found = UrlsElsewhere("http://shop.example")
    found.count_redirect("http://shop.example/login")
    found.count_redirect("https://login.example/?from=shop")
    assert (found.sent, found.redirected) == ({}, {"https://login.example": 1})


@given(st.text(), st.sampled_from(["http://", "https://", "HTTP://a", "http://[", "//", ""]))
def test_any_text_has_an_origin_of_its_own_or_none(text: str, start: str) -> None:
    found = origin_of(start + text)
    assert found == "" or origin_of(found) == found
