"""A small service with selectable faults; run as `service.py PORT HABIT...`.

It writes its pid and answers all requests with 200, unless a habit changes that.
"""

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    habits: tuple[str, ...] = ()
    probes = 0

    def do_GET(self) -> None:
        status = 200
        if self.path == "/ready":
            type(self).probes += 1
            if "never-ready" in self.habits or ("slow-start" in self.habits and self.probes < 4):
                status = 503
            if "hangs" in self.habits or ("answers-once" in self.habits and self.probes > 1):
                time.sleep(60)
            if "answers-once" in self.habits:
                status = 404
        if self.path == "/metrics" and "no-metrics" in self.habits:
            status = 404
        self.send_response(status)
        self.end_headers()
        if self.path == "/metrics":
            self.wfile.write(b"# TYPE hits counter\nhits_total 1\n")

    def log_message(self, *_: object) -> None:
        pass


def main(port: int, habits: tuple[str, ...]) -> None:
    print("pid", os.getpid(), os.environ.get("GREETING", ""), Path.cwd(), flush=True)
    if "chatty" in habits:
        print("\n".join(f"line {number}" for number in range(40)), flush=True)
    if "exits" in habits:
        sys.exit("Error: no database")
    if "killed" in habits:
        os.kill(os.getpid(), signal.SIGKILL)
    if "deaf" in habits:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "burns" in habits:
        burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
        subprocess.run([sys.executable, "-c", burn], check=True)
    taken = Path("taken")
    if "waits-for-rival" in habits and not taken.exists():
        Path("port.tmp").write_text(str(port))
        Path("port.tmp").rename("port")
        while not taken.exists():
            time.sleep(0.01)
    Handler.habits = habits
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), tuple(sys.argv[2:]))
