"""Times by the number of their interval, in arrays: a night has half a million intervals."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from harness.runs.hdr import LAST_INDEX, buckets_of
from harness.runs.model import RANK_NOISE, Distribution

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.signedinteger[Any]] | npt.NDArray[np.object_]

_MOST = 2.0**62  # counts that add up to more are added as Python's integers
_INDEX_BITS = 16  # of an index of a bucket


class Columns(NamedTuple):
    """Counts of times of one kind, one in each row.

    Attributes:
        places: The number of the interval and the index of the bucket, see `places_of`.
        counts: How many times; Python integers where they may exceed 64 bits together.
    """

    places: npt.NDArray[np.int64]
    counts: Counts


def places_of(
    numbers: npt.NDArray[np.int64], indexes: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Numbers of intervals with indexes of buckets, as integers that sort like the pairs."""
    places: npt.NDArray[np.int64] = numbers << _INDEX_BITS | indexes
    return places


def together(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts in the order of time, with one row for each bucket of an interval."""
    import numpy as np  # 0.1 s

    places = np.concatenate([part.places for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    if counts.sum(dtype=np.float64) > _MOST:
        counts = counts.astype(object)
    elif counts.dtype != object:
        counts = counts.astype(np.int64)
    if (places[1:] <= places[:-1]).any():
        order = np.argsort(places, kind="stable")
        places, counts = places[order], counts[order]
        first = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
        places, counts = places[first], np.add.reduceat(counts, first)
    return Columns(places, narrowed(counts))


def narrowed(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Counts in as little memory as they need."""
    import numpy as np

    if column.dtype == object:
        return column
    most = int(column.max(initial=0))
    return column.astype(next(kind for kind in "bhiq" if most <= np.iinfo(kind).max))


class IntervalRows(NamedTuple):
    """The times of several intervals, one row for each value of an interval.

    Attributes:
        numbers: Of the intervals, ascending.
        ends: The row after the last one of each interval.
        values: Seconds, ascending in each interval.
        counts: How often each of them was recorded.
    """

    numbers: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    counts: Counts

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many rows each interval has."""
        import numpy as np

        return np.diff(self.ends, prepend=0)

    @property
    def weights(self) -> npt.NDArray[Any]:
        """The counts as numbers of 64 bits, which are rounded where they need more."""
        import numpy as np

        return self.counts.astype(np.float64) if self.counts.dtype == object else self.counts

    @property
    def sums(self) -> Counts:
        """How many times each interval has."""
        return _sums(self.counts, self.ends)

    def over(self, bound: float) -> Counts:
        """How many times of each interval are over a bound, in seconds."""
        import numpy as np

        return _sums(np.where(self.values > bound, self.counts, 0), self.ends)

    def quantile(self, q: float) -> npt.NDArray[np.float64]:
        """`Distribution.quantile` of each interval; NaN for one without times."""
        import numpy as np

        found = np.full(len(self.ends), np.nan)
        filled = np.flatnonzero(self.sizes)
        cumulative = np.cumsum(self.weights)
        total = _sums(self.weights, self.ends)[filled]
        ends = cumulative[self.ends[filled] - 1]
        ranks = np.maximum(1, np.ceil(q * total - RANK_NOISE).astype(total.dtype))
        found[filled] = self.values[np.searchsorted(cumulative, ends - (total - ranks))]
        return found

    @property
    def total(self) -> Distribution:
        """The times of all intervals."""
        import numpy as np

        values, places = np.unique(self.values, return_inverse=True)
        total = np.zeros(len(values), dtype=self.counts.dtype)
        np.add.at(total, places, self.counts)
        return Distribution(tuple(values.tolist()), tuple(total.tolist()))

    def distributions(self) -> Iterator[Distribution]:
        """The times of each interval."""
        values, counts = self.values.tolist(), self.counts.tolist()
        begin = 0
        for end in self.ends.tolist():
            yield Distribution(tuple(values[begin:end]), tuple(counts[begin:end]))
            begin = end


def rows_of(batches: Mapping[int, Distribution] | Sequence[Distribution]) -> IntervalRows:
    """The rows of distributions by number, or of a list of distributions numbered from 0."""
    import numpy as np

    if isinstance(batches, IntervalTimes | BatchTimes):
        return batches.rows
    found = dict(sorted(batches.items()) if isinstance(batches, Mapping) else enumerate(batches))
    sizes = [len(times.values) for times in found.values()]
    values = chain.from_iterable(times.values for times in found.values())
    counts = [count for times in found.values() for count in times.counts]
    whole: Any = object if sum(counts) > _MOST else np.int64
    return IntervalRows(
        np.array([*found], dtype=np.int64),
        np.cumsum(np.array(sizes, dtype=np.int64)),
        np.fromiter(values, np.float64),
        np.array(counts, dtype=whole),
    )


def merged_rows(parts: Sequence[IntervalRows]) -> IntervalRows:
    """The times of all parts by interval."""
    import numpy as np

    if len(parts) == 1:
        return parts[0]
    if not parts:
        return rows_of(())
    numbers = np.unique(np.concatenate([part.numbers for part in parts]))
    every = np.concatenate(
        [np.repeat(np.searchsorted(numbers, part.numbers), part.sizes) for part in parts]
    )
    values = np.concatenate([part.values for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    if counts.dtype != object:
        whole = object if counts.sum(dtype=np.float64) > _MOST else np.int64
        counts = counts.astype(whole)
    order = np.lexsort((values, every))
    every, values, counts = every[order], values[order], counts[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (every[1:] != every[:-1]) | (values[1:] != values[:-1])
    first = np.flatnonzero(new)
    ends = np.searchsorted(every[first], np.arange(len(numbers)), side="right")
    counts = np.add.reduceat(counts, first) if len(first) else counts
    return IntervalRows(numbers, ends, values[first], counts)


class IntervalTimes(Mapping[int, Distribution]):
    """The distribution of each interval by its number, made when it is read.

    Args:
        columns: As `together` has them; rows with negative numbers are left out.
    """

    def __init__(self, columns: Columns) -> None:
        import numpy as np

        begin = int(np.searchsorted(columns.places, 0))
        places, self._counts = columns.places[begin:], columns.counts[begin:].copy()
        self._indexes = (places & (1 << _INDEX_BITS) - 1).astype(np.uint16)
        numbers = places >> _INDEX_BITS
        last = np.flatnonzero(np.diff(numbers, append=-1))
        self._numbers, self._ends = numbers[last], last + 1

    def __getitem__(self, number: int) -> Distribution:
        place = self._places[number]
        end = int(self._ends[place])
        begin = int(self._ends[place - 1]) if place else 0
        values = _middles()[self._indexes[begin:end]].tolist()
        return Distribution(tuple(values), tuple(self._counts[begin:end].tolist()))

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._places

    def items(self) -> ItemsView[int, Distribution]:
        """Numbers and distributions, in the order of time."""
        return self._distributions().items()

    def values(self) -> ValuesView[Distribution]:
        """The distributions, in the order of time."""
        return self._distributions().values()

    @property
    def rows(self) -> IntervalRows:
        """The times of all intervals, in arrays."""
        return IntervalRows(self._numbers, self._ends, _middles()[self._indexes], self._wide_counts)

    @property
    def _wide_counts(self) -> Counts:
        import numpy as np

        return self._counts if self._counts.dtype == object else self._counts.astype(np.int64)

    @property
    def sums(self) -> tuple[npt.NDArray[np.int64], Counts]:
        """The numbers of the intervals, and how many times each has."""
        return self._numbers, _sums(self._wide_counts, self._ends)

    @cached_property
    def total(self) -> Distribution:
        """The times of all intervals."""
        import numpy as np

        counts = self._wide_counts
        total = np.zeros(LAST_INDEX + 1, dtype=counts.dtype)
        np.add.at(total, self._indexes, counts)
        used = np.flatnonzero(total)
        return Distribution(tuple(_middles()[used].tolist()), tuple(total[used].tolist()))

    @cached_property
    def _places(self) -> dict[int, int]:
        """The place of each interval among the others, by its number."""
        return {number: place for place, number in enumerate(self._numbers.tolist())}

    def _distributions(self) -> dict[int, Distribution]:
        return dict(zip(self._places, self.rows.distributions(), strict=True))


class BatchTimes(Sequence[Distribution]):
    """Distributions in the order of time, made when they are read."""

    def __init__(self, rows: IntervalRows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows.ends)

    @overload
    def __getitem__(self, place: int) -> Distribution: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Distribution]: ...

    def __getitem__(self, place: int | slice) -> Distribution | Sequence[Distribution]:
        if isinstance(place, slice):
            return tuple(self)[place]
        _, ends, values, counts = self.rows
        place = range(len(ends))[place]
        within = slice(int(ends[place - 1]) if place else 0, int(ends[place]))
        return Distribution(tuple(values[within].tolist()), tuple(counts[within].tolist()))

    def __iter__(self) -> Iterator[Distribution]:
        return self.rows.distributions()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def counts_of(parts: Iterable[Mapping[int, Distribution]]) -> dict[int, int]:
    """How many times each interval has in all parts together, by its number."""
    import numpy as np

    found: dict[int, int] = {}
    stored = []
    for part in parts:
        if isinstance(part, IntervalTimes):
            stored.append(part.sums)
            continue
        for number, times in part.items():
            found[number] = found.get(number, 0) + times.count
    if stored:
        every, sums = (np.concatenate(column) for column in zip(*stored, strict=True))
        numbers, places = np.unique(every, return_inverse=True)
        total = np.zeros(len(numbers), dtype=sums.dtype)
        np.add.at(total, places, sums)
        for number, count in zip(numbers.tolist(), total.tolist(), strict=True):
            found[number] = found.get(number, 0) + count
    return found


def _sums(counts: Counts, ends: npt.NDArray[np.int64]) -> Counts:
    """The sums of counts up to each end from the one before."""
    import numpy as np

    return np.diff(np.concatenate(([0], np.cumsum(counts)))[ends], prepend=0)


@cache
def _middles() -> npt.NDArray[np.float64]:
    """The middle of each bucket in seconds, by its index; as `cells.middle_of`."""
    import numpy as np

    buckets = buckets_of(np.arange(LAST_INDEX + 1))
    after = buckets_of(np.arange(1, LAST_INDEX + 2))
    return (buckets + (after - buckets - 1) / 2) / 1e9
