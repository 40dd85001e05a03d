"""Encoded HdrHistograms, format V2, to and from sparse counts.

The `hdrhistogram` package fills and scans arrays of 33,000 counters for each histogram, 0.6 ms to
write one and 9 ms to list one; a run holds one per request name and second, each with a few dozen
counters. Here the work is in proportion to those.

Layout: https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram/AbstractHistogram.java
(`encodeIntoByteBuffer`) and ZigZagEncoding.java. Counts from index 0 up to the highest one that is
used, each a zigzag LEB128 number; a negative number -n stands for n zeros.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator, Mapping

from harness.runs.cells import HIGHEST

_OUTER = struct.Struct(">II")  # cookie, length of what follows
_INNER = struct.Struct(">IIIIQQd")  # cookie, length, offset, digits, lowest, highest, ratio
_COMPRESSED = 0x1C849304 | 0x10
_PLAIN = 0x1C849303 | 0x10
_DIGITS = 3
_MOST = 2**63 - 1  # a count of the reference implementation has 64 bits
_HALF = 1024  # counters for each doubling, see harness.runs.cells
_WIDEST = 63  # bits of a number
_SHIFT = HIGHEST.bit_length() - 11
_LAST = _SHIFT * _HALF + (HIGHEST >> _SHIFT)  # index of the highest counter
_MOST_BYTES = _INNER.size + _LAST * 9  # of a decompressed histogram: 9 bytes for each counter


def encode(counts: Mapping[int, int]) -> str:
    """A histogram as text.

    Args:
        counts: Lower edge of a bucket in nanoseconds -> count above zero, as in a `Cell`.
    """
    numbers = bytearray()
    after = 0
    for bucket in sorted(counts):
        index = _index_of(bucket)
        if index > after:
            zeros = index - after
            _put(numbers, -zeros if zeros > 1 else 0)
        _put(numbers, counts[bucket])
        after = index + 1
    inner = _INNER.pack(_PLAIN, len(numbers), 0, _DIGITS, 1, HIGHEST, 1.0) + numbers
    packed = zlib.compress(inner)
    return base64.b64encode(_OUTER.pack(_COMPRESSED, len(packed)) + packed).decode()


def decode(text: str) -> dict[int, int]:
    """The counts of a histogram that `encode`, or any writer with the same settings, made.

    Raises:
        ValueError: The text is damaged, or of a histogram with other settings.
    """
    try:
        raw = base64.b64decode(text, validate=True)
        cookie, length = _OUTER.unpack_from(raw)
        inner = _decompressed(raw[_OUTER.size :])
        plain, size, _, digits, lowest, highest, _ = _INNER.unpack_from(inner)
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if (cookie, plain, digits, lowest, highest) != (_COMPRESSED, _PLAIN, _DIGITS, 1, HIGHEST):
        raise ValueError("not a histogram of the harness")
    numbers = inner[_INNER.size :]
    if len(raw) - _OUTER.size != length or len(numbers) < size:
        raise ValueError("cut off")
    counts: dict[int, int] = {}
    index = 0
    for number in _numbers(numbers[:size]):
        if number > 0:
            if index > _LAST or number > _MOST:
                raise ValueError("a time beyond an hour, or a count beyond 64 bits")
            counts[_bucket_at(index)] = number
        index += max(1, -number)
    return counts


def _decompressed(packed: bytes) -> bytes:
    """The bytes of a histogram; a few kilobytes may hold gigabytes, which no histogram has."""
    unpacker = zlib.decompressobj()
    inner = unpacker.decompress(packed, _MOST_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("larger than any histogram")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut off, or followed by other bytes")
    return inner


def _index_of(bucket: int) -> int:
    shift = max(0, bucket.bit_length() - 11)
    return shift * _HALF + (bucket >> shift)


def _bucket_at(index: int) -> int:
    shift = max(0, index // _HALF - 1)
    return index - shift * _HALF << shift


def _put(numbers: bytearray, value: int) -> None:
    rest = value << 1 if value >= 0 else -value * 2 - 1
    while rest > 0x7F:
        numbers.append(rest & 0x7F | 0x80)
        rest >>= 7
    numbers.append(rest)


def _numbers(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > _WIDEST:
            raise ValueError("a number of more than 63 bits")
        if byte < 0x80:
            yield value >> 1 if not value & 1 else -(value + 1 >> 1)
            value = shift = 0
    if shift:
        raise ValueError("cut off")
