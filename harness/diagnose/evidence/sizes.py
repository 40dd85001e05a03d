"""What the bytes of answers consist of: missing compression, items beyond a page, fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from harness.diagnose.answers import FEWEST, Analysis
from harness.diagnose.model import Cause
from harness.diagnose.shares import shares
from harness.runs.recording.answer_shape import AnswerShape
from harness.units import Unit, format_quantity

# The threshold of Express's compression; below it some servers save the CPU time.
_COMPRESSED_FROM: Final = 1024  # bytes
_SAVES: Final = 0.5  # share of the bytes that gzip saves at least, as of text
_TIMES: Final = 2  # the items that were asked for
# The largest page of GitHub's and of Stripe's API.
_LARGEST_PAGE: Final = 100  # items
_FEW: Final = 8  # fields that are listed


def answer_sizes(answers: Sequence[AnswerShape]) -> Analysis:
    """The bytes of answers by what they consist of.

    Args:
        answers: Of the requests that the budget is about.
    """
    if len(answers) < FEWEST:
        return Analysis(missing=f"fewer than {FEWEST} whole answers of these requests were kept")
    mean = format_quantity(fmean(one.wire for one in answers), Unit.BYTES)
    names = sorted({one.request for one in answers})
    where = names[0] if len(names) == 1 else f"{len(names)} requests"
    about = f"the bytes of {len(answers)} answers ({where}, {mean} on average)"
    found = shares([_parts(one) for one in answers])
    causes = (*_uncompressed(answers, found[0]), *_items(answers, found[1]), *_fields(answers))
    return Analysis(about, causes)


def _parts(one: AnswerShape) -> tuple[float, float, float]:
    """Bytes on the wire: those that gzip would save, those of items beyond a page, the rest."""
    saved = float(one.wire - one.gzip) if _is_uncompressed(one) else 0.0
    left = one.wire - saved
    beyond = left * min(1.0, one.item_bytes / one.size) * _beyond(one)
    return saved, beyond, left - beyond


def _is_uncompressed(one: AnswerShape) -> bool:
    if one.coding not in {"", "identity"} or not _accepts_gzip(one.accepts):
        return False
    return one.wire >= _COMPRESSED_FROM and one.gzip <= (1 - _SAVES) * one.wire


def _accepts_gzip(accepts: str) -> bool:
    """Whether an Accept-Encoding names gzip with a weight above 0 (RFC 9110, 12.5.3)."""
    for coding in accepts.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in {"gzip", "x-gzip", "*"}:
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _page(one: AnswerShape) -> int | None:
    """The size of the page that the request asks for, or that the answer states."""
    return one.told if one.asked is None else one.asked


def _beyond(one: AnswerShape) -> float:
    """The share of the items of an answer that a page should not have."""
    if not one.items:
        return 0.0
    page = _page(one)
    most = _LARGEST_PAGE if page is None else page
    least = most if page is None else _TIMES * page
    return (one.items - most) / one.items if one.items > least else 0.0


def _uncompressed(
    answers: Iterable[AnswerShape], share: tuple[float, float, float]
) -> Iterable[Cause]:
    without = [one for one in answers if _is_uncompressed(one)]
    if not without:
        return
    size, packed = (
        format_quantity(fmean(each), Unit.BYTES)
        for each in ([one.wire for one in without], [one.gzip for one in without])
    )
    yield Cause(
        *("answer", "answers are not compressed", *share),
        f"{size} each, {packed} with gzip",
        advice="compress answers from 1 KiB on, in the service or in front of it",
        sign="the requests accept gzip",
    )


def _items(answers: Iterable[AnswerShape], share: tuple[float, float, float]) -> Iterable[Cause]:
    large = [one for one in answers if _beyond(one)]
    if not large:
        return
    number = fmean(one.items or 0 for one in large)
    place = f" in {large[0].place!r}" if large[0].place else ""
    pages = [page for one in large if (page := _page(one)) is not None]
    sign = f"the largest page of usual APIs has {_LARGEST_PAGE}"
    if len(pages) == len(large):
        sign = f"a page has {fmean(pages):.3g} by the request or the answer itself"
    each = format_quantity(fmean(one.item_bytes / (one.items or 1) for one in large), Unit.BYTES)
    yield Cause(
        *("answer", f"{number:.3g} items in an answer{place}", *share),
        f"{each} of JSON an item",
        advice="limit the number of items in the statement that loads them",
        sign=sign,
    )


def _fields(answers: Sequence[AnswerShape]) -> list[Cause]:
    """Fields by their share of the decoded bytes; what is large may well be what is asked for."""
    sums: dict[str, int] = {}
    for one in answers:
        for name, size in one.fields:
            full = f"{one.place}[].{name}" if one.items is not None else name
            sums[full] = sums.get(full, 0) + size
    whole = sum(one.size for one in answers)
    largest = sorted(sums, key=lambda name: -sums[name])[:_FEW]
    found = ((name, sums[name], min(1.0, sums[name] / whole)) for name in largest)
    return [
        Cause(
            *("answer", f"field {name}", part, part, part),
            f"{format_quantity(size / len(answers), Unit.BYTES)} of JSON in an answer",
        )
        for name, size, part in found
    ]
