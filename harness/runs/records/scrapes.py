"""Samples of scrapes as lines that hold only what changed since the scrape before.

A scrape of a service repeats most of its values, and the text of each series. So a series is
declared once, and a scrape is one line:

    = NUMBER SERIES                            a series, e.g. `= 17 requests_total{route="/a"}`
    @ GROUP TIME COUNT NUMBER VALUE ...        a scrape, with the values that changed
    @ GROUP TIME COUNT NUMBER - ...            SERIES is not in this scrape; its number ends

A scrape of a group has all of its series that were declared and not ended, COUNT of them. A series
without a value in a line has the same value as in the line before. Nothing is lost: the points that
`ScrapePoints` returns are the samples that `ScrapeLines` was given.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING, Final, overload

from harness.runs.openmetrics import Sample, sample_line, series_text, value_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SERIES: Final = b"= "
SCRAPE: Final = b"@ "
_GONE: Final = b"-"
_MOST_WHOLE: Final = 1e15  # a whole number below it is written without a point


class ScrapeLines:
    """Writes scrapes as lines; it holds the last value of each series.

    Attributes:
        samples: How many samples were written.
    """

    def __init__(self) -> None:
        self._groups: dict[str, tuple[int, dict[str, tuple[int, float]]]] = {}
        self._numbers = 0
        self.samples = 0

    def lines(self, samples: Iterable[Sample], at: float, group: str) -> Iterator[str]:
        """The lines of one scrape.

        Args:
            samples: All samples of the scrape. A second one of a series is a line of its own, as in
                OpenMetrics.
            at: Time of the scrape, seconds since the epoch.
            group: Name of the scrapes that usually have the same series.
        """
        number, last = self._groups.setdefault(group, (len(self._groups), {}))
        seen: set[str] = set()
        twice: list[str] = []
        changes: list[str] = []
        for sample in samples:
            text, value = series_text(sample.name, sample.labels), float(sample.value)
            if text in seen:
                twice.append(sample_line(text, value, at))
                continue
            seen.add(text)
            before = last.get(text)
            if before is None:
                series = self._numbers
                self._numbers += 1
                yield f"= {series} {text}\n"
            elif _are_same(before[1], value):
                continue
            else:
                series = before[0]
            changes.append(f" {series} {_short(value)}")
            last[text] = series, value
        if len(last) > len(seen):
            gone = [text for text in last if text not in seen]
            changes += (f" {last.pop(text)[0]} {_GONE.decode()}" for text in gone)
        self.samples += len(seen) + len(twice)
        yield f"@ {number} {at:.3f} {len(seen)}{''.join(changes)}\n"
        yield from twice


@dataclass(slots=True)
class _Group:
    """The scrapes of a group.

    Attributes:
        spans: Times from a scrape to another one, which series share.
        members: The places of its series.
    """

    times: array[float] = field(default_factory=lambda: array("d"))
    members: set[int] = field(default_factory=set)
    spans: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Declared:
    """A series.

    Attributes:
        text: Empty when the series is not wanted.
        end: Number of the first scrape without it; None when the last one has it.
    """

    text: str = ""
    group: _Group | None = None
    end: int | None = None


class Held(Sequence[float]):
    """The values of a series that kept each value for some scrapes, listed when one is read.

    Args:
        counts: For how many scrapes it kept each value.
        values: The values.
    """

    def __init__(self, counts: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> None:
        self._changes = counts, values
        self._length = int(counts.sum())

    @staticmethod
    def joined(parts: Sequence[Held]) -> Held:
        """The values of one part after the other."""
        import numpy as np

        counts, values = zip(*(part._changes for part in parts), strict=True)  # noqa: SLF001
        return Held(np.concatenate(counts), np.concatenate(values))

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> float: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[float]: ...

    def __getitem__(self, place: int | slice) -> float | Sequence[float]:
        return self._values[place]

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    @cached_property
    def _values(self) -> array[float]:
        import numpy as np

        counts, values = self._changes
        del self._changes
        return array("d", np.repeat(values, counts).tobytes())


class ScrapePoints:
    """Reads the lines of `ScrapeLines`.

    Attributes:
        samples: How many samples the lines had, without those that are lines of their own.
    """

    def __init__(self) -> None:
        self._groups: dict[bytes, _Group] = {}
        self._places: dict[bytes, int] = {}  # of the series that did not end, by their number
        self._series: list[_Declared] = []
        # Of each change: the series, the number of the scrape, and the value.
        self._changed, self._values, self._scrapes = array("i"), array("d"), array("i")
        self.samples = 0

    def declare(self, line: bytes) -> tuple[bytes, bytes]:
        """The number and the text of the series that a line declares.

        Raises:
            ValueError: It is no such line.
        """
        _, number, text = line.rstrip(b"\n").split(b" ", 2)
        if not number.isdigit() or number in self._places:
            raise ValueError(f"{number!r} is no new number of a series")
        self._places[number] = len(self._series)
        self._series.append(_Declared())
        return number, text

    def want(self, number: bytes, text: str) -> None:
        """Keep the points of a series that was declared."""
        self._series[self._places[number]].text = text

    def scrape(self, line: bytes) -> None:
        """Take a scrape.

        Raises:
            ValueError: It is no such line, or has a series that was not declared.
        """
        _, name, time, count, *fields = line.split()
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group()
        at = float(time)
        if not math.isfinite(at):
            raise ValueError(f"{time!r} is no time")
        if len(fields) % 2:
            raise ValueError(f"{fields[-1]!r} has no value")
        index = len(group.times)
        group.times.append(at)
        self.samples += int(count)
        numbers, values = fields[::2], fields[1::2]
        if _GONE in values:
            gone = [number for number, value in zip(numbers, values, strict=True) if value == _GONE]
            kept = [value != _GONE for value in values]
            numbers, values = list(compress(numbers, kept)), list(compress(values, kept))
        else:
            gone = []
        try:
            places = list(map(self._places.__getitem__, numbers))
            ended = [self._places.pop(number) for number in gone]
        except KeyError as error:
            raise ValueError(f"series {error} was not declared") from None
        self._changed.extend(array("i", places))
        self._values.extend(array("d", list(map(float, values))))
        self._scrapes.extend(array("i", [index]) * len(places))
        self._assign(places, group)
        for place in ended:
            self._series[place].end = index

    def _assign(self, places: Iterable[int], group: _Group) -> None:
        """Note the group of some series.

        Raises:
            ValueError: One of them is of another group.
        """
        if group.members.issuperset(places):
            return
        for place in places:
            one = self._series[place]
            if one.group is not None and one.group is not group:
                raise ValueError("a series is of another group")
            one.group = group
            group.members.add(place)

    def points(self) -> Iterator[tuple[str, tuple[float, ...], Sequence[float]]]:
        """The text, times and values of each wanted series, once.

        A series that was gone for some scrapes comes again for each time that it returned, in the
        order of time.
        """
        if not self._series:
            return
        import numpy as np

        changed = np.frombuffer(self._changed, np.int32)
        order = np.argsort(changed.astype(np.min_scalar_type(len(self._series))), kind="stable")
        values = np.frombuffer(self._values, np.float64)[order]
        scrapes = np.frombuffer(self._scrapes, np.int32)[order]
        ends = np.cumsum(np.bincount(changed, minlength=len(self._series))).tolist()
        del changed, order
        self._changed, self._values, self._scrapes = array("i"), array("d"), array("i")
        for one, begin, after in zip(self._series, [0, *ends], ends, strict=False):
            if not one.text or one.group is None:
                continue
            first = scrapes[begin:after]
            end = len(one.group.times) if one.end is None else one.end
            counts = np.diff(first, append=end).astype(np.int64)
            yield one.text, _times(one.group, int(first[0]), end), Held(counts, values[begin:after])


def _times(group: _Group, begin: int, end: int) -> tuple[float, ...]:
    """The times of a series; series of the same scrapes share them."""
    if (begin, end) not in group.spans:
        group.spans[begin, end] = tuple(group.times[begin:end])
    return group.spans[begin, end]


def _are_same(one: float, other: float) -> bool:
    """Whether two values are written alike; NaN is like NaN, and -0 unlike 0."""
    if one == other:
        return one != 0 or math.copysign(1, one) == math.copysign(1, other)
    return math.isnan(one) and math.isnan(other)


def _short(value: float) -> str:
    if value.is_integer() and 0 < abs(value) < _MOST_WHOLE:
        return str(int(value))
    return "0" if value == 0 and math.copysign(1, value) > 0 else value_text(value)
