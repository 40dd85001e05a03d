"""Whether the scheme of a service's URL, http or https, is the one that the service speaks."""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from harness.errors import TargetError
from harness.observe.command import address
from harness.observe.fetch import NoAnswer, fetch

# OpenSSL's reasons when the first bytes of the peer are no TLS record.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
_BAD_REQUEST: Final = 400  # what servers with TLS answer to plain HTTP, if they answer


def refuse_wrong_scheme(url: str, timeout: float, tls: ssl.SSLContext | None = None) -> None:
    """Refuse https for a server without TLS, and http for a server with TLS.

    A server that does not answer in time is not refused.

    Args:
        url: Base URL of a service that listens.
        timeout: Seconds for each of up to two requests.
        tls: For a redirect to https; None trusts the certificates that this machine trusts.

    Raises:
        TargetError: The other scheme would be right.
    """
    scheme = urlsplit(url).scheme
    if scheme == "https" and _speaks_tls(url, timeout) is False:
        raise TargetError(
            f"the service at {url} speaks HTTP without TLS", "write http:// in place of https://"
        )
    if scheme == "http" and not _answers_plainly(url, timeout, tls) and _speaks_tls(url, timeout):
        raise TargetError(f"the service at {url} speaks TLS", "write https:// in place of http://")


def _answers_plainly(url: str, timeout: float, tls: ssl.SSLContext | None) -> bool:
    try:
        return fetch(url, timeout, tls=tls).status != _BAD_REQUEST
    except NoAnswer:
        return False


def _speaks_tls(url: str, timeout: float) -> bool | None:
    """Whether a server speaks TLS, whatever its certificate; None when that is not known."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = address(url)
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLError as error:
        return False if error.reason in _NO_TLS else None
    except OSError:
        return None
