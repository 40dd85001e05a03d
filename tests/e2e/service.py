"""A small HTTP service that tests load: it counts, answers after a delay, and exposes metrics.

`python service.py PORT`; environment: DELAY (seconds an answer takes), READY_AFTER (seconds until
/ready answers 200; "never"), METRICS ("" leaves /metrics out), COLD (seconds after the first
request for which an answer takes two seconds more), HANG (seconds after the first request from
which on there is no answer), LIMIT (requests that get an answer; those after them get 503).
"""

import asyncio
import os
import sys
import time

from prometheus_client import REGISTRY, Counter, Histogram, generate_latest

DELAY = float(os.environ.get("DELAY", "0.005"))
READY_AFTER = os.environ.get("READY_AFTER", "0")
METRICS = os.environ.get("METRICS", "yes")
COLD = float(os.environ.get("COLD", "0"))
HANG = float(os.environ.get("HANG", "inf"))
LIMIT = float(os.environ.get("LIMIT", "inf"))
STARTED = time.monotonic()
FIRST: list[float] = []
LABELS = ["http_request_method", "http_route", "http_response_status_code"]
DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Answers.",
    LABELS,
    buckets=[0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1],
)
GETS = Counter("cache_gets", "Cache look-ups.", ["cache", "level", "result"])


def ready() -> bool:
    return READY_AFTER != "never" and time.monotonic() - STARTED >= float(READY_AFTER)


async def answer(method: str, path: str) -> tuple[int, bytes]:
    if path == "/ready":
        return (200 if ready() else 503), b"ready" if ready() else b"starting"
    if path == "/metrics":
        return (200, generate_latest(REGISTRY)) if METRICS else (404, b"no metrics")
    if path == "/crash":
        os._exit(23)
    start = time.perf_counter()
    FIRST.append(start)
    number = len(FIRST)
    cold = start - FIRST[0] < COLD
    if start - FIRST[0] > HANG:
        await asyncio.sleep(3600)
    await asyncio.sleep(DELAY + 2 * cold)
    status = 500 if path == "/error" else 503 if number > LIMIT else 200
    GETS.labels("items", "memory", "hit").inc()
    DURATION.labels(method, path, str(status)).observe(time.perf_counter() - start)
    return status, b"ok"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            method, path, _ = line.decode().split()
            length = 0
            while (header := await reader.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            await reader.readexactly(length)
            status, body = await answer(method, path)
            head = f"HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
            writer.write(head.encode() + b"\r\n\r\n" + body)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
