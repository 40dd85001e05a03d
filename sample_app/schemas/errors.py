"""The one shape of every error."""

from __future__ import annotations

from pydantic import BaseModel


class ErrorOut(BaseModel):
    """What went wrong.

    Attributes:
        code: A stable word for programs, such as `not_found`.
        message: A sentence for people.
        details: Facts for programs; what it holds depends on the code.
    """

    code: str
    message: str
    details: dict[str, object]
