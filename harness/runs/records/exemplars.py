"""exemplars.jsonl: requests that the service's own histograms name, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from harness.runs.records.lines import LineLog, read_lines

MOST_EXEMPLARS: Final = 2000  # that are stored, and read


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A request that a bucket of a histogram names.

    Attributes:
        metric: The name of the histogram, without "_bucket".
        labels: Of the bucket, without its edge.
        value: What was observed, in the unit of the metric.
        trace_id: 32 hexadecimal digits.
    """

    metric: str
    labels: Mapping[str, str]
    value: float
    trace_id: str


_EXEMPLAR = TypeAdapter(Exemplar)


class ExemplarLog(LineLog):
    """Writes exemplars.jsonl."""

    def write(self, exemplars: Iterable[Exemplar]) -> None:
        """Add a line for each, of at most `MOST_EXEMPLARS`."""
        some = islice(exemplars, MOST_EXEMPLARS)
        self.append("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in some))


def read_exemplars(path: Path) -> tuple[Exemplar, ...]:
    """The exemplars of a file; a last line that is cut off is left out. Without the file: none.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    return tuple(islice(read_lines(path, _EXEMPLAR), MOST_EXEMPLARS))
