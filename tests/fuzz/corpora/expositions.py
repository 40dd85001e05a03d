"""Answers of metrics endpoints: bad ones, and odd ones that are read all the same."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Final, NamedTuple

_NOT_A_SAMPLE: Final = r"line {} is not a sample: "


class Row(NamedTuple):
    """An answer with what becomes of it.

    Attributes:
        body: The answer.
        error: A pattern of the error; empty when the answer is read.
        read: The values that are read, by the text of their series.
        end_known: Whether the server announced the end of the answer.
    """

    body: bytes
    error: str = ""
    read: Mapping[str, float] = {}
    end_known: bool = True


def _bad(text: str, line: int = 1) -> Row:
    return Row(text.encode(), _NOT_A_SAMPLE.format(line))


def _read(text: str, **values: float) -> Row:
    return Row(text.encode(), read=values)


INF, NAN = float("inf"), float("nan")
ROWS: Final[Mapping[str, Row]] = {
    # what is no exposition at all
    "a web page": _bad("<!doctype html><html></html>"),
    "JSON": _bad('{"status": "ok"}'),
    "JSON in lines": _bad('{\n "a": 1\n}\n'),
    "a login form after a comment": _bad("# hello\n<form>\n", 2),
    "YAML": _bad("a:\n  b: 1\n"),
    "a line of YAML, whose colon belongs to the name": Row(b"a: 1\n", read={"a:": 1}),
    "CSV": _bad("a,1\n"),
    "StatsD": _bad("a:1|c\n"),
    "InfluxDB lines": _bad("a,host=x value=1 1\n"),
    "a gzip body without its header": Row(gzip.compress(b"a 1\n", mtime=0), "not text in UTF-8"),
    "a picture": Row(b"\x89PNG\r\n\x1a\n\x00\x00", "not text in UTF-8"),
    "UTF-16": Row("a 1\n".encode("utf-16"), "not text in UTF-8"),
    "protobuf": Row(b"\x1f\x0a\x01a\x12\x04help\x18\x00", _NOT_A_SAMPLE.format(1)),
    "a server's error text": _bad("Internal Server Error"),
    # bytes
    "Latin-1 in a label": Row(b'a{x="\xe9"} 1\n', "not text in UTF-8"),
    "half a character": Row(b'a{x="\xc3"} 1\n', "not text in UTF-8"),
    "a surrogate": Row(b'a{x="\xed\xa0\x80"} 1\n', "not text in UTF-8"),
    "NUL in a name": _bad("a\x00b 1\n"),
    "NUL in a label": Row(b'a{x="\x00"} 1\n', read={'a{x="\x00"}': 1}),
    "zeros in the place of a block": _bad("a 1\n" + "\x00" * 512, 2),
    "a byte order mark": _bad("\ufeffa 1\n"),
    "an escape sequence in a name": _bad("\x1b[31ma 1\n"),
    "a vertical tab between the parts": _bad("a\x0b1\n"),
    "a no-break space between the parts": _bad("a\u00a01\n"),
    "other line ends within a line": _bad("a 1\u2028b 2\n"),
    "carriage returns alone": _bad("a 1\rb 2\r"),
    # names
    "a name alone": _bad("a\n"),
    "a name that starts with a digit": _bad("1a 1\n"),
    "a name with a hyphen": _bad("my-metric 1\n"),
    "a name with a point": _bad("my.metric 1\n"),
    "a name with an umlaut": _bad("größe 1\n"),
    "a quoted name of UTF-8": _bad('{"my.metric"} 1\n'),
    "no name": _bad('{x="1"} 1\n'),
    # values
    "no value": _bad("a \n"),
    "a value in words": _bad("a one\n"),
    "a value with a unit": _bad("a 1ms\n"),
    "a value with a comma": _bad("a 1,5\n"),
    "a value with underscores": _bad("a 1_000\n"),
    "a value of 100 kB": Row(b"a " + b"1." * 50_000 + b"\n", "line 1 .* is no number"),
    "a hexadecimal value": _bad("a 0x10\n"),
    "a value of an empty template": _bad("a <no value>\n"),
    "null": _bad("a null\n"),
    "two signs": _bad("a --1\n"),
    "a value beyond floats": _read("a 1e999\n", a=INF),
    "a value of 400 digits": _read(f"a {'9' * 400}\n", a=INF),
    "a value below floats": _read("a 1e-999\n", a=0.0),
    "infinity in other words": _read("a -Infinity\nb inf\n", a=-INF, b=INF),
    "NaN in other letters": _read("a nan\nb NAN\n", a=NAN, b=NAN),
    # what follows the value
    "something after the value": _bad("a 1 now\n"),
    "two times": _bad("a 1 1 1\n"),
    "an exemplar without its sign": _bad('a 1 {trace="x"} 1\n'),
    "a comment after a sample": _read("a 1 # hello\n", a=1),
    "an exemplar that is damaged": _read('a_total 1 # {x="\n', a_total=1),
    "a time beyond floats": _read("a 1 1e999\n", a=1),
    "a time that is a sign": _read("a 1 -\n", a=1),
    # labels
    "a label without quotes": _bad("a{x=1} 1\n"),
    "a label in single quotes": _bad("a{x='1'} 1\n"),
    "a label without a name": _bad('a{="1"} 1\n'),
    "a label without a value": _bad("a{x=} 1\n"),
    "a label with a colon": _bad('a{x:y="1"} 1\n'),
    "a label with a hyphen": _bad('a{x-y="1"} 1\n'),
    "a label without an equals sign": _bad('a{x"1"} 1\n'),
    "labels without a comma": _bad('a{x="1"y="2"} 1\n'),
    "labels with two commas": _bad('a{x="1",,y="2"} 1\n'),
    "labels that begin with a comma": _bad('a{,x="1"} 1\n'),
    "a label twice": _bad('a{x="1",x="2"} 1\n'),
    "a label twice with one value": _bad('a{x="1",x="1"} 1\n'),
    "braces that are not closed": _bad('a{x="1" 1\n'),
    "braces that are not opened": _bad('ax="1"} 1\n'),
    "braces twice": _bad('a{x="1"}{y="2"} 1\n'),
    "quotes that are not closed": _bad('a{x="1} 1\n'),
    "a quote that is escaped at the end": _bad('a{x="1\\"} 1\n'),
    "a line feed in a label": _bad('a{x="1\n2"} 1\n'),
    "an escape of another letter": Row(b'a{x="\\t"} 1\n', read={'a{x="\\\\t"}': 1}),
    # the kinds
    "a kind that does not exist": _read("# TYPE a thing\na 1\n", a=1),
    "a kind in capitals": _read("# TYPE a COUNTER\na 1\n", a=1),
    "a kind twice": _read("# TYPE a gauge\n# TYPE a counter\na 1\n", a=1),
    "a kind after its samples": _read("a_total 1\n# TYPE a counter\n", a_total=1),
    "a kind without a name": _read("# TYPE counter\na 1\n", a=1),
    "a kind with more words": _read("# TYPE a counter x y\na 1\n", a=1),
    "a comment of binary words": _read("# \x00\x01 TYPE\na 1\n", a=1),
    "a counter that is negative": _read("# TYPE a counter\na_total -1\n", a_total=-1),
    "a gauge that has the name of a part": _read("# TYPE a_sum gauge\na_sum 1\n", a_sum=1),
    "a histogram without buckets": _read(
        "# TYPE h histogram\nh_sum 1\nh_count 1\n", h_sum=1, h_count=1
    ),
    "a histogram with buckets in another order": Row(
        b'# TYPE h histogram\nh_bucket{le="+Inf"} 3\nh_bucket{le="1"} 2\n',
        read={'h_bucket{le="+Inf"}': 3, 'h_bucket{le="1"}': 2},
    ),
    "a histogram with a bucket that is smaller than the one before": Row(
        b'# TYPE h histogram\nh_bucket{le="1"} 5\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 5\n',
        read={'h_bucket{le="1"}': 5, 'h_bucket{le="2"}': 3, 'h_bucket{le="+Inf"}': 5},
    ),
    "a bucket without an edge": Row(b"# TYPE h histogram\nh_bucket 5\n", read={"h_bucket": 5}),
    "a bucket with an edge in words": Row(
        b'# TYPE h histogram\nh_bucket{le="fast"} 5\n', read={'h_bucket{le="fast"}': 5}
    ),
    "a bucket with half an observation": Row(
        b'# TYPE h histogram\nh_bucket{le="+Inf"} 0.5\n', read={'h_bucket{le="+Inf"}': 0.5}
    ),
    "a native histogram": _bad("# TYPE h histogram\nh {count:1,sum:2,schema:0}\n", 2),
    # the end
    "nothing": _read(""),
    "white space": _read(" \n\t\n\r\n"),
    "only the end": _read("# EOF\n"),
    "no end of an OpenMetrics answer": _read("# TYPE a gauge\na 1\n", a=1),
    "samples after the end": _read("a 1\n# EOF\nb 2\n", a=1, b=2),
    "no line feed at the end": _read("a 1\nb 2", a=1, b=2),
    "no line feed and no announced end": Row(b"a 1\nb 2", "was cut", end_known=False),
    "a line that is cut within its labels": _bad('a 1\nb{x="', 2),
    # size
    "a line of 256 kB": Row(
        b'a{x="' + b"y" * 2**18 + b'"} 1\n', read={'a{x="' + "y" * 2**18 + '"}': 1}
    ),
    "a line of 256 kB without quotes": _bad("a{x=" + "y" * 2**18 + "} 1\n"),
    "256 kB of opening braces": _bad("{" * 2**18),
    "256 kB of quotes": _bad('a{x="' + '"' * 2**18),
    "256 kB of backslashes": _bad('a{x="' + "\\" * (2**18 + 1) + '"} 1\n'),
    "1,000 labels": Row(
        ("a{" + ",".join(f'l{n:04}="1"' for n in range(1000)) + "} 1\n").encode(),
        read={"a{" + ",".join(f'l{n:04}="1"' for n in range(1000)) + "}": 1},
    ),
    "5,000 series": Row(
        "".join(f'a{{n="{n}"}} 1\n' for n in range(5_000)).encode(),
        read={f'a{{n="{n}"}}': 1 for n in range(5_000)},
    ),
}
