"""A server with all kinds of responses, some broken: `python http_server.py`; it prints its port.

ANSWERS has the responses of each path. GET /log returns as JSON the requests since the previous
GET /log, without itself, each with the number of its connection among those. GET /received returns
their number.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
import zlib

import brotli  # type: ignore[import-untyped] # it comes with Locust

TEXT = '{"name": "Grüße", "items": [1, 2, 3]}'.encode()
PAUSE = 0.01  # s between two parts of an answer that comes in pieces


def answer(body: bytes = TEXT, *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def chunked(body: bytes, *headers: str) -> bytes:
    """A response in two chunks."""
    parts = (body[:5], body[5:])
    coded = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
    return answer(coded, "Transfer-Encoding: chunked", *headers, length=False)


JSON = "Content-Type: application/json"
RAW_DEFLATE = zlib.compress(TEXT)[2:-4]
BIG = bytes(range(256)) * 2000
GZIP = "Content-Encoding: gzip"
CUT, RESET, HANG = "cut", "reset", "hang"  # what follows the bytes: close, reset, nothing
Answer = tuple[bytes | str, ...]
ANSWERS: dict[str, Answer] = {
    "/plain": (answer(),),
    "/json": (answer(TEXT, JSON, "X-Twice: 1", "x-twice: 2", "X-Empty:", "X-Spaces:  a b \t"),),
    "/date": (answer(b"dated", "date: Sat, 21 Nov 2026 09:00:00 GMT", "server: x"),),
    "/empty": (answer(b""),),
    "/latin": (answer("Grüße".encode("latin-1"), "Content-Type: text/plain; charset=latin-1"),),
    "/text": (answer("Grüße".encode("latin-1"), "Content-Type: text/plain"),),
    "/binary": (answer(bytes(range(256)), "Content-Type: application/octet-stream"),),
    "/big": (answer(BIG),),
    "/chunked": (chunked(TEXT, JSON),),
    "/gzip": (answer(gzip.compress(TEXT), GZIP, JSON),),
    "/gzip-upper": (answer(gzip.compress(TEXT), "CONTENT-ENCODING: GZIP"),),
    "/gzip-chunked": (chunked(gzip.compress(TEXT), GZIP),),
    "/gzip-broken": (answer(b"not compressed", GZIP),),
    "/gzip-empty": (answer(b"", GZIP),),
    "/deflate": (answer(RAW_DEFLATE, "Content-Encoding: deflate"),),
    "/br": (answer(brotli.compress(TEXT), "Content-Encoding: br"),),
    "/no-length": (answer(length=False), CUT),
    "/no-content": (answer(b"", status="204 No Content", length=False),),
    "/not-modified": (answer(b"", 'ETag: "a"', status="304 Not Modified", length=False),),
    "/not-modified-length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",),
    "/created": (answer(status="201 Created"),),
    "/reset-content": (answer(b"", status="205 Reset Content"),),
    "/odd-status": (answer(status="299 "),),
    "/missing": (answer(status="404 Not Found"),),
    "/missing-binary": (answer(b"\xff\xfe", status="404 Not Found"),),
    "/limited": (answer(b"", "Retry-After: 1", status="429 Too Many Requests"),),
    "/broken": (answer(status="500 Internal Server Error"),),
    "/moved": (answer(b"", "Location: /plain", status="301 Moved Permanently"),),
    "/found": (answer(b"", "Location: plain", status="302 Found"),),
    "/other": (answer(b"", "Location: /plain?a=1", status="303 See Other"),),
    "/again": (answer(b"", "Location: /echo", status="307 Temporary Redirect"),),
    "/nowhere": (answer(b"", status="302 Found"),),
    "/loop": (answer(b"", "Location: /loop", status="302 Found"),),
    "/other-scheme": (answer(b"", "Location: ftp://127.0.0.1/", status="302 Found"),),
    "/to-missing": (answer(b"", "Location: /missing", status="302 Found"),),
    "/cookie": (answer(b"set", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/deep"),),
    "/cookie-gone": (answer(b"gone", "Set-Cookie: a=; Path=/; Max-Age=0"),),
    "/cookie-moved": (answer(b"", "Set-Cookie: c=3", "Location: /echo", status="302 Found"),),
    "/close": (answer(TEXT, "Connection: close"), CUT),
    "/close-late": (answer(TEXT, "Connection: close"),),
    "/keep-alive": (answer(TEXT, "Connection: keep-alive", "Keep-Alive: timeout=5"),),
    "/version-one": (answer().replace(b"HTTP/1.1", b"HTTP/1.0"), CUT),
    "/version-one-kept": (answer(TEXT, "Connection: keep-alive").replace(b"/1.1", b"/1.0"),),
    "/hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(),),
    "/continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),),
    "/head-in-pieces": (answer()[:10], answer()[10:30], answer()[30:]),
    "/body-in-pieces": (answer()[:-20], answer()[-20:-3], answer()[-3:]),
    "/byte-by-byte": tuple(
        bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    ),
    "/end-of-head-apart": (answer()[:-40], answer()[-40:-38], answer()[-38:]),
    "/too-much": (answer() + b"and more",),
    "/too-much-valid": (answer() + answer(b"a second one"),),
    "/length-twice": (answer(TEXT, f"Content-Length: {len(TEXT)}"),),
    "/lengths-differ": (answer(TEXT, "Content-Length: 3"),),
    "/length-no-number": (answer(TEXT, "Content-Length: ten", length=False), CUT),
    "/length-negative": (answer(TEXT, "Content-Length: -1", length=False), CUT),
    "/length-huge": (answer(TEXT, "Content-Length: 99999999999999999999", length=False), CUT),
    "/length-and-chunks": (answer(TEXT, "Transfer-Encoding: chunked"), CUT),
    "/garbage": (b"this is not HTTP\r\n\r\n", CUT),
    "/nothing-but-lines": (b"\r\n\r\n" + answer(), CUT),
    "/line-feeds": (answer().replace(b"\r\n", b"\n"), CUT),
    "/bad-name": (answer(TEXT, "Bad Name: 1"), CUT),
    "/no-colon": (answer(TEXT, "no colon"), CUT),
    "/folded": (answer(TEXT, "X-Folded: a\r\n b"), CUT),
    "/high-bytes": (answer(TEXT, "X-High: \xe4"), CUT),
    "/utf-8-header": (answer(TEXT, "X-High: Ã¤"),),
    "/status-word": (answer(status="OK 200"), CUT),
    "/status-short": (answer(status="20"), CUT),
    "/no-reason": (answer(status="200"),),
    "/version-nine": (answer().replace(b"HTTP/1.1", b"HTTP/9.9"), CUT),
    "/cut": (CUT,),
    "/reset": (RESET,),
    "/cut-in-head": (answer()[:25], CUT),
    "/reset-in-head": (answer()[:25], RESET),
    "/cut-in-body": (answer()[:-5], CUT),
    "/reset-in-body": (answer()[:-5], RESET),
    "/cut-in-big": (answer(BIG)[:-5], CUT),
    "/cut-in-chunk": (chunked(TEXT)[:-8], CUT),
    "/cut-afterwards": (answer(), CUT),
    "/hang": (HANG,),
    "/hang-in-head": (answer()[:25], HANG),
    "/hang-in-body": (answer()[:-5], HANG),
}


class Server:
    """The requests that came, and on which connection."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str]] = []
        self.connections: dict[object, int] = {}
        self.counts: dict[object, int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while request := await receive(reader, writer):
                await self.respond(request, writer)
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def respond(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        method, target, _ = request.split(b" ", 2)
        path = target.decode().partition("?")[0]
        if path == "/received":
            writer.write(answer(str(len(self.log)).encode()))
            return
        if path == "/log":
            writer.write(answer(json.dumps(self.log).encode()))
            self.log, self.connections = [], {}
            return
        number = self.connections.setdefault(writer, len(self.connections))
        self.counts[writer] = self.counts.get(writer, 0) + 1
        self.log.append((number, request.decode("latin-1")))
        if path == "/cut-second" and self.counts[writer] == 2:
            writer.close()
        elif path in ANSWERS:
            bare = method == b"HEAD"
            for i, part in enumerate(ANSWERS[path]):
                if i and part != CUT:
                    await asyncio.sleep(PAUSE)  # what came before is to be received on its own
                await say(part, writer, bare=bare)
        else:  # /echo and whatever else
            body = b"" if method == b"HEAD" else request
            writer.write(answer(body, "Content-Type: text/plain; charset=latin-1"))


async def say(part: bytes | str, writer: asyncio.StreamWriter, *, bare: bool) -> None:
    """Send a part of an answer, or end it."""
    if isinstance(part, bytes):
        writer.write(part.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if bare else part)
    elif part == HANG:
        await asyncio.sleep(3600)
    else:
        if part == RESET:
            option = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        writer.close()


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """A request with its body; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if b"100-continue" in head:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return head + await reader.readuntil(b"0\r\n\r\n")
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(Server().serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
