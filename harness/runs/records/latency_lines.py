"""The lines of a latency.hlog, in parts of a megabyte: a night has half a million of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from itertools import compress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from harness.errors import RunFolderError
from harness.names import (
    ERROR,
    GENERATOR_CANARY,
    GENERATOR_LOOP_LAG,
    LATENCY,
    OK,
    RECEIVE_LAG,
    SCHEDULER_LAG,
    SERVICE_TIME,
    START_LAG,
    UNANSWERED_LATENCY,
    UNANSWERED_SERVICE_TIME,
    UNSTARTED_LATENCY,
)
from harness.runs.hdr import Decoded, decode, decode_all
from harness.runs.log import read_blocks
from harness.runs.model import LAST_MOMENT, LatencyKey

# Bytes that are read and decoded together. The compressed counts of a histogram are smaller; a
# longer line is not read into memory.
_BLOCK = 2**20
_TAG = b"Tag="
_COMMENTS = (b"#", b'"')
_OF_GENERATOR = frozenset(
    {START_LAG, SCHEDULER_LAG, GENERATOR_LOOP_LAG, GENERATOR_CANARY, UNSTARTED_LATENCY}
)
_UNANSWERED = frozenset({UNANSWERED_LATENCY, UNANSWERED_SERVICE_TIME})


class TagKeys(dict[bytes, int]):
    """The number of the key of each tag that was read.

    Attributes:
        known: The keys by their number.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: list[LatencyKey] = []

    def __missing__(self, tag: bytes) -> int:
        if not tag.startswith(_TAG) or not tag.isascii():
            raise ValueError("not a line that the harness wrote")
        key = _key(tag[len(_TAG) :].decode())
        if key not in self.known:  # two tags may be encoded differently
            self.known.append(key)
        self[tag] = number = self.known.index(key)
        return number

    def of(self, kinds: Collection[str]) -> set[int]:
        """The numbers of the keys of some kinds of time."""
        return {number for number, key in enumerate(self.known) if key.what in kinds}


class EncodedLines(NamedTuple):
    """Lines with their histograms as text.

    Attributes:
        keys: The number of the key of each line.
        starts: Of its second, seconds since the epoch.
        numbers: Of the line in the file, from 1.
        whole: Whether the last line was not cut off.
    """

    keys: list[int]
    starts: list[float]
    histograms: list[bytes]
    numbers: Sequence[int]
    whole: bool = True

    def only(self, wanted: set[int]) -> EncodedLines:
        """The lines with some keys."""
        if wanted.issuperset(self.keys):
            return self
        kept = [key in wanted for key in self.keys]
        return EncodedLines(
            list(compress(self.keys, kept)),
            list(compress(self.starts, kept)),
            list(compress(self.histograms, kept)),
            list(compress(self.numbers, kept)),
            self.whole or not kept[-1],
        )

    def first(self, count: int) -> EncodedLines:
        """The first few lines."""
        keys, starts, histograms, numbers, _ = self
        return EncodedLines(keys[:count], starts[:count], histograms[:count], numbers[:count])


def chunks(
    path: Path, keys: TagKeys, wanted: Collection[str] | None = None
) -> Iterator[EncodedLines]:
    """The lines of wanted kinds in parts, none of them empty, up to a last line that was cut off.

    Raises:
        RunFolderError: The file cannot be read, or a line is damaged outside its histogram; the
            lines before it come first.
    """
    before = 0
    try:
        for block in read_blocks(path, _BLOCK):
            for every in _usual(block, keys, before) or _any(path, block, keys, before):
                chunk = every if wanted is None else every.only(keys.of(wanted))
                if chunk.keys:
                    yield chunk
                if not every.whole:
                    return
            before += block.count(b"\n")
    except OSError as error:
        raise RunFolderError(
            f"cannot read {path}: {error.strerror}", "make the files of the run folder readable"
        ) from error


def _usual(block: bytes, keys: TagKeys, before: int) -> tuple[EncodedLines, ...]:
    """The lines of a block of which each is as the harness writes it; empty for other blocks.

    Args:
        block: Of the file.
        keys: Are completed.
        before: How many lines of the file are before it.
    """
    while block.startswith(_COMMENTS):
        end = block.find(b"\n") + 1
        if not end:
            return ()
        before, block = before + 1, block[end:]
    fields = block.replace(b"\n", b",").split(b",")
    if len(fields) % 5 != 1 or fields.pop() or not block.isascii() or b"\r" in block:
        return ()
    try:
        numbers = [keys[tag] for tag in fields[::5]]
        moments = {text: _moment(text) for text in set(fields[1::5])}
        starts = [moments[text] for text in fields[1::5]]
    except (ValueError, TypeError):
        return ()
    return (
        EncodedLines(numbers, starts, fields[4::5], range(before + 1, before + 1 + len(starts))),
    )


def _any(path: Path, block: bytes, keys: TagKeys, before: int) -> Iterator[EncodedLines]:
    """The lines of a block, read one by one.

    Raises:
        RunFolderError: A line is damaged outside its histogram.
    """
    found = EncodedLines([], [], [], numbers := [])
    for number, line in enumerate(BytesIO(block), before + 1):
        if line.startswith(_COMMENTS) or not line.strip():
            continue
        whole = line.endswith(b"\n") or len(line) >= _BLOCK
        try:
            key, start, histogram = _parse(line, keys)
        except (ValueError, TypeError) as error:
            yield found
            if whole or number == 1:  # a log begins with a comment
                raise _damaged(path, number, error) from error
            yield EncodedLines([], [], [], (), whole=False)
            return
        found.keys.append(key)
        found.starts.append(start)
        found.histograms.append(histogram)
        numbers.append(number)
        if not whole:
            found = found._replace(whole=False)
    yield found


def decoded(path: Path, chunk: EncodedLines) -> tuple[EncodedLines, Decoded]:
    """Lines with their histograms, without a last one that was cut off.

    Raises:
        RunFolderError: A histogram is damaged.
    """
    try:
        return chunk, decode_all(chunk.histograms)
    except ValueError:
        lines = chunk.first(len(counts_of_lines(path, chunk)))
        return lines, decode_all(lines.histograms)


def counts_of_lines(path: Path, chunk: EncodedLines) -> list[dict[int, int]]:
    """The counts of each line, without a last one that was cut off.

    Raises:
        RunFolderError: A histogram is damaged.
    """
    found: list[dict[int, int]] = []
    for number, histogram in zip(chunk.numbers, chunk.histograms, strict=True):
        try:
            found.append(decode(histogram))
        except ValueError as error:
            if not chunk.whole and number == chunk.numbers[-1]:
                break
            raise _damaged(path, number, error) from error
    return found


def _damaged(path: Path, number: int, error: Exception) -> RunFolderError:
    return RunFolderError(
        f"{path}:{number}: damaged line ({error})",
        "The file was changed after the run; run the load again.",
    )


def _parse(line: bytes, keys: TagKeys) -> tuple[int, float, bytes]:
    """The number of the key, the start and the histogram of a line."""
    if not line.startswith(_TAG) or not line.isascii():
        raise ValueError("not a line that the harness wrote")
    fields = line.rstrip(b"\r\n").split(b",")
    if len(fields) != 5:
        raise ValueError(f"{len(fields)} fields in the place of 5")
    tag, start, _, _, histogram = fields
    return keys[tag], _moment(start), histogram


def _key(tag: str) -> LatencyKey:
    key = LatencyKey(*(unquote(part) for part in tag.split("|")))
    of_requests = key.what in {LATENCY, SERVICE_TIME, RECEIVE_LAG} and key.outcome in {OK, ERROR}
    if not of_requests and key.what not in _OF_GENERATOR | _UNANSWERED:
        raise ValueError(f"unknown tag {tag[:40]!r}")
    return key


def _moment(text: bytes) -> float:
    try:
        moment = float(text)
    except ValueError:
        moment = -1.0
    if not 0 <= moment <= LAST_MOMENT:
        raise ValueError(f"{text[:40].decode()!r} is no time stamp")
    return moment
