"""http for a server with TLS and https for a server without are refused."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.scheme import refuse_wrong_scheme
from harness.observe.target import serve
from tests.integration.observe.conftest import Endpoint


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class WithTls(HTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # plain HTTP breaks the handshake


@pytest.fixture
def tls_url(tmp_path: Path) -> Iterator[str]:
    """A server with TLS and a certificate that nobody trusts."""
    words = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout own.key -out own.pem"
    command = ["openssl", *words.split()]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    server = WithTls(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.needs_openssl
def test_http_for_a_server_with_tls_is_refused(tls_url: str) -> None:
    refuse_wrong_scheme(tls_url, 10)
    plain = tls_url.replace("https:", "http:")
    with pytest.raises(TargetError) as caught:
        refuse_wrong_scheme(plain, 10)
    assert caught.value.message == f"the service at {plain} speaks TLS"
    assert caught.value.hint == "write https:// in place of http://"


async def test_https_for_a_server_without_tls_is_refused(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    refuse_wrong_scheme(endpoint.url, 10)
    url = endpoint.url.replace("http:", "https:")
    with pytest.raises(TargetError) as caught:
        async with serve(Target(url=url), tmp_path / "target.log"):
            pass
    assert caught.value.message == f"the service at {url} speaks HTTP without TLS"
    assert caught.value.hint == "write http:// in place of https://"


def test_address_where_nothing_listens_is_not_refused() -> None:
    refuse_wrong_scheme("http://127.0.0.1:1", 10)
    refuse_wrong_scheme("https://127.0.0.1:1", 10)
