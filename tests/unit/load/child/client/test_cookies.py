"""The generator's cookie jar keeps and sends the cookies that the standard library's does."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import pytest
from geventhttpclient.header import Headers
from geventhttpclient.useragent import CompatRequest

from harness.load.child.client.cookies import IdleCookieJar

URL = "http://shop.example/items/1"
LATER = "Expires=Wed, 01 Jan 2098 00:00:00 GMT"
# The headers of the answers to successive requests.
EXCHANGES: dict[str, list[list[tuple[str, str]]]] = {
    "no cookies": [[], [], []],
    "one cookie": [[("Set-Cookie", "a=1")], [], []],
    "other case": [[("sET-cOOKIE", "a=1")], []],
    "two at once": [[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/items")], []],
    "of another path": [[("Set-Cookie", "a=1; Path=/other")], [], []],
    "for https only": [[("Set-Cookie", "a=1; Secure")], []],
    "replaced": [[("Set-Cookie", "a=1")], [("Set-Cookie", "a=2")], []],
    "deleted": [[("Set-Cookie", "a=1")], [("Set-Cookie", "a=; Max-Age=0")], [], []],
    "kept for years": [[("Set-Cookie", f"a=1; {LATER}")], [("Content-Type", "text/html")], []],
    "of RFC 2965": [[("Set-Cookie2", 'a="1"; Version="1"')], [], []],
    "not a cookie": [[("Set-Cookie", "")], [("Set-Cookie", ";;")], []],
}


class Response:
    """What a jar reads of a response."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self.headers = Headers()
        for name, value in headers:
            self.headers.add(name, value)

    def info(self) -> Headers:
        return self.headers


def sent(jar: CookieJar, answers: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """The headers that a jar adds to successive requests, and its cookies in the end."""
    found = []
    for headers in answers:
        request: Any = CompatRequest(URL, headers=Headers())
        jar.add_cookie_header(request)
        found.append(request.header_items())
        response: Any = Response(headers)
        jar.extract_cookies(response, request)
    return [*found, [(cookie.name, str(cookie.value)) for cookie in jar]]


@pytest.mark.parametrize("rfc2965", [False, True])
@pytest.mark.parametrize("answers", EXCHANGES.values(), ids=EXCHANGES.keys())
def test_jar_sends_and_keeps_what_that_of_the_standard_library_does(
    answers: list[list[tuple[str, str]]], rfc2965: bool
) -> None:
    results = [
        sent(kind(DefaultCookiePolicy(rfc2965=rfc2965)), answers)
        for kind in (CookieJar, IdleCookieJar)
    ]
    assert results[0] == results[1]


def test_cookie_of_an_answer_is_sent_with_the_next_request() -> None:
    answers = EXCHANGES["one cookie"]
    assert sent(IdleCookieJar(), answers)[:2] == [[], [("Cookie", "a=1")]]
