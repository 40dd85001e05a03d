"""Inside the generator: URLs of geventhttpclient that are parsed once, not for each request.

A client reads the parts of a request's URL about fifteen times, and a part is computed each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from geventhttpclient.url import URL
from geventhttpclient.useragent import CompatRequest

_MOST = 1000  # URLs
_PARTS = ("scheme", "netloc", "hostname", "host", "port", "request_uri", "quoted_uri")
_compute: dict[str, Callable[[URL], object]] = {name: getattr(URL, name).fget for name in _PARTS}


class KnownUrl(URL):
    """As `URL`, which is immutable as well; its parts are attributes."""

    __slots__ = _PARTS

    def __init__(self, url: str) -> None:
        """Parse a URL.

        Raises:
            ValueError: The URL is malformed.
        """
        super().__init__(url)
        for name, compute in _compute.items():
            setattr(self, name, compute(self))

    def redirect(self, other: str | URL) -> URL:
        """The URL to which a redirect leads; it may be malformed."""
        return URL(str(self)).redirect(other)


class KnownUrlRequest(CompatRequest):
    """As `CompatRequest`; a URL that is given as a text is parsed once for many requests."""

    def set_url(self, url: str | URL, params: Any = None) -> None:
        """Use a URL, with further parameters of its query."""
        if params is None and isinstance(url, str):
            self.url, self.url_split = url, _known(url)
            # The rest of the original, which would compute the text of the URL again.
            self.type, self.host = self.url_split.scheme, self.url_split.netloc
            self.selector = self.url_split.request_uri or "/"
        else:
            super().set_url(url, params)


@lru_cache(_MOST)
def _known(url: str) -> URL:
    try:
        return KnownUrl(url)
    except ValueError:
        return URL(url)  # whoever reads the malformed part gets the error
