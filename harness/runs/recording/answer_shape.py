"""What an answer consists of, as a generator reports it and as a run has it.

No body is stored: a size has nothing to hide, and a large answer needs as little room as a small
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_ANSWERS: Final = 10  # of a request that are kept
MOST_SHAPES: Final = 500  # of a run
MOST_FIELDS: Final = 12  # of an answer
LARGEST_BODY: Final = 4 * 2**20  # bytes; a larger body is not looked at


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What an answer consists of, without its content.

    Attributes:
        request: As budgets.yaml names it: "GET /contacts".
        trace_id: 32 hexadecimal digits; empty without a trace id.
        content_type: The header of the answer.
        coding: Its Content-Encoding; empty without one.
        accepts: The Accept-Encoding of the request.
        wire: Bytes of the body as it was sent.
        size: Bytes of the decoded body.
        gzip: Bytes of the decoded body compressed with gzip, level 6.
        items: Number of items in the largest array of a body of JSON; None where there is none.
        place: Of this array, such as "items" or "data.rows"; empty for the body itself.
        item_bytes: Bytes of the array, encoded without spaces.
        asked: The number of items that the query of the request asks for.
        told: The size of the page by the answer itself, such as `"size": 20` beside the array.
        fields: Bytes by field, of all items together, the largest first; of the body where it has
            no array.
    """

    request: str
    trace_id: str
    content_type: str
    coding: str
    accepts: str
    wire: int
    size: int
    gzip: int
    items: int | None = None
    place: str = ""
    item_bytes: int = 0
    asked: int | None = None
    told: int | None = None
    fields: tuple[tuple[str, int], ...] = ()
