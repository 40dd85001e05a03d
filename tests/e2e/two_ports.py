"""A service with its metrics on a second port: two_ports.py PORT METRICS_PORT."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

METRICS = b"""\
# TYPE hikaricp_connections_active gauge
hikaricp_connections_active{pool="main"} 1
# TYPE hikaricp_connections_max gauge
hikaricp_connections_max{pool="main"} 10
"""


class Handler(BaseHTTPRequestHandler):
    """Answers `/` on the first port and `/metrics` on the second."""

    def do_GET(self) -> None:
        first = self.server is main
        content = b"ok" if first else METRICS
        self.send_response(200 if self.path == ("/" if first else "/metrics") else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


class Server(ThreadingHTTPServer):
    """A server for many connections at once."""

    request_queue_size = 512


main, other = (Server(("127.0.0.1", int(port)), Handler) for port in sys.argv[1:])
Thread(target=other.serve_forever, daemon=True).start()
main.serve_forever()
