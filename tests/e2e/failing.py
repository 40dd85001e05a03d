"""A small HTTP service that fails in known ways and writes a line about each request.

`python failing.py PORT`: writes "PATH OUTCOME" into `answered.txt` in its folder. Told to stop, it
goes on for half a second: a request whose client has given up may not be read yet.
"""

import os
import signal
import sys
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Timer

HOSTILE = (
    b'{"detail": "\\u001b[31m", "x": "\n::error::pwned <script>alert(1)</script> @everyone",'
    b' "password": "hunter2"}'
)
ANSWERED = Path("answered.txt")
LOCK = Lock()
CALLS: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    """Answers by the path, and by how often it was called."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing: the service has an empty log."""

    def note(self, outcome: object) -> int:
        with LOCK, ANSWERED.open("a") as file:
            CALLS[self.path] += 1
            file.write(f"{self.path} {outcome}\n")
            return CALLS[self.path]

    def answer(self, status: int, body: bytes) -> None:
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        match self.path:
            case "/items":
                self.answer(*((500, HOSTILE) if CALLS[self.path] % 2 else (200, b"[1]")))
            case "/missing":
                self.answer(404, b'{"detail": "no item"}')
            case "/binary":
                self.answer(503, bytes(range(128, 256)))
            case "/garbage":
                self.note("garbage")
                self.wfile.write(b"\x00\xff nonsense\r\n\r\n")
                self.close_connection = True
            case "/slow":
                self.note("slow")
                time.sleep(2.5)
                self.close_connection = True
            case _:
                self.answer(200, b'{"id": %d}' % CALLS[self.path])


class Server(ThreadingHTTPServer):
    """A server for many connections at once."""

    request_queue_size = 512
    daemon_threads = True


if __name__ == "__main__":
    ANSWERED.unlink(missing_ok=True)  # of an earlier run
    signal.signal(signal.SIGTERM, lambda *_: Timer(0.5, os._exit, (0,)).start())
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
