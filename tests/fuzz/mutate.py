"""Random changes of bytes, words and lines, for the fuzzers of text that machines write."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

MOST_BYTES: Final = 50_000  # of an input that is changed again
_PIECES: Final = (
    *(b"", b"0", b"-1", b"1e308", b"-1e308", b"1e999", b"1e-999", b"NaN", b"+Inf", b"-Inf", b"."),
    *(
        b"9" * 400,
        b"0x1p-2",
        b"1_0",
        "１".encode(),
        b"null",
        b"true",
        b"inf",
        b"1.7976931348623157e308",
    ),
    *(
        b"{",
        b"}",
        b'"',
        b"\\",
        b"\\n",
        b'\\"',
        b"=",
        b",",
        b"#",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\x00",
    ),
    *(
        b"# TYPE a histogram\n",
        b"# EOF\n",
        b'le="+Inf"',
        b'le="-1"',
        b"_total",
        b"_bucket",
        b"_sum",
    ),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1b[31m", "\u202e\u2028é".encode()),
    *(b"Tag=", b"|", b"%00", b"%", b"[]", b"{}", b":", b"A" * 64, b"/////////w=="),
)
_SEPARATORS: Final = b' \t,|{}="\n:'


def mutated(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """The data with one to eight changes; lines come from the pool as well."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice(_CHANGES)(chance, data, pool)[:MOST_BYTES]
    return data


def _bytes(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Flip, overwrite, insert or remove a few bytes."""
    place = chance.randrange(len(data) + 1)
    length = chance.choice((0, 1, 1, 4, 64))
    new = chance.choice((b"", chance.randbytes(chance.choice((1, 1, 4))), chance.choice(_PIECES)))
    return data[:place] + new + data[place + length :]


def _word(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """Replace what lies between two separators."""
    if not data:
        return data
    begin = chance.randrange(len(data))
    end = begin
    while begin > 0 and data[begin - 1] not in _SEPARATORS:
        begin -= 1
    while end < len(data) and data[end] not in _SEPARATORS:
        end += 1
    other = chance.choice(pool)
    start = chance.randrange(len(other) + 1)
    piece = chance.choice((chance.choice(_PIECES), other[start : start + 8]))
    return data[:begin] + piece + data[end:]


def _line(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """Remove, repeat, move or borrow a line."""
    lines = data.splitlines(keepends=True) or [b""]
    at, to = (chance.randrange(len(lines)) for _ in range(2))
    kind = chance.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at] * chance.choice((1, 2, 50)))
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    else:
        others = chance.choice(pool).splitlines(keepends=True) or [b""]
        lines.insert(at, chance.choice(others))
    return b"".join(lines)


def _repeat(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Repeat a part many times."""
    begin = chance.randrange(len(data) + 1)
    part = data[begin : begin + chance.choice((1, 1, 2, 20))]
    return data[:begin] + part * chance.choice((2, 100, 20_000)) + data[begin:]


def _cut(chance: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    place = chance.randrange(len(data) + 1)
    return chance.choice((data[:place], data[place:]))


_CHANGES: Final = (_bytes, _bytes, _word, _word, _word, _line, _line, _repeat, _cut)
