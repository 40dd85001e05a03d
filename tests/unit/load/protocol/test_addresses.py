"""Whether ZeroMQ looks for IPv6 addresses of a master."""

import socket

import pytest

from harness.load.protocol.addresses import uses_ipv6

HOSTS = {"four": "10.0.0.5", "both": "10.0.0.6", "127.0.0.1": "127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", False),
        ("four", False),
        ("both", False),  # ZeroMQ would try its IPv6 address alone
        ("six", True),
        ("unknown", True),
        ("*", True),
    ],
)
def test_ipv6_is_used_only_without_an_ipv4_address(
    host: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(name: str, port: int, family: int, kind: int) -> list[object]:
        assert family == socket.AF_INET
        if name not in HOSTS:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, kind, 6, "", (HOSTS[name], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert uses_ipv6(host, 5557) is expected
