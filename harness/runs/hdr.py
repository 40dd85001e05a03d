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
import binascii
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.runs.cells import HIGHEST

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_OUTER = struct.Struct(">II")  # cookie, length of what follows
_INNER = struct.Struct(">IIIIQQd")  # cookie, length, offset, digits, lowest, highest, ratio
_COMPRESSED = 0x1C849304 | 0x10
_PLAIN = 0x1C849303 | 0x10
_DIGITS = 3
_WINDOW = 512  # bytes that zlib looks back with the smallest window
_SETTINGS = (_COMPRESSED, _PLAIN, _DIGITS, 1, HIGHEST)
_MOST = 2**63 - 1  # a count of the reference implementation has 64 bits
_HALF = 1024  # counters for each doubling, see harness.runs.cells
_WIDEST = 63  # bits of a number
_LONGEST_NUMBER = 8  # bytes, of what `decode_all` reads by itself
_MOST_ENCODED = 2**22  # bytes, as above
_SHIFT = HIGHEST.bit_length() - 11
LAST_INDEX = _SHIFT * _HALF + (HIGHEST >> _SHIFT)  # index of the highest counter
_MOST_BYTES = _INNER.size + LAST_INDEX * 9  # of a decompressed histogram: 9 bytes for each counter


class Decoded(NamedTuple):
    """Counts of several histograms, one in each row.

    Attributes:
        places: Which histogram, from 0, ascending.
        indexes: Of the bucket (`buckets_of`), ascending in each histogram.
        counts: Above zero.
    """

    places: npt.NDArray[np.int64]
    indexes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


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
    packed = _compressed(inner)
    return base64.b64encode(_OUTER.pack(_COMPRESSED, len(packed)) + packed).decode()


def _compressed(inner: bytes) -> bytes:
    """The bytes as a zlib stream.

    The buffers of zlib's usual settings take 50 us to set up, those of a small window 3 us.
    """
    packer = zlib.compressobj(wbits=9, memLevel=1) if len(inner) <= _WINDOW else zlib.compressobj()
    return packer.compress(inner) + packer.flush()


def decode(text: str | bytes) -> dict[int, int]:
    """The counts of a histogram that `encode`, or any writer with the same settings, made.

    Raises:
        ValueError: The text is damaged, or of a histogram with other settings.
    """
    counts: dict[int, int] = {}
    index = 0
    for number in _numbers(_encoded(text)):
        if number > 0:
            if index > LAST_INDEX or number > _MOST:
                raise ValueError("a time beyond an hour, or a count beyond 64 bits")
            shift = index // _HALF - 1
            counts[index - shift * _HALF << shift if shift > 0 else index] = number
            index += 1
        else:
            index += -number or 1
    return counts


def decode_all(texts: Sequence[bytes]) -> Decoded:
    """The counts of many histograms, in a tenth of the time of `decode`.

    Raises:
        ValueError: One of them is damaged, see `decode`.
    """
    import numpy as np  # 0.1 s

    encoded: list[bytes] = []
    size = 0
    for text in texts:
        encoded.append(_encoded(text))
        size += len(encoded[-1])
        if size > _MOST_ENCODED:
            return _decode_each(texts)
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    last = data < 0x80  # the last byte of a number
    ends = np.cumsum([len(one) for one in encoded], dtype=np.int64)
    if not last[ends[ends > 0] - 1].all():
        return _decode_each(texts)
    stops = np.flatnonzero(last) + 1
    values = _values_of(data, stops)
    if values is None:
        return _decode_each(texts)
    numbers = np.where(values & 1, -(values + 1 >> 1), values >> 1)
    steps = np.where(numbers > 0, 1, np.where(numbers < 0, -numbers, 1))
    if (steps > LAST_INDEX + 1).any():
        return _decode_each(texts)
    after = np.cumsum(steps)
    firsts = np.searchsorted(stops, ends, side="right")  # of the text that follows
    firsts = np.concatenate(([0], firsts[:-1])).astype(np.int64)
    before = np.concatenate(([0], after))[firsts]
    of = np.repeat(np.arange(len(texts)), np.diff(firsts, append=len(stops)))
    used = np.flatnonzero(numbers > 0)
    of = of[used]
    indexes = after[used] - 1 - before[of]
    if (indexes > LAST_INDEX).any():
        return _decode_each(texts)
    return Decoded(of, indexes, numbers[used])


def _values_of(
    data: npt.NDArray[np.uint8], stops: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """The LEB128 numbers that end before some places; None if one is longer than usual."""
    import numpy as np

    lengths = np.diff(stops, prepend=0)
    longest = int(lengths.max(initial=0))
    if longest > _LONGEST_NUMBER:
        return None
    values = data[stops - 1].astype(np.int64)
    for place in range(2, longest + 1):
        longer = np.flatnonzero(lengths >= place)
        values[longer] = values[longer] << 7 | data[stops[longer] - place] & 0x7F
    return values


def _decode_each(texts: Sequence[bytes]) -> Decoded:
    """As `decode_all`, for histograms of which one is damaged or has numbers beyond the usual."""
    import numpy as np

    found = [decode(text) for text in texts]
    return Decoded(
        np.repeat(np.arange(len(found)), [len(counts) for counts in found]),
        np.array([_index_of(bucket) for counts in found for bucket in counts], dtype=np.int64),
        np.array([count for counts in found for count in counts.values()], dtype=np.int64),
    )


def buckets_of(indexes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """The lower edges in nanoseconds of the buckets with some indexes, of which 0 is the lowest."""
    import numpy as np

    wide = indexes.astype(np.int64)
    shift = np.maximum(wide // _HALF - 1, 0)
    buckets: npt.NDArray[np.int64] = wide - shift * _HALF << shift
    return buckets


def _encoded(text: str | bytes) -> bytes:
    """The numbers of a histogram as they are stored.

    Raises:
        ValueError: As for `decode`.
    """
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
        outer, packed = _OUTER.unpack_from(raw)
        # A few kilobytes may hold gigabytes, which no histogram has.
        unpacker = zlib.decompressobj()
        inner = unpacker.decompress(raw[_OUTER.size :], _MOST_BYTES)
        plain, size, _, digits, lowest, highest, _ = _INNER.unpack_from(inner)
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if unpacker.unconsumed_tail:
        raise ValueError("larger than any histogram")
    if (outer, plain, digits, lowest, highest) != _SETTINGS:
        raise ValueError("not a histogram of the harness")
    numbers = inner[_INNER.size :]
    is_whole = unpacker.eof and len(raw) - _OUTER.size == packed and len(numbers) >= size
    if unpacker.unused_data or not is_whole:
        raise ValueError("cut off, or followed by other bytes")
    return numbers[:size]


def _index_of(bucket: int) -> int:
    shift = max(0, bucket.bit_length() - 11)
    return shift * _HALF + (bucket >> shift)


def _put(numbers: bytearray, value: int) -> None:
    rest = value << 1 if value >= 0 else -value * 2 - 1
    while rest > 0x7F:
        numbers.append(rest & 0x7F | 0x80)
        rest >>= 7
    numbers.append(rest)


def _numbers(data: bytes) -> list[int]:
    found: list[int] = []
    value = shift = 0
    for byte in data:
        if byte > 0x7F:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _WIDEST:
                raise ValueError("a number of more than 63 bits")
            continue
        value |= byte << shift
        found.append(-(value + 1 >> 1) if value & 1 else value >> 1)
        value = shift = 0
    if shift:
        raise ValueError("cut off")
    return found
