"""Certificates, and a server with TLS on 127.0.0.1."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

SUBJECT = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")


def certificate(folder: Path, name: str) -> Path:
    """A certificate for 127.0.0.1 that is its own CA; its key is beside it, as `.key`."""
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    command = ["openssl", "req", "-x509", *key, *SUBJECT, *files]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / f"{name}.pem"


class Metrics(BaseHTTPRequestHandler):
    """Answers each GET with one metric."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"# TYPE answers counter\nanswers_total 1\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # of handshakes that clients refuse


@contextmanager
def tls_server(own: Path) -> Iterator[str]:
    """The URL of a server with a certificate, for the length of the context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own.with_suffix(".key"))
    server = _Quiet(("127.0.0.1", 0), Metrics)
    # The thread of each connection makes its handshake.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
