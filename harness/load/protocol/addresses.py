"""Which addresses of a host ZeroMQ uses."""

from __future__ import annotations

import socket


def uses_ipv6(host: str, port: int) -> bool:
    """Whether ZeroMQ should look for IPv6 addresses of a host: it has no IPv4 address.

    ZeroMQ tries one address of a name: with its option for IPv6, an IPv6 address if there is one.
    A master that listens on an IPv4 address would not be found by a name that has both.
    """
    if host == "*":
        return True
    try:
        socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except socket.gaierror:  # a name that is not known yet may get an address of either kind
        return True
    return False
