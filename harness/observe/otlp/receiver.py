"""Receives the traces of the service by OTLP over HTTP, and stores them as JSON lines.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. Requests for metrics and logs, which the same
setting of a service sends here, are accepted and not stored.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError
from harness.observe.command import joined
from harness.runs.log import cannot_write
from harness.runs.records.lines import LONGEST_LINE, LineLog
from harness.units import Unit, counted, format_quantity

LARGEST: Final = 4 * 2**20  # bytes of a request, packed and unpacked
MOST: Final = 32 * 2**20  # bytes of traces.jsonl
_CONNECTIONS: Final = 16  # at once; the others are refused with 503
_LAST_REQUESTS: Final = 1.0  # s for the rest of those that are being received at the end
_UNUSED: Final = ("/v1/metrics", "/v1/logs")
_TRACES: Final = "/v1/traces"

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class TraceReceiver:
    """Stores the spans of each request; its methods may be called from several threads.

    Args:
        path: The file of the traces.
        most: Bytes that the file may have; `allow` changes it.
        clean: Hides secrets in the texts of spans.

    Attributes:
        stored: Number of spans in the file.
        rejected: Number of spans that were not stored.
        url: Its address, for `OTEL_EXPORTER_OTLP_ENDPOINT`; empty until it listens.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path, most: int = MOST, clean: Callable[[str], str] = str) -> None:
        self.stored = 0
        self.rejected = 0
        self.url = ""
        self._log = LineLog(path)
        self._most = most
        self._clean = clean
        self._bytes = 0
        self._refused: dict[str, int] = {}  # reason -> number of requests
        self._lock = threading.Lock()

    def allow(self, most: int) -> None:
        """Change the number of bytes that the file may have."""
        with self._lock:
            self._most = most

    def notices(self) -> list[str]:
        """A sentence on each kind of spans or requests that are not stored."""
        found = [
            f"{counted(count, 'OTLP request')} refused: {reason}"
            for reason, count in sorted(self._refused.items())
        ]
        if self.rejected:
            found.append(
                f"{counted(self.rejected, 'span')} not stored: {self._log.path.name} is limited to "
                + format_quantity(self._most, Unit.BYTES)
            )
        return found

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await _body(receive)
        if scope["method"] != "POST" or scope["path"] not in {_TRACES, *_UNUSED}:
            await _respond(send, 404, kind, b"")
        elif scope["path"] in _UNUSED:
            await _respond(send, 200, kind, b"{}" if kind == "application/json" else b"")
        elif body is None:
            self._refuse(f"larger than {LARGEST // 2**20} MiB")
            await _respond(send, 413, kind, b"")
        else:
            status, content = self._take(body, kind, headers.get("content-encoding", ""))
            await _respond(send, status, kind, content)

    def _take(self, body: bytes, kind: str, encoding: str) -> tuple[int, bytes]:
        """Store a request; returns the status and the content of the response."""
        # The messages take 20 ms to import, which a run without traces saves.
        from harness.observe.otlp.messages import (
            MalformedError,
            TooLargeError,
            answer,
            lines_of,
            number_of_spans,
            parse_request,
            unpacked,
        )

        try:
            request = parse_request(unpacked(body, encoding, LARGEST), kind)
        except TooLargeError:
            self._refuse(f"larger than {LARGEST // 2**20} MiB")
            return 413, b""
        except MalformedError as error:
            self._refuse(str(error).partition(":")[0])
            return 400, str(error).encode()
        if self._bytes >= self._most:
            rejected = number_of_spans(request)
            with self._lock:
                self.rejected += rejected
            return 200, answer(kind, rejected, "the harness stores no more spans of this run")
        for spans, line in lines_of(request, self._clean):
            size = len(line.encode(errors="replace"))
            if size >= LONGEST_LINE:
                self._refuse("a span of more than 1 MiB")
            else:
                self._write(spans, line, size)
        return 200, answer(kind)

    def _write(self, spans: int, line: str, size: int) -> None:
        with self._lock:
            try:
                self._log.append(line)
            except (OSError, ValueError) as error:  # the disk is full, or the run has ended
                self.rejected += spans
                if isinstance(error, OSError):
                    self._refused[cannot_write(error)] = 1
                return
            self.stored += spans
            self._bytes += size

    def _refuse(self, reason: str) -> None:
        with self._lock:
            self._refused[reason] = self._refused.get(reason, 0) + 1

    def close(self) -> None:
        """Close the file; without spans there is none."""
        with self._lock:
            self._log.close()


@contextmanager
def trace_receiver(
    path: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    most: int = MOST,
    clean: Callable[[str], str] = str,
) -> Iterator[TraceReceiver]:
    """Receive traces for the length of the context, in a thread.

    Args:
        path: The file of the traces.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        most: Bytes that the file may have.
        clean: Hides secrets in the texts of spans.

    Raises:
        UsageError: The address cannot be bound to.
        OSError: The file cannot be written.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        _listen(listener, host, port)
        receiver = TraceReceiver(path, most, clean)
        receiver.url = f"http://{joined(*listener.getsockname()[:2])}"
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        over = asyncio.Event()

        def serve() -> None:
            with runner:
                runner.run(_serve(receiver, listener, over))

        thread = threading.Thread(target=serve, name="otlp", daemon=True)
        loop = runner.get_loop()
        thread.start()
        try:
            yield receiver
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(5.0)
            receiver.close()


async def _serve(receiver: TraceReceiver, listener: socket.socket, over: asyncio.Event) -> None:
    """Serve until an event is set, and finish the requests that are being received then.

    `uvicorn.Server` would look for its end each 0.1 s, and wait for another 0.1 s then.
    """
    import uvicorn  # 40 ms, during which the service starts
    from uvicorn.protocols.http.h11_impl import H11Protocol
    from uvicorn.server import ServerState

    config = uvicorn.Config(
        receiver,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        limit_concurrency=_CONNECTIONS,
    )
    config.load()
    state = ServerState()
    protocol = partial(H11Protocol, config, state, {})
    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    await over.wait()
    server.close()
    for connection in tuple(state.connections):
        connection.shutdown()  # at once, or after its response
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=_LAST_REQUESTS)


def _listen(listener: socket.socket, host: str, port: int) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # requests wait until the server is ready
    except OSError as error:
        raise UsageError(
            f"cannot receive traces at {host}:{port}: {error.strerror}",
            "choose another port or address with --otlp",
        ) from error


async def _body(receive: _Receive) -> bytes | None:
    """The body of a request; None when it is too large, whose rest is not kept."""
    body = bytearray()
    too_large = False
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        if not too_large:
            body += message.get("body", b"")
            too_large = len(body) > LARGEST
            if too_large:
                body.clear()
        if not message.get("more_body", False):
            return None if too_large else bytes(body)


async def _respond(send: _Send, status: int, kind: str, content: bytes) -> None:
    headers = [(b"content-length", str(len(content)).encode())]
    if kind:
        headers.append((b"content-type", kind.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
