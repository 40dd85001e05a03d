"""Inside the generator: how many bytes a request sends, counted at the sockets of gevent.

Redirects, repeated requests and bodies of unknown length are counted; over TLS, the bytes before
encryption. FastUser's fast path sends without gevent's `send` and counts its bytes itself.
"""

from __future__ import annotations

from typing import Any

import gevent
import gevent.socket
import gevent.ssl

_KEY = "harness_sent_bytes"  # in the `__dict__` of a greenlet that sends a request


def set_sent(count: int = 0) -> None:
    """Begin to count what the running greenlet sends, or set what it has sent."""
    gevent.getcurrent().__dict__[_KEY] = count


def get_sent() -> int:
    """The bytes that the running greenlet has sent since `set_sent`; 0 without it."""
    count: int = gevent.getcurrent().__dict__.get(_KEY, 0)
    return count


def add_sent(count: int) -> None:
    """Count bytes that the running greenlet has sent, since `set_sent`; nothing without it."""
    of_greenlet = gevent.getcurrent().__dict__
    if _KEY in of_greenlet:
        of_greenlet[_KEY] += count


def install() -> None:
    """Count in `send`, which gevent's `sendall` and `sendfile` call.

    A second call has no effect.
    """
    plain: Any = gevent.socket.socket
    if hasattr(plain.send, "counts"):
        return
    tls: Any = gevent.ssl.SSLSocket
    plain_send, tls_send = plain.send, tls.send

    def send(self: Any, *args: Any, **kwargs: Any) -> int:
        return _count(plain_send(self, *args, **kwargs))

    def send_over_tls(self: Any, *args: Any, **kwargs: Any) -> int:
        if not self._sslobj:  # calls the `send` above
            return int(tls_send(self, *args, **kwargs))
        return _count(tls_send(self, *args, **kwargs))

    send.counts = True  # type: ignore[attr-defined]
    plain.send, tls.send = send, send_over_tls


def _count(sent: int) -> int:
    add_sent(sent)
    return sent
