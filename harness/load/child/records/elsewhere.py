"""Inside the generator: requests that go to another place than the target, by scheme, host, port.

A locustfile sends them with absolute URLs, or by a `host` of its own; the target sends the client
away with redirects.
"""

from __future__ import annotations

from urllib.parse import urlsplit

MOST = 20  # places that are counted by themselves
OTHERS = "other hosts"
_LONGEST = 300  # characters; a redirect may name a host of any length
_PORTS = {"http": 80, "https": 443}
# Names of this machine, which most services do not tell apart.
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - no address to bind


class UrlsElsewhere:
    """Counts URLs that do not belong to the target.

    Attributes:
        prefix: What a URL of the target usually begins with; others may belong to it as well.
        sent: Requests by where they went, "https://other.example".
        redirected: Redirects by where they led to.
    """

    def __init__(self, target: str) -> None:
        """Without a target, nothing is counted."""
        self.prefix, host = "", ""
        if origin_of(target):
            parts = urlsplit(target)
            self.prefix = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
            host = parts.hostname or ""
        self._own = {origin_of(target, name) for name in (_LOCAL if host in _LOCAL else {host})}
        self.sent: dict[str, int] = {}
        self.redirected: dict[str, int] = {}

    def count_sent(self, url: str) -> None:
        """Count a request to a URL that does not begin with `prefix`."""
        self._count(self.sent, url)

    def count_redirect(self, url: str) -> None:
        """Count a redirect to a URL that the client follows."""
        self._count(self.redirected, url)

    def _count(self, counts: dict[str, int], url: str) -> None:
        place = origin_of(url)[:_LONGEST]
        if not self.prefix or not place or place in self._own:
            return
        if place not in counts and len(counts) >= MOST:
            place = OTHERS
        counts[place] = counts.get(place, 0) + 1


def origin_of(url: str, host: str = "") -> str:
    """Scheme, host and port of a URL as a text, equal for equal ones; empty if it is no HTTP URL.

    Args:
        url: With user and password or without.
        host: Replaces that of the URL; empty keeps it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port that is no number, a bracket that is not closed
        return ""
    host = (host or parts.hostname or "").removesuffix(".")
    if not host or parts.scheme not in _PORTS:
        return ""
    shown = f"[{host}]" if ":" in host else host
    standard = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if standard else f":{port}")
