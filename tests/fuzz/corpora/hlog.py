"""Lines of latency.hlog: bad ones, and odd ones that are read all the same."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from harness.runs.cells import HIGHEST
from harness.runs.hdr import encode

FIRST: Final = "Tag=latency|ok|GET|/a,1800000000.000,1.000,10.000000," + encode({10_000: 1}) + "\n"
_DAMAGED: Final = r":2: damaged line \("


class Row(NamedTuple):
    """A second line after a good one, and what becomes of the file.

    Attributes:
        line: With its line feed, unless it is the last and was cut.
        error: A pattern of the error; empty when the file is read.
        requests: How many requests the file holds when it is read, the good line's included.
    """

    line: bytes
    error: str = ""
    requests: int = 1


def line(
    tag: str = "latency|ok|GET|/a",
    start: str = "1800000001.000",
    length: str = "1.000",
    highest: str = "10.000000",
    payload: str = "",
) -> str:
    """A line with one request, of which a part may be another."""
    return f"Tag={tag},{start},{length},{highest},{payload or encode({10_000: 1})}\n"


def packed(
    numbers: bytes = b"\x02",
    *,
    cookies: tuple[int, int] = (0x1C849314, 0x1C849313),
    lengths: tuple[int, int] = (0, 0),
    settings: tuple[int, int, int] = (3, 1, HIGHEST),
    ratio: float = 1.0,
    after: bytes = b"",
) -> str:
    """An encoded histogram, of which a part may be another.

    Args:
        numbers: The counts, as zigzag LEB128.
        cookies: Of the outer and the inner header.
        lengths: What is added to the lengths in the two headers.
        settings: Digits, lowest and highest time.
        ratio: Of integers to times.
        after: Bytes after the compressed part.
    """
    size = max(0, len(numbers) + lengths[1])
    inner = struct.pack(">IIIIQQd", cookies[1], size, 0, *settings, ratio) + numbers
    body = zlib.compress(inner) + after
    outer = struct.pack(">II", cookies[0], len(body) + lengths[0])
    return base64.b64encode(outer + body).decode()


def zeros(count: int) -> bytes:
    """A run of so many zeros, as zigzag LEB128."""
    rest, found = count * 2 - 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def _bomb(megabytes: int) -> str:
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(body)) + body).decode()


def _bad(text: str, why: str = "") -> Row:
    return Row(text.encode(), f"{_DAMAGED}.*{why}")


_GOOD: Final = line()
ROWS: Final[Mapping[str, Row]] = {
    # the line as a whole
    "zeros": Row(bytes(64) + b"\n", _DAMAGED + "not a line"),
    "words": _bad("hello\n", "not a line"),
    "a tag in small letters": _bad(_GOOD.replace("Tag", "tag"), "not a line"),
    "a space before the tag": _bad(" " + _GOOD, "not a line"),
    "a line without a tag": _bad(_GOOD.partition(",")[2], "not a line"),
    "a line of metrics.om": _bad("up 1.0 1800000001.000\n", "not a line"),
    "JSON": _bad('{"a": 1}\n', "not a line"),
    "bytes that are not UTF-8": Row(_GOOD.encode().replace(b"/a", b"/\xff"), _DAMAGED + "not a"),
    "an umlaut in a tag": _bad(line("latency|ok|GET|/ä"), "not a line"),
    "a tag alone": _bad("Tag=latency|ok|GET|/a\n", "1 fields"),
    "nothing after the tag": _bad("Tag=\n", "1 fields"),
    "a field less": _bad(_GOOD.replace(",1.000", ""), "4 fields"),
    "a field more": _bad(_GOOD.replace(",1.000", ",1.000,1.000"), "6 fields"),
    "a comma in a tag": _bad(line("latency|ok|GET|/a,b"), "6 fields"),
    "two lines in one": _bad(_GOOD.rstrip("\n") + _GOOD, "9 fields"),
    "a line of two megabytes": _bad("Tag=" + "a" * 2**21 + "\n"),
    "two megabytes without a line feed": _bad("x" * 2**21, "not a line"),
    # the tag
    "an empty tag": _bad(line(""), "unknown tag"),
    "a kind of time that does not exist": _bad(line("latencx|ok|GET|/a"), "unknown tag"),
    "a kind in capitals": _bad(line("LATENCY|ok|GET|/a"), "unknown tag"),
    "an outcome that does not exist": _bad(line("latency|fine|GET|/a"), "unknown tag"),
    "an outcome in capitals": _bad(line("latency|OK|GET|/a"), "unknown tag"),
    "no outcome": _bad(line("latency||GET|/a"), "unknown tag"),
    "a latency without a request": _bad(line("latency"), "unknown tag"),
    "a tag with more parts": _bad(line("latency|ok|GET|/a|b")),
    "a percent sign in the kind": _bad(line("latency%00|ok|GET|/a"), "unknown tag"),
    # the time stamp
    "no time stamp": _bad(line(start=""), "'' is no time"),
    "a time stamp of 100 kB": _bad(line(start="1." * 50_000), "is no time"),
    "a time stamp in words": _bad(line(start="now")),
    "a time stamp that is not a number": _bad(line(start="nan"), "'nan' is no time"),
    "an infinite time stamp": _bad(line(start="inf"), "'inf' is no time"),
    "a negative time stamp": _bad(line(start="-1.0"), "'-1.0' is no time"),
    "a time stamp in milliseconds": _bad(line(start="1800000001000"), "is no time"),
    "a time stamp beyond floats": _bad(line(start="1e999"), "is no time"),
    "two points in the time stamp": _bad(line(start="1800000001.0.0")),
    # the text of the histogram
    "no histogram": _bad(line(payload=" ")),
    "a histogram that is not base64": _bad(line(payload="HISTF?")),
    "a histogram with a letter less": _bad(line(payload=packed()[1:])),
    "a histogram with a letter more": _bad(line(payload="A" + packed())),
    "a histogram in two parts": _bad(line(payload=packed()[:20] + " " + packed()[20:])),
    "the base64 of URLs": _bad(line(payload="_-" + packed()[2:])),
    "a header alone": _bad(line(payload="HISTFA==")),
    "half a histogram": _bad(line(payload=packed()[:40])),
    "zeros in the place of the histogram": _bad(line(payload="A" * 64)),
    # its headers
    "another cookie": _bad(line(payload=packed(cookies=(1, 0x1C849313))), "not a histogram"),
    "another inner cookie": _bad(line(payload=packed(cookies=(0x1C849314, 1))), "not a histogram"),
    "the cookie of format V0": _bad(
        line(payload=packed(cookies=(0x1C849309, 0x1C849308))), "not a histogram"
    ),
    "two digits": _bad(line(payload=packed(settings=(2, 1, HIGHEST))), "not a histogram"),
    "another lowest time": _bad(line(payload=packed(settings=(3, 2, HIGHEST))), "not a hist"),
    "another highest time": _bad(line(payload=packed(settings=(3, 1, 1000))), "not a histogram"),
    "an outer length that is too large": _bad(line(payload=packed(lengths=(5, 0))), "cut off"),
    "an outer length that is too small": _bad(line(payload=packed(lengths=(-5, 0))), "cut off"),
    "an inner length that is too large": _bad(line(payload=packed(lengths=(0, 9))), "cut off"),
    "bytes after the compressed part": _bad(
        line(payload=packed(after=b"abc")), "cut off, or followed"
    ),
    # its counts
    "a number that is cut": _bad(line(payload=packed(b"\x82")), "cut off"),
    "a number of 10 bytes": _bad(line(payload=packed(b"\x80" * 9 + b"\x01")), "63 bits"),
    "a number of 100,000 bytes": _bad(line(payload=packed(b"\x80" * 100_000)), "63 bits"),
    "a time beyond an hour": _bad(line(payload=packed(zeros(33_421) + b"\x02")), "beyond an hour"),
    "a time beyond all numbers": _bad(line(payload=packed(zeros(2**60) + b"\x02")), "beyond an"),
    "a million zeros, then a time": _bad(
        line(payload=packed(b"\x01" * 290_000 + zeros(710_000) + b"\x02")), "beyond an hour"
    ),
    "300 MB of zeros in 300 kB": _bad(line(payload=_bomb(300)), "larger than"),
    # what is read
    "nothing": Row(b""),
    "a blank line": Row(b"\n"),
    "a comment": Row(b"#[hello]\n"),
    "the heading twice": Row(b'"StartTimestamp","Interval_Length"\n'),
    "the same line twice": Row(FIRST.encode(), requests=2),
    "a line that is cut": Row(_GOOD[:60].encode()),
    "a line without its line feed": Row(_GOOD.rstrip("\n").encode(), requests=2),
    "a line of carriage returns": Row(_GOOD.replace("\n", "\r\n").encode(), requests=2),
    "a histogram without counts": Row(line(payload=encode({})).encode()),
    "the longest time": Row(line(payload=packed(zeros(33_420) + b"\x02")).encode(), requests=2),
    "zeros after the last time": Row(line(payload=packed(b"\x02" + zeros(2**60))).encode(), "", 2),
    "an interval of another length": Row(line(length="x", highest="y").encode(), requests=2),
    "another ratio": Row(line(payload=packed(ratio=5.0)).encode(), requests=2),
    "a reading of the generator": Row(line("start_lag").encode()),
    "a request with an empty name": Row(line("latency|error|GET|").encode(), requests=2),
}
